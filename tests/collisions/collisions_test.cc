// SPDX-License-Identifier: Apache-2.0
// Goal: a hash only narrows: names and ids whose hashes are the same are told from each other, in tables, runs and
// merged runs, by readers, appenders and conditions. Method: in this program the hash of keys and that of ids is what a
// test says (CMakeLists.txt): one for all, or the same in the parts that some table goes by. Random lives with index
// files of a few events are held against what was appended.
#include <array>
#include <cstdint>
#include <gtest/gtest.h>
#include <ostream>
#include <string>

#include "platform/checksum.h"
#include "tests/store/index_life.h"

namespace tidemark {

namespace {

enum class Hashing : std::uint8_t {
  kReal,
  kOneForAll,
  kThree,          // three in all
  kLowIsOne,       // what tables in memory go by, and the table of a run
  kTopOfLowIsOne,  // the bits that stand in the table of a run
  kHighIsOne,
  kKindsAreOne,  // a name as a stream, a category, a type and a tag
};
Hashing hashing = Hashing::kReal;

constexpr std::uint64_t kTop32 = 0xFFFF'FFFF'0000'0000;

platform::Hash128 changed(platform::Hash128 hash, const platform::Hash128& without_kind) {
  switch (hashing) {
    case Hashing::kReal:
      break;
    case Hashing::kOneForAll:
      return {.low = 1, .high = 1};
    case Hashing::kThree:
      return {.low = hash.low % 3, .high = 0};
    case Hashing::kLowIsOne:
      hash.low = 7;
      break;
    case Hashing::kTopOfLowIsOne:
      hash.low &= ~kTop32;
      break;
    case Hashing::kHighIsOne:
      hash.high = 7;
      break;
    case Hashing::kKindsAreOne:
      return without_kind;
  }
  return hash;
}

std::uint64_t changed_id(std::uint64_t hash) {
  switch (hashing) {
    case Hashing::kOneForAll:
      return 1;
    case Hashing::kThree:
      return hash % 3 << 60U;
    case Hashing::kLowIsOne:
      return hash | 0xFFFF'FFFF;
    case Hashing::kTopOfLowIsOne:
      return hash & ~kTop32;
    default:
      return hash;
  }
}

}  // namespace

// By the linker's names, of platform::xxh3_128 and index::hash_id.
platform::Hash128 real_xxh3_128(std::span<const std::byte> bytes, std::uint64_t seed) asm(
    "__real__ZN8tidemark8platform8xxh3_128ESt4spanIKSt4byteLm18446744073709551615EEm");
platform::Hash128 wrapped_xxh3_128(std::span<const std::byte> bytes, std::uint64_t seed) asm(
    "__wrap__ZN8tidemark8platform8xxh3_128ESt4spanIKSt4byteLm18446744073709551615EEm");
std::uint64_t real_hash_id(const EventId& id) asm("__real__ZN8tidemark5index7hash_idERKNS_7EventIdE");
std::uint64_t wrapped_hash_id(const EventId& id) asm("__wrap__ZN8tidemark5index7hash_idERKNS_7EventIdE");

platform::Hash128 wrapped_xxh3_128(std::span<const std::byte> bytes, std::uint64_t seed) {
  return changed(real_xxh3_128(bytes, seed), real_xxh3_128(bytes, 0));
}
std::uint64_t wrapped_hash_id(const EventId& id) { return changed_id(real_hash_id(id)); }

namespace {

using namespace test;

class Collisions : public testing::TestWithParam<Hashing> {
 protected:
  void SetUp() override { hashing = GetParam(); }
  void TearDown() override { hashing = Hashing::kReal; }
};

// Expectations and conditions that hold for the names that are meant, and fail for them alone.
void decide(IndexedLife& life) {
  std::map<std::string, std::uint64_t> heads;
  std::map<std::string, std::uint64_t> types;
  for (std::size_t i = 0; i < life.facts.size(); ++i) {
    heads[life.facts[i].stream] = life.facts[i].version;
    types.try_emplace(life.facts[i].type, i);
  }
  Batch right;
  for (const auto& [stream, head] : heads) { right.check(stream, Expect::exactly(head)); }
  for (const char* absent : {"absent", "T1", "tag:1", "a-99"}) { right.check(absent, Expect::no_stream()); }
  right.fail_if_match(Query::type("a")).fail_if_match(Query::tag("T1")).fail_if_match(Query::type("T9"));
  EXPECT_TRUE(ok(life.store->append(right)));
  for (const auto& [type, first] : types) {
    Batch wrong;
    wrong.fail_if_match(Query::type(type));
    const auto refused = life.store->append(wrong);
    ASSERT_TRUE(fails_with(refused, ErrorCode::kMatchConflict));
    EXPECT_EQ(refused.error().match_conflicts().front().position.value(), first);
  }
}

TEST_P(Collisions, AnswersAreRight) {
  std::uint64_t files = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    IndexedLife life(seed);
    life.open();
    life.append_some();
    for (int round = 0; round < 30; ++round) {
      switch (life.pick(8)) {
        case 0:
          life.close();
          life.open();
          break;
        case 1:
          life.world.files.kill_process();
          life.store.reset();
          life.open();
          life.take_what_is_there();
          break;
        case 2: {
          const Store beside = life.world.open({.read_only = true});
          life.expect_right(beside, beside.info().events);
          break;
        }
        default:
          life.append_some();
      }
      if (HasFatalFailure()) { return; }
    }
    life.expect_right();
    decide(life);
    files += life.index_files().size();
    // An append that is repeated finds its own ids.
    const Fact& fact = life.facts[life.pick(life.facts.size())];
    const auto found = must(life.store->event_by_id(fact.id));
    ASSERT_TRUE(found);
    EXPECT_EQ(as_text(found->data), fact.data);
    life.close();
    if (HasFatalFailure()) { return; }
  }
  EXPECT_GT(files, 8U);
}

// A name of each kind, the same one: hashes without the kind find all four at once.
TEST_P(Collisions, OneNameOfEveryKind) {
  World world;
  world.index = {.files = true, .table_events = 2, .merge_runs = 2, .close_events = 1};
  for (int round = 0; round < 2; ++round) {
    Store store = world.open();
    for (int i = 0; i < 6; ++i) {
      NewEvent one{.type = i % 2 == 0 ? "x" : "y"};
      if (i % 3 == 0) { one.tags = {"x"}; }
      must(store.append(i % 3 == 1 ? "x" : "y", Expect::any(), {one}));
    }
    const std::uint64_t rounds = static_cast<std::uint64_t>(round) + 1;
    EXPECT_EQ(read(store, Query::type("x")).size(), 3 * rounds);
    EXPECT_EQ(read(store, Query::tag("x")).size(), 2 * rounds);
    EXPECT_EQ(read(store, Query::stream("x")).size(), 2 * rounds);
    EXPECT_EQ(read(store, Query::category("x")).size(), 2 * rounds);
    EXPECT_EQ(read(store, Query::tag("y")).size(), 0U);
    must(store.close());
  }
}

std::string name_of(const testing::TestParamInfo<Hashing>& one) {
  constexpr std::array kNames{"Real", "OneForAll", "Three", "LowIsOne", "TopOfLowIsOne", "HighIsOne", "KindsAreOne"};
  return kNames[static_cast<std::size_t>(one.param)];
}

INSTANTIATE_TEST_SUITE_P(Of, Collisions,
                         testing::Values(Hashing::kReal, Hashing::kOneForAll, Hashing::kThree, Hashing::kLowIsOne,
                                         Hashing::kTopOfLowIsOne, Hashing::kHighIsOne, Hashing::kKindsAreOne),
                         name_of);

// The linker did what it was asked.
TEST(CollisionsSeam, TheHashIsTheTests) {
  hashing = Hashing::kOneForAll;
  EXPECT_EQ(index::make_key(index::KeyKind::kStream, "a").hash, index::make_key(index::KeyKind::kTag, "b").hash);
  hashing = Hashing::kReal;
  EXPECT_NE(index::make_key(index::KeyKind::kStream, "a").hash, index::make_key(index::KeyKind::kTag, "b").hash);
}

}  // namespace
}  // namespace tidemark
