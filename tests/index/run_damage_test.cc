// SPDX-License-Identifier: Apache-2.0
// Goal: a run that is damaged, cut or made up to do harm answers as it did or says that it is damaged; nothing is read
// outside of it, and every question ends. Method: every bit of a small run and bits all over a larger one; every
// length; every number of the header absurd, every byte behind it changed, with right checksums; a medium that fails.
// Sanitizers watch.
#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <limits>

#include "index/merged_run_source.h"
#include "platform/sim/sim_file_system.h"
#include "tests/index/run_answers.h"
#include "tests/sampled.h"

namespace tidemark::index {
namespace {

using test::Answers;
using test::ask;
using test::mend;
using test::Model;
using test::random_model;
using test::RunPointer;

// Each answer is the one that was, or none.
void expect_same_or_damaged(const Model& model, std::span<const std::byte> bytes, const Answers& whole,
                            std::uint64_t every = 1) {
  const auto run = index::Run::over(bytes);
  if (!run) {
    EXPECT_EQ(run.error().code(), ErrorCode::kDamaged);
    return;
  }
  const Answers answers = ask(model, **run, every);
  std::size_t at = 0;
  for (const auto& answer : answers) {
    // A key that could not be looked for leaves out what was asked about it: go on where the texts agree again.
    if (!answer) { continue; }
    while (at < whole.size() && whole[at] != answer) { ++at; }
    ASSERT_LT(at, whole.size()) << "a new answer: " << *answer;
    ++at;
  }
}

TEST(RunDamage, EverySingleBitOfASmallRun) {
  const Model model = random_model(1, 260, 20);
  const std::vector<std::byte> bytes = model.bytes(60, 260);
  ASSERT_LT(bytes.size(), kWindowBytes);
  const Answers whole = ask(model, **index::Run::over(bytes));
  for (const auto& answer : whole) { ASSERT_TRUE(answer.has_value()); }
  std::vector<std::byte> changed = bytes;
  for (std::size_t bit = 0; bit < bytes.size() * 8; bit += tidemark::test::kSampleStep) {
    changed[bit / 8] ^= std::byte{1} << bit % 8;
    ASSERT_NO_FATAL_FAILURE(expect_same_or_damaged(model, changed, whole, 3 + bit % 7)) << "bit " << bit;
    changed[bit / 8] = bytes[bit / 8];
  }
}

TEST(RunDamage, BitsAllOverALargerRun) {
  const Model model = random_model(2, 20'000, 3000);
  const std::vector<std::byte> bytes = model.bytes(0, 20'000);
  ASSERT_GT(bytes.size(), 10 * kWindowBytes);
  const std::uint64_t every = 97;
  const Answers whole = ask(model, **index::Run::over(bytes), every);
  std::vector<std::byte> changed = bytes;
  std::uint64_t survived = 0;
  for (std::size_t at = kRunHeaderBytes; at < bytes.size(); at += 701) {
    changed[at] ^= std::byte{1} << at % 8;
    ASSERT_NO_FATAL_FAILURE(expect_same_or_damaged(model, changed, whole, every)) << "byte " << at;
    const auto run = index::Run::over(changed);
    if (run) { survived += (*run)->place(Position(0)) && (*run)->place(Position(19'999)) ? 1U : 0U; }
    changed[at] = bytes[at];
  }
  EXPECT_GT(survived, 0U) << "what lies in other windows is still read";
}

TEST(RunDamage, TheErrorNamesFileAndPlace) {
  const Model model = random_model(2, 20'000, 3000);
  std::vector<std::byte> bytes = model.bytes(0, 20'000);
  RunHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  const std::uint64_t at = header.section(SectionName::kPlaces).offset;
  bytes[at] ^= std::byte{4};
  platform::SimFileSystem files;
  files.set_contents("/run", bytes);
  auto file = files.open("/run", platform::OpenMode::kRead);
  const auto run = index::Run::open(**file, "/run");
  ASSERT_TRUE(run.has_value());
  const auto place = (*run)->place(Position(0));
  ASSERT_FALSE(place.has_value());
  EXPECT_EQ(place.error().code(), ErrorCode::kDamaged);
  EXPECT_EQ(place.error().path(), "/run");
  EXPECT_EQ(place.error().offset(), Offset(at / kWindowBytes * kWindowBytes));
}

TEST(RunDamage, EveryLengthButItsOwnIsRefused) {
  const Model model = random_model(3, 150, 30);
  std::vector<std::byte> bytes = model.bytes(0, 150);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    const auto run = index::Run::over(cut);
    ASSERT_FALSE(run.has_value()) << n;
    EXPECT_EQ(run.error().code(), ErrorCode::kDamaged);
  }
  bytes.resize(bytes.size() + 8);
  EXPECT_EQ(index::Run::over(bytes).error().code(), ErrorCode::kDamaged);
}

TEST(RunDamage, ANewerFormatIsRefusedAsSuch) {
  std::vector<std::byte> bytes = random_model(3, 50, 30).bytes(0, 50);
  bytes[offsetof(RunHeader, format_minor)] = std::byte{1};
  mend(bytes);
  EXPECT_TRUE(index::Run::over(bytes).has_value());
  bytes[offsetof(RunHeader, format_major)] = std::byte{2};
  mend(bytes);
  EXPECT_EQ(index::Run::over(bytes).error().code(), ErrorCode::kUnsupportedFormat);
  bytes[offsetof(RunHeader, format_major)] = std::byte{0};
  mend(bytes);
  EXPECT_EQ(index::Run::over(bytes).error().code(), ErrorCode::kDamaged);
}

// Asks a hostile run, and merges it: no answer is wrong here, as long as there is one.
void expect_an_end(const Model& model, std::span<const std::byte> bytes, std::uint64_t every) {
  const auto run = index::Run::over(bytes);
  if (!run) {
    EXPECT_EQ(run.error().code(), ErrorCode::kDamaged);
    return;
  }
  (void)ask(model, **run, every);
  auto merged = MergedRunSource::make({*run});
  ASSERT_TRUE(merged.has_value());
  const auto written = build_run(**merged, model.options());
  if (!written) {
    EXPECT_TRUE(written.error().code() == ErrorCode::kDamaged || written.error().code() == ErrorCode::kLimitExceeded)
        << to_string(written.error());
    return;
  }
  EXPECT_LT(written->size(), 4 * bytes.size() + 4096);
}

constexpr std::array<std::uint64_t, 14> kAbsurd = {0,
                                                   1,
                                                   2,
                                                   0x7F,
                                                   0xFFFF,
                                                   0x7FFF'FFFF,
                                                   0xFFFF'FFFF,
                                                   0x1'0000'0000,
                                                   0xFF'FFFF'FFFF,
                                                   0x7FFF'FFFF'FFFF'FFFF,
                                                   0x8000'0000'0000'0000,
                                                   0xFFFF'FFFF'FFFF'0000,
                                                   0xFFFF'FFFF'FFFF'FFF8,
                                                   0xFFFF'FFFF'FFFF'FFFF};

TEST(RunDamage, AbsurdHeadersWithRightChecksums) {
  const Model model = random_model(4, 300, 40);
  const std::vector<std::byte> bytes = model.bytes(50, 300);
  const auto with = [&](std::size_t at, std::uint64_t value) {
    std::vector<std::byte> changed = bytes;
    std::memcpy(changed.data() + at, &value, sizeof value);
    mend(changed, false);
    ASSERT_NO_FATAL_FAILURE(expect_an_end(model, changed, 13)) << "offset " << at << " value " << value;
  };
  for (std::size_t at = 16; at + 8 <= kRunHeaderBytes; at += 4) {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    for (const std::uint64_t absurd : kAbsurd) { with(at, absurd); }
    for (const std::uint64_t step : {1U, 2U, 8U, 16U, 32U, 64U, 4096U}) {
      with(at, value + step);
      with(at, value - step);
    }
  }
}

// What the file's size and the sections hang on is refused at once.
TEST(RunDamage, SectionsThatDoNotFitAreRefused) {
  const Model model = random_model(4, 300, 40);
  const std::vector<std::byte> bytes = model.bytes(50, 300);
  std::vector<std::size_t> numbers = {offsetof(RunHeader, file_size), offsetof(RunHeader, kinds),
                                      offsetof(RunHeader, windows_checksum)};
  for (std::size_t i = 0; i < 2 * kSectionCount; ++i) { numbers.push_back(offsetof(RunHeader, sections) + i * 8); }
  for (const std::size_t at : numbers) {
    for (const std::uint64_t absurd : kAbsurd) {
      std::vector<std::byte> changed = bytes;
      std::memcpy(changed.data() + at, &absurd, sizeof absurd);
      if (changed == bytes) { continue; }
      mend(changed, false);
      const auto run = index::Run::over(changed);
      ASSERT_FALSE(run.has_value()) << at << " " << absurd;
      EXPECT_EQ(run.error().code(), ErrorCode::kDamaged);
    }
  }
}

TEST(RunDamage, EveryByteChangedWithRightChecksums) {
  const Model model = random_model(5, 260, 12);
  const std::vector<std::byte> bytes = model.bytes(30, 260);
  std::vector<std::byte> changed = bytes;
  for (std::size_t at = kRunHeaderBytes; at < bytes.size(); at += tidemark::test::kSampleStep) {
    const auto was = std::to_integer<unsigned>(bytes[at]);
    for (const unsigned value : {0U, 0xFFU, was + 1, was - 1, was ^ 0x90U}) {
      changed = bytes;
      changed[at] = static_cast<std::byte>(value);
      mend(changed);
      ASSERT_NO_FATAL_FAILURE(expect_an_end(model, changed, 9)) << "offset " << at << " value " << value;
    }
  }
}

TEST(RunDamage, BytesChangedAtRandomWithRightChecksums) {
  const Model model = random_model(6, 500, 60);
  const std::vector<std::byte> bytes = model.bytes(0, 500);
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<std::byte> changed = bytes;
    for (std::uint64_t n = 1 + random() % 8; n > 0; --n) {
      const std::size_t at = kRunHeaderBytes + random() % (bytes.size() - kRunHeaderBytes);
      const std::size_t length = std::min<std::size_t>(1 + random() % 16, bytes.size() - at);
      const std::byte value = static_cast<std::byte>(random());
      for (std::size_t i = 0; i < length; ++i) {
        changed[at + i] = seed % 3 == 0 ? value : static_cast<std::byte>(random());
      }
    }
    mend(changed);
    ASSERT_NO_FATAL_FAILURE(expect_an_end(model, changed, 9)) << "seed " << seed;
  }
}

// Many keys over one list would make a small file a long way.
TEST(RunDamage, ListsThatLieOverEachOtherAreFound) {
  Model model;
  for (std::uint64_t i = 0; i < 200; ++i) {
    model.events.push_back({.keys = {{KeyKind::kTag, "a"}, {KeyKind::kTag, "b"}}, .id = {}, .place = {}});
  }
  std::vector<std::byte> bytes = model.bytes(0, 200);
  ASSERT_TRUE((*index::Run::over(bytes))->list(KeyKind::kTag, std::nullopt, "", 9).has_value());
  // "b" shares nothing, one byte follows, 200 positions, its list begins at 16.
  const std::array entry = {std::byte{0x01}, std::byte{'b'}, std::byte{0x90}, std::byte{0x03}, std::byte{16}};
  const auto found = std::ranges::search(bytes, entry);
  ASSERT_FALSE(found.empty());
  found.begin()[4] = std::byte{0};  // where that of "a" begins
  mend(bytes);
  const auto run = index::Run::over(bytes);
  ASSERT_TRUE(run.has_value());
  const auto listed = (*run)->list(KeyKind::kTag, std::nullopt, "", 9);
  ASSERT_FALSE(listed.has_value());
  EXPECT_EQ(listed.error().code(), ErrorCode::kDamaged);
  auto merged = MergedRunSource::make({*run});
  EXPECT_EQ(build_run(**merged, model.options()).error().code(), ErrorCode::kDamaged);
}

TEST(RunDamage, AMediumThatFails) {
  const Model model = random_model(2, 20'000, 3000);
  const std::vector<std::byte> bytes = model.bytes(0, 20'000);
  platform::SimFileSystem files;
  files.set_contents("/run", bytes);
  auto file = files.open("/run", platform::OpenMode::kRead);
  for (int failing = 0; failing < 6; ++failing) {
    int populated = 0;
    files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
      if (call.kind == platform::SeamCall::Kind::kMap && failing == 0) { return platform::SeamFault{.error = EIO}; }
      if (call.kind != platform::SeamCall::Kind::kPopulate || failing == 0) { return std::nullopt; }
      return ++populated == failing ? std::optional(platform::SeamFault{.error = EIO}) : std::nullopt;
    });
    const auto run = index::Run::open(**file, "/run");
    if (failing <= 2) {
      ASSERT_FALSE(run.has_value());
      EXPECT_EQ(run.error().code(), ErrorCode::kIo);
      continue;
    }
    ASSERT_TRUE(run.has_value());
    int failed = 0;
    for (std::uint64_t i = 0; i < 20'000; i += 5000) {
      const auto place = (*run)->place(Position(i));
      failed += place ? 0 : 1;
      EXPECT_EQ(place ? *(*run)->place(Position(i)) : *(*run)->place(Position(i)), model.events[i].place);
    }
    EXPECT_EQ(failed, 1) << "and the next attempt finds the medium well again";
  }
}

}  // namespace
}  // namespace tidemark::index
