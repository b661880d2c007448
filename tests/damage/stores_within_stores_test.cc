// SPDX-License-Identifier: Apache-2.0
// Goal: what users put into their events decides nothing. A store whose events hold the files of stores (frames,
// superblocks, whole segments, of itself and of others), or zeros alone, comes to the same verdicts as one with neutral
// bytes, and so does a store that holds such a store's files.
// Method: the same batches with other payloads of the same sizes, so that every frame stands at the same place; the
// same sampled list of damages to each, torn tails among them; the verdicts compared one by one.
#include <algorithm>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "engine/format/layout.h"
#include "tests/damage/judge.h"

namespace tidemark::damage {
namespace {

Payload neutral() {
  return [](std::size_t n, std::size_t size) {
    FileBytes bytes(size);
    std::uint64_t x = n + 1;
    for (std::byte& byte : bytes) {
      x = x * 6364136223846793005U + 1442695040888963407U;
      byte = static_cast<std::byte>((x >> 33U) | 1U);  // never zero
    }
    return bytes;
  };
}

Payload zeros() {
  return [](std::size_t, std::size_t size) { return FileBytes(size); };
}

// Each event holds a piece of the files, one event going on where the one before ended; shifted by its number, so that
// frames within come to stand at every offset from a multiple of eight.
Payload pieces_of(const FileMap& files) {
  FileBytes all;
  for (const auto& file : files) { all.insert(all.end(), file.second.begin(), file.second.end()); }
  return [all](std::size_t n, std::size_t size) {
    FileBytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) { bytes[i] = all[(n * 1777 + n % 8 + i) % all.size()]; }
    return bytes;
  };
}

// Every so manieth case of each kind; those that could come out otherwise for what the bytes are and not for what they
// mean (a block that is zeros already, a block put in another's place) are compared by whether they are right alone.
constexpr struct {
  Kind kind;
  std::uint64_t stride;
  bool same_verdict;
} kSampled[] = {{Kind::kBits, 997, true},  {Kind::kCut, 211, true},     {Kind::kFiles, 1, true},
                {Kind::kZeroed, 1, false}, {Kind::kSwapped, 97, false}, {Kind::kReplaced, 197, false},
                {Kind::kBytes, 499, false}};

struct Found {
  std::string what;
  Verdict verdict;
  bool comparable;
};

std::vector<Found> verdicts(const Sample& sample) {
  std::vector<Found> all;
  const DamageList list(sample);
  Judge judge(sample);
  for (const auto& sampled : kSampled) {
    for (std::uint64_t n = 0; n < list.count(sampled.kind); n += sampled.stride) {
      const auto damaged = list.make(sampled.kind, n);
      if (!damaged) {
        all.push_back({"unchanged", {}, false});
        continue;
      }
      all.push_back({damaged->what, judge.judge(*damaged), sampled.same_verdict});
      EXPECT_FALSE(all.back().verdict.wrong)
          << sample.name << ": " << damaged->what << ": " << *all.back().verdict.wrong;
    }
  }
  return all;
}

// The sectors of the last group's last frame that have not arrived, one after the other and all at once.
std::vector<Found> torn_tails(const Sample& sample) {
  std::vector<Found> all;
  Judge judge(sample);
  const FrameAt& last = sample.frames.back();
  for (std::uint64_t begin = last.begin; begin < last.end; begin = engine::round_up(begin + 1, engine::kSectorBytes)) {
    for (const bool to_end : {false, true}) {
      FileBytes bytes = sample.files.at(last.file);
      const std::uint64_t end =
          to_end ? last.end : std::min(engine::round_up(begin + 1, engine::kSectorBytes), last.end);
      std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(begin), bytes.begin() + static_cast<std::ptrdiff_t>(end),
                std::byte{0});
      Damaged torn{fmt::format("nothing written from {} to {}", begin, end), {}, {}};
      torn.changed.emplace(last.file, std::move(bytes));
      all.push_back({torn.what, judge.judge(torn), true});
      EXPECT_FALSE(all.back().verdict.wrong) << sample.name << ": " << torn.what << ": " << *all.back().verdict.wrong;
    }
  }
  return all;
}

class StoresWithinStoresTest : public testing::TestWithParam<Ending> {
 protected:
  Sample make(const Payload& payload) const { return make_sample(small_shape(), GetParam(), payload); }

  void expect_same(const Payload& payload) const {
    const Sample plain = make(neutral());
    const Sample other = make(payload);
    ASSERT_EQ(plain.frames.size(), other.frames.size());
    for (std::size_t i = 0; i < plain.frames.size(); ++i) {
      ASSERT_EQ(plain.frames[i].begin, other.frames[i].begin);
      ASSERT_EQ(plain.frames[i].end, other.frames[i].end);
    }
    compare(verdicts(plain), verdicts(other));
    if (GetParam() == Ending::kTail) { compare(torn_tails(plain), torn_tails(other)); }
  }

  static void compare(const std::vector<Found>& plain, const std::vector<Found>& other) {
    ASSERT_EQ(plain.size(), other.size());
    std::size_t compared = 0;
    for (std::size_t i = 0; i < plain.size(); ++i) {
      if (!plain[i].comparable || !other[i].comparable) { continue; }
      ++compared;
      // Whether a changed byte of an end that is cut anyway shows in the number of bytes cut depends on where its last
      // byte stands that is not zero; nothing else may depend on the bytes.
      const auto undecidable = [](const Found& found) { return found.verdict.what == Class::kUndecidable; };
      EXPECT_EQ(undecidable(plain[i]), undecidable(other[i])) << plain[i].what;
      EXPECT_EQ(plain[i].verdict.said, other[i].verdict.said) << plain[i].what;
    }
    EXPECT_GT(compared, 0U);
  }
};

TEST_P(StoresWithinStoresTest, FilesOfAnotherStore) { expect_same(pieces_of(make(neutral()).other)); }

// The same ids, the same segment numbers, the same epochs: only the places differ.
TEST_P(StoresWithinStoresTest, FilesOfTheSameStore) { expect_same(pieces_of(make(neutral()).files)); }

TEST_P(StoresWithinStoresTest, AStoreInAStoreInAStore) {
  const Sample inner = make(pieces_of(make(neutral()).files));
  expect_same(pieces_of(inner.files));
}

TEST_P(StoresWithinStoresTest, ZerosOnly) {
  const Sample zero = make(zeros());
  const Sample plain = make(neutral());
  ASSERT_EQ(plain.frames.size(), zero.frames.size());
  compare(verdicts(plain), verdicts(zero));
}

INSTANTIATE_TEST_SUITE_P(Endings, StoresWithinStoresTest, testing::ValuesIn(kEndings),
                         [](const auto& one) { return std::string(to_string(one.param)); });

}  // namespace
}  // namespace tidemark::damage
