// SPDX-License-Identifier: Apache-2.0
// Goal: a snapshot is given back as it was saved, for its stream, its schema and the version asked for, as long as its
// event is in the log; and whatever becomes of its file, the answer is a right one or none. Method: the rules one by
// one; then every byte of a file changed, every length cut, every call failed, files exchanged and logs put back.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "engine/format/snapshot_file.h"
#include "platform/checksum.h"
#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;
using namespace std::chrono_literals;
using Kind = platform::SeamCall::Kind;

class SnapshotTest : public testing::Test {
 protected:
  World world;
  Store store = world.open();

  void put(std::string_view stream, int events, Durability durability = Durability::kDurable) {
    for (int i = 0; i < events; ++i) {
      must(store.append(stream, Expect::any(), {event("T")}, {.durability = durability}));
    }
  }
  Status save(std::string_view stream, std::uint64_t version, std::string_view state,
              const SaveSnapshotOptions& options = {}) {
    return store.save_snapshot(stream, Version(version), as_bytes(state), options);
  }
  // "version state", or "none".
  std::string found(std::string_view stream, const FindSnapshotOptions& options = {}) const {
    const auto snapshot = must(store.snapshot(stream, options));
    if (!snapshot) { return "none"; }
    return std::to_string(snapshot->version.value()) + " " + std::string(as_text(snapshot->state));
  }
  std::string until(std::uint64_t version) const { return found("a", {.until = Version(version)}); }
  void reopen(const OpenOptions& options = {}) {
    must(store.close());
    store = world.open(options);
  }
  std::filesystem::path file_of(std::string_view stream) const {
    const auto place = engine::snapshot_place(stream);
    return world.folder / "snapshots" / place.folder / place.file;
  }
  std::vector<std::filesystem::path> snapshot_files() const {
    std::vector<std::filesystem::path> found;
    for (const auto& path : world.files.files()) {
      if (path.string().find("/snapshots/") != std::string::npos) { found.push_back(path); }
    }
    return found;
  }
};

TEST_F(SnapshotTest, IsGivenBack) {
  EXPECT_EQ(found("a"), "none");
  put("a", 5);
  EXPECT_EQ(found("a"), "none");
  ASSERT_TRUE(ok(save("a", 3, "three")));
  EXPECT_EQ(found("a"), "3 three");
  EXPECT_EQ(found("b"), "none");
  const auto snapshot = must(store.snapshot("a"));
  EXPECT_LT(snapshot->taken, world.clock.now());
  EXPECT_GT(snapshot->taken, world.clock.now() - 1s);
  reopen();
  EXPECT_EQ(found("a"), "3 three");
  ASSERT_TRUE(ok(save("a", 4, "")));
  EXPECT_EQ(found("a"), "4 ");
}

TEST_F(SnapshotTest, TheHighestVersionThatIsNotTooHigh) {
  put("a", 9);
  for (const std::uint64_t version : std::initializer_list<std::uint64_t>{2, 8, 5}) {
    ASSERT_TRUE(ok(save("a", version, "v" + std::to_string(version), {.keep = 3})));
  }
  EXPECT_EQ(found("a"), "8 v8");
  EXPECT_EQ(until(8), "8 v8");
  EXPECT_EQ(until(7), "5 v5");
  EXPECT_EQ(until(2), "2 v2");
  EXPECT_EQ(until(1), "none");
  EXPECT_EQ(until(1000), "8 v8");
}

TEST_F(SnapshotTest, OneVersionHasOneSnapshot) {
  put("a", 3);
  ASSERT_TRUE(ok(save("a", 1, "old")));
  ASSERT_TRUE(ok(save("a", 1, "new")));
  EXPECT_EQ(found("a"), "1 new");
  EXPECT_EQ(must(store.prune_snapshots({})).kept, 1U);
}

TEST_F(SnapshotTest, OnlyTheLastFewAreKept) {
  put("a", 9);
  for (std::uint64_t version = 0; version < 9; ++version) { ASSERT_TRUE(ok(save("a", version, "s"))); }
  EXPECT_EQ(until(6), "none");
  EXPECT_EQ(until(7), "7 s");
  EXPECT_EQ(found("a"), "8 s");
  ASSERT_TRUE(ok(save("a", 2, "late"))) << "whoever saves finds it again, though it is not among the highest";
  EXPECT_EQ(until(7), "2 late");
  EXPECT_EQ(found("a"), "8 s");
  ASSERT_TRUE(ok(save("a", 1, "one", {.keep = 1})));
  EXPECT_EQ(found("a"), "1 one");
}

TEST_F(SnapshotTest, AnotherSchemaIsAnotherSnapshot) {
  put("a", 9);
  ASSERT_TRUE(ok(save("a", 5, "first", {.schema = "order/1"})));
  ASSERT_TRUE(ok(save("a", 3, "second", {.schema = "order/2"})));
  EXPECT_EQ(found("a", {.schema = "order/1"}), "5 first");
  EXPECT_EQ(found("a", {.schema = "order/2"}), "3 second");
  EXPECT_EQ(found("a"), "none");
  EXPECT_EQ(found("a", {.schema = "order/"}), "none");
  for (std::uint32_t i = 0; i < 40; ++i) {
    world.clock.advance(1s);
    ASSERT_TRUE(ok(save("a", 2, "x", {.schema = "schema " + std::to_string(i)})));
  }
  EXPECT_EQ(must(store.prune_snapshots({})).kept, limits::kSnapshotsPerStreamMax);
  EXPECT_EQ(found("a", {.schema = "schema 39"}), "2 x");
  EXPECT_EQ(found("a", {.schema = "schema 24"}), "2 x");
  EXPECT_EQ(found("a", {.schema = "schema 23"}), "none") << "the oldest go";
}

TEST_F(SnapshotTest, IsRefused) {
  put("a", 3);
  EXPECT_TRUE(fails_with(save("a", 3, "x"), ErrorCode::kInvalidArgument)) << "no such event";
  EXPECT_TRUE(fails_with(save("b", 0, "x"), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(save("", 0, "x"), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(save("a", 0, "x", {.schema = "\n"}), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(save("a", 0, "x", {.schema = std::string(256, 's')}), ErrorCode::kLimitExceeded));
  EXPECT_TRUE(fails_with(save("a", 0, "x", {.keep = 0}), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(save("a", 0, "x", {.keep = 17}), ErrorCode::kLimitExceeded));
  EXPECT_TRUE(fails_with(save("a", 0, std::string(limits::kSnapshotBytesMax + 1, 'x')), ErrorCode::kLimitExceeded));
  EXPECT_TRUE(fails_with(store.snapshot(std::string(2000, 'x')), ErrorCode::kLimitExceeded));
  EXPECT_TRUE(fails_with(store.snapshot("a", {.schema = "\n"}), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(snapshot_files().empty());
  EXPECT_TRUE(ok(save("a", 0, std::string(limits::kSnapshotBytesMax, 'x'), {.schema = std::string(255, 's')})));
  EXPECT_TRUE(must(store.snapshot("a", {.schema = std::string(255, 's')})));
  reopen({.read_only = true});
  EXPECT_TRUE(fails_with(save("a", 0, "x"), ErrorCode::kReadOnly));
  EXPECT_TRUE(fails_with(store.prune_snapshots({}), ErrorCode::kReadOnly));
  EXPECT_TRUE(must(store.snapshot("a", {.schema = std::string(255, 's')}))) << "reading it is fine";
  must(store.close());
  EXPECT_TRUE(fails_with(save("a", 0, "x"), ErrorCode::kClosed));
  EXPECT_TRUE(fails_with(store.snapshot("a"), ErrorCode::kClosed));
  EXPECT_TRUE(fails_with(store.prune_snapshots({}), ErrorCode::kClosed));
}

// --- the log is the truth ---

TEST_F(SnapshotTest, MakesItsEventDurableFirst) {
  put("a", 3, Durability::kBuffered);
  put("b", 3, Durability::kBuffered);
  ASSERT_TRUE(ok(save("a", 1, "one")));
  EXPECT_GE(store.info().durable, Position(2));
  world.files.power_on(1, 0.0);
  store = world.open();
  EXPECT_EQ(read(store, Query::stream("a")).size(), 3U);
}

TEST_F(SnapshotTest, IsNotSavedIfItsEventCannotBecomeDurable) {
  put("a", 1);
  put("a", 1, Durability::kBuffered);
  world.files.set_fault_rule([](const platform::SeamCall& call) {
    return call.kind == Kind::kDatasync ? std::optional(platform::SeamFault{.error = EIO}) : std::nullopt;
  });
  EXPECT_TRUE(fails_with(save("a", 1, "one"), ErrorCode::kStoreFailed));
  EXPECT_EQ(found("a"), "none");
  EXPECT_TRUE(ok(save("a", 0, "nought"))) << "what is durable is, in a failed store too";
  EXPECT_EQ(found("a"), "0 nought");
}

// The log of before is put back, as from a backup, and goes on otherwise; the snapshots are those of the other history.
// The caller gives its own ids, and gives the same again after other events.
TEST_F(SnapshotTest, OfAnotherHistoryIsNotUsed) {
  const EventId id = EventId::from_name("the last");
  const auto last = [&] { must(store.append("a", Expect::any(), {{.type = "T", .id = id}})); };
  put("a", 2);
  must(store.close());
  const auto before = world.snapshot();
  store = world.open();
  put("a", 1);
  last();
  ASSERT_TRUE(ok(save("a", 1, "shared")));
  ASSERT_TRUE(ok(save("a", 3, "of the other")));
  must(store.close());
  for (const auto& [path, bytes] : before) { world.files.set_contents(path, bytes); }

  store = world.open();
  EXPECT_EQ(found("a"), "1 shared");
  put("a", 1);
  last();
  ASSERT_EQ(must(store.event_by_id(id))->version, Version(3));
  EXPECT_EQ(found("a"), "1 shared") << "the same id, version and position, and another past";
  // It does not keep the true ones out either.
  ASSERT_TRUE(ok(save("a", 2, "two")));
  EXPECT_EQ(until(1), "1 shared");
  EXPECT_EQ(found("a"), "2 two");
}

TEST_F(SnapshotTest, OfAnotherStoreIsNotUsed) {
  put("a", 3);
  ASSERT_TRUE(ok(save("a", 2, "mine")));
  World other;
  Store others = other.open();
  for (int i = 0; i < 3; ++i) { must(append(others, "a", "x")); }
  must(others.save_snapshot("a", Version(2), as_bytes("theirs")));
  world.files.set_contents(file_of("a"), other.contents(file_of("a")));
  EXPECT_EQ(found("a"), "none");
  ASSERT_TRUE(ok(save("a", 1, "mine again")));
  EXPECT_EQ(found("a"), "1 mine again");
}

// Two names of one hash would share a file.
TEST_F(SnapshotTest, OfAnotherStreamIsNotUsed) {
  put("a", 3);
  put("b", 3);
  ASSERT_TRUE(ok(save("a", 2, "of a")));
  world.files.set_contents(file_of("b"), world.contents(file_of("a")));
  EXPECT_EQ(found("b"), "none");
  ASSERT_TRUE(ok(save("b", 2, "of b")));
  EXPECT_EQ(found("b"), "2 of b");
  world.files.set_contents(file_of("b"), world.contents(file_of("a")));
  EXPECT_EQ(must(store.prune_snapshots({})).files_removed, 1U);
  EXPECT_EQ(found("a"), "2 of a");
}

TEST_F(SnapshotTest, CanBeDeletedAtAnyTime) {
  put("a", 3);
  ASSERT_TRUE(ok(save("a", 2, "two")));
  world.files.remove(file_of("a"));
  EXPECT_EQ(found("a"), "none");
  ASSERT_TRUE(ok(save("a", 2, "two")));
  EXPECT_EQ(found("a"), "2 two");
  const TempFolder folder;
  Store real = must(Store::open(folder.path() / "s", {.allow_unsafe_file_system = true}));
  must(append(real, "a", "x"));
  for (int i = 0; i < 2; ++i) {
    must(real.save_snapshot("a", Version(0), as_bytes("state")));
    EXPECT_TRUE(must(real.snapshot("a")));
    EXPECT_TRUE(must(verify(folder.path() / "s")).whole());
    std::filesystem::remove_all(folder.path() / "s" / "snapshots");
    EXPECT_FALSE(must(real.snapshot("a")));
  }
  // A file where the folder should be is an error of the save, and hides nothing else.
  std::ofstream(folder.path() / "s" / "snapshots") << "x";
  EXPECT_TRUE(fails_with(real.save_snapshot("a", Version(0), as_bytes("state")), ErrorCode::kIo));
  EXPECT_FALSE(must(real.snapshot("a")));
  must(real.close());
  EXPECT_TRUE(ok(Store::open(folder.path() / "s", {.allow_unsafe_file_system = true})));
}

// --- damage ---

class SnapshotDamage : public SnapshotTest {
 protected:
  void SetUp() override {
    put("a", 9);
    for (const auto& [version, state] : states) { must(save("a", version, state, {.schema = "s", .keep = 3})); }
    whole = world.contents(file_of("a"));
  }
  // Whatever is found was saved so, for every version that may be asked for. Gives how many are left.
  std::size_t check(const std::vector<std::byte>& bytes) {
    world.files.set_contents(file_of("a"), bytes);
    std::size_t left = 0;
    for (const std::uint64_t until : std::initializer_list<std::uint64_t>{8, 4, 1}) {
      const auto snapshot = must(store.snapshot("a", {.schema = "s", .until = Version(until)}));
      if (!snapshot) { continue; }
      EXPECT_LE(snapshot->version, Version(until));
      const auto saved = states.find(snapshot->version.value());
      EXPECT_TRUE(saved != states.end() && as_text(snapshot->state) == saved->second);
      left += snapshot->version == Version(until) ? 1 : 0;
    }
    return left;
  }

  const std::map<std::uint64_t, std::string> states{{1, "one"}, {4, std::string(300, '4')}, {8, "{\"eight\":8}"}};
  std::vector<std::byte> whole;
};

TEST_F(SnapshotDamage, EveryByteChanged) {
  ASSERT_EQ(check(whole), 3U);
  std::size_t found_beside = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const std::byte change : {std::byte{1}, std::byte{0x80}, std::byte{0xFF}}) {
      auto bytes = whole;
      bytes[i] ^= change;
      const std::size_t left = check(bytes);
      EXPECT_LT(left, 3U) << "byte " << i;
      found_beside += left;
    }
  }
  EXPECT_GT(found_beside, 0U) << "one bad state does not take the others along";
  EXPECT_EQ(check(whole), 3U);
}

TEST_F(SnapshotDamage, EveryLength) {
  for (std::size_t size = 0; size < whole.size(); ++size) {
    auto bytes = whole;
    bytes.resize(size);
    EXPECT_EQ(check(bytes), 0U) << size;
  }
  auto bytes = whole;
  bytes.push_back({});
  EXPECT_EQ(check(bytes), 0U);
  bytes.resize(100'000);
  EXPECT_EQ(check(bytes), 0U);
}

TEST_F(SnapshotDamage, ZeroedBlocks) {
  for (std::size_t from = 0; from < whole.size(); from += 64) {
    auto bytes = whole;
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(from),
              bytes.begin() + static_cast<std::ptrdiff_t>(std::min(from + 64, bytes.size())), std::byte{});
    EXPECT_LT(check(bytes), 3U);
  }
}

// Whoever mends the checksum can make a file say anything; it makes nobody read past it, and the next save is well.
TEST_F(SnapshotDamage, HostileDirectories) {
  std::mt19937_64 random(3);
  const auto header = engine::load_as<engine::SnapshotHeader>(whole.data());
  for (int i = 0; i < 20'000; ++i) {
    auto bytes = whole;
    for (std::uint64_t n = 1 + random() % 4; n > 0; --n) {
      const std::size_t at = 16 + random() % (header.directory_bytes - 16);
      const std::size_t size = std::min<std::size_t>(std::size_t{1} << random() % 4, header.directory_bytes - at);
      const std::uint64_t value = random() % 3 == 0 ? ~std::uint64_t{0} : random() % 3 == 0 ? random() % 400 : random();
      std::memcpy(bytes.data() + at, &value, size);
    }
    if (random() % 4 == 0) { bytes.resize(56 + random() % (bytes.size() - 56)); }
    const auto claimed = engine::load_as<engine::SnapshotHeader>(bytes.data()).directory_bytes;
    const std::uint64_t checksum = platform::xxh3_64(std::span(bytes).subspan(
        16, std::min<std::size_t>(claimed, bytes.size()) - std::min<std::size_t>(16, claimed)));
    engine::store_as(bytes.data() + 8, checksum);
    world.files.set_contents(file_of("a"), bytes);
    ASSERT_TRUE(ok(store.snapshot("a", {.schema = "s"})));
  }
  ASSERT_TRUE(ok(save("a", 8, "mended", {.schema = "s"})));
  EXPECT_EQ(found("a", {.schema = "s"}), "8 mended");
}

TEST_F(SnapshotDamage, AnotherVersionOfTheFormatIsLeftAlone) {
  auto bytes = whole;
  auto header = engine::load_as<engine::SnapshotHeader>(bytes.data());
  header.version = 2;
  engine::store_as(bytes.data(), header);
  header.checksum = platform::xxh3_64(std::span<const std::byte>(bytes).subspan(16, header.directory_bytes - 16));
  engine::store_as(bytes.data(), header);
  EXPECT_EQ(check(bytes), 0U);
  EXPECT_EQ(must(store.prune_snapshots({})).files_removed, 0U);
  ASSERT_TRUE(ok(save("a", 8, "mine", {.schema = "s"})));
  EXPECT_EQ(found("a", {.schema = "s"}), "8 mine");
}

TEST_F(SnapshotDamage, SavingKeepsWhatIsWhole) {
  auto bytes = whole;
  bytes[bytes.size() - 1] ^= std::byte{1};  // of the state that was saved last
  world.files.set_contents(file_of("a"), bytes);
  ASSERT_TRUE(ok(save("a", 2, "two", {.schema = "s", .keep = 16})));
  EXPECT_EQ(found("a", {.schema = "s"}), "4 " + states.at(4));
  EXPECT_EQ(must(store.prune_snapshots({})).kept, 3U);
}

// --- failures ---

TEST_F(SnapshotDamage, AFullDiskLeavesTheOldOnes) {
  std::uint64_t used = 0;
  for (const auto& path : world.files.files()) { used += world.contents(path).size(); }
  world.files.set_capacity(used + 100);
  EXPECT_TRUE(fails_with(save("a", 7, std::string(5000, 'x'), {.schema = "s", .keep = 3}), ErrorCode::kNoSpace));
  EXPECT_EQ(check(whole), 3U);
  EXPECT_EQ(snapshot_files().size(), 1U) << "nothing unfinished stays to keep it full";
  EXPECT_TRUE(ok(store.append("a", Expect::any(), {event("T")}))) << "appending goes on";
}

// Each call of a save, a look and a pruning fails, alone and with all that follow.
TEST_F(SnapshotDamage, EveryCallFails) {
  const auto life = [&] {
    const std::uint64_t before = world.files.calls();
    const auto saved = save("a", 7, "seven", {.schema = "s", .keep = 3});
    const auto looked = store.snapshot("a", {.schema = "s"});
    const auto pruned = store.prune_snapshots({.keep = 2});
    for (const auto& error : {saved ? std::nullopt : std::optional(saved.error().code()),
                              looked ? std::nullopt : std::optional(looked.error().code()),
                              pruned ? std::nullopt : std::optional(pruned.error().code())}) {
      EXPECT_TRUE(!error || *error == ErrorCode::kIo || *error == ErrorCode::kNoSpace ||
                  *error == ErrorCode::kOutOfMemory)
          << to_string(*error);
    }
    if (looked && *looked) {
      const std::uint64_t version = (*looked)->version.value();
      const std::string state(as_text((*looked)->state));
      EXPECT_TRUE(states.contains(version) ? states.at(version) == state : version == 7 && state == "seven");
    }
    return world.files.calls() - before;
  };
  const std::uint64_t calls = life();
  EXPECT_GT(calls, 15U);
  for (const int error : {EIO, ENOSPC, ENOMEM, EINTR}) {
    for (const bool stays : {false, true}) {
      if (stays && error == EINTR) { continue; }  // what is interrupted is done again, for ever if need be
      for (std::uint64_t n = 1; n <= calls; ++n) {
        world.files.set_fault_rule({});
        world.files.set_contents(file_of("a"), whole);
        const std::uint64_t first = world.files.calls() + n;
        world.files.set_fault_rule([=](const platform::SeamCall& call) {
          const bool fails = stays ? call.number >= first : call.number == first;
          return fails ? std::optional(platform::SeamFault{.error = error}) : std::nullopt;
        });
        (void)life();
        world.files.set_fault_rule({});
        const auto after = must(store.snapshot("a", {.schema = "s", .until = Version(8)}));
        // A save does without the old ones that the disk does not give; but one file or the other is there.
        ASSERT_TRUE(after) << "call " << n;
        const bool is_old = after->version == Version(8);
        EXPECT_EQ(as_text(after->state), is_old ? states.at(8) : "seven");
        EXPECT_TRUE(is_old || after->version == Version(7));
        must(store.prune_snapshots({}));
        EXPECT_EQ(snapshot_files().size(), 1U);
      }
    }
  }
}

// Power goes in the middle: what is found after that is right, or nothing.
TEST_F(SnapshotDamage, EveryCrash) {
  std::map<std::string, int> outcomes;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    World fresh;
    {
      Store writer = fresh.open();
      for (int i = 0; i < 9; ++i) { must(append(writer, "a", "x")); }
      must(writer.save_snapshot("a", Version(3), as_bytes(std::string(600, '3'))));
      if (seed % 2 == 0) {
        must(fresh.files.sync_folder(fresh.folder));
        must(fresh.files.sync_folder(fresh.folder / "snapshots"));
        must(fresh.files.sync_folder((fresh.folder / "snapshots") / engine::snapshot_place("a").folder));
      }
      const std::uint64_t last = fresh.files.calls() + 1 + seed % 30;
      fresh.files.set_fault_rule([&](const platform::SeamCall& call) {
        if (call.number == last) { fresh.files.power_off(); }
        return std::nullopt;
      });
      (void)writer.save_snapshot("a", Version(7), as_bytes(std::string(900, '7')));
      fresh.files.set_fault_rule({});
      fresh.files.power_off();
    }
    fresh.files.power_on(seed, 0.9, seed % 3 == 0);
    Store reader = fresh.open();
    const auto snapshot = must(reader.snapshot("a"));
    if (snapshot) {
      const bool is_new = snapshot->version == Version(7);
      EXPECT_EQ(as_text(snapshot->state), std::string(is_new ? 900 : 600, is_new ? '7' : '3'));
    }
    ++outcomes[snapshot ? std::to_string(snapshot->version.value()) : "none"];
    ASSERT_TRUE(ok(reader.save_snapshot("a", Version(5), as_bytes("after"))));
  }
  EXPECT_GT(outcomes["none"], 0);
  EXPECT_GT(outcomes["3"], 0);
  EXPECT_GT(outcomes["7"], 0);
}

// --- pruning ---

TEST_F(SnapshotTest, PruningByCountAndAge) {
  put("a", 9);
  put("b", 9);
  for (std::uint64_t version = 0; version < 4; ++version) {
    ASSERT_TRUE(ok(save("a", version, "a", {.schema = "x", .keep = 9})));
    ASSERT_TRUE(ok(save("a", version, "a", {.schema = "y", .keep = 9})));
    ASSERT_TRUE(ok(save("b", version, "b", {.keep = 9})));
    world.clock.advance(1h);
  }
  auto report = must(store.prune_snapshots({.keep = 3}));
  EXPECT_EQ(report.kept, 9U);
  EXPECT_EQ(report.removed, 3U);
  EXPECT_EQ(report.files_removed, 0U);
  EXPECT_GT(report.bytes_freed, 0U);
  EXPECT_EQ(found("a", {.schema = "x", .until = Version(0)}), "none");
  EXPECT_EQ(found("a", {.schema = "y", .until = Version(1)}), "1 a");
  report = must(store.prune_snapshots({.older_than = 90min}));
  EXPECT_EQ(report.kept, 3U);
  EXPECT_EQ(found("b", {.until = Version(2)}), "none");
  EXPECT_EQ(found("b"), "3 b");
  report = must(store.prune_snapshots({.older_than = std::chrono::nanoseconds::max()}));
  EXPECT_EQ(report.kept, 3U);
  report = must(store.prune_snapshots({.keep = 0}));
  EXPECT_EQ(report.files_removed, 2U);
  EXPECT_TRUE(snapshot_files().empty());
  EXPECT_EQ(found("b"), "none");
  EXPECT_EQ(must(store.prune_snapshots({})).kept, 0U);
}

TEST_F(SnapshotTest, PruningTakesAwayWhatIsOfNoUse) {
  put("a", 1);
  ASSERT_TRUE(ok(save("a", 0, "a")));
  const auto folder = world.folder / "snapshots";
  const auto bytes = world.contents(file_of("a"));
  const auto torn = engine::snapshot_place("torn");
  world.files.set_contents(folder / torn.folder / torn.file, std::span(bytes).first(20));
  world.files.set_contents(folder / torn.folder / (torn.file + ".tmp"), bytes);
  world.files.set_contents(folder / "zz" / file_of("a").filename(), bytes);  // where nobody looks for it
  world.files.set_contents(folder / "note.txt", bytes);
  world.files.set_contents(folder / "ab" / "note.txt", bytes);
  const auto report = must(store.prune_snapshots({}));
  EXPECT_EQ(report.files_removed, 3U);
  EXPECT_EQ(report.kept, 1U);
  EXPECT_EQ(snapshot_files().size(), 3U) << "what is not ours stays";
  EXPECT_EQ(found("a"), "0 a");
}

// --- the folder of a store ---

TEST_F(SnapshotTest, AFolderOfThatNameIsPartOfAStore) {
  put("a", 1);
  ASSERT_TRUE(ok(save("a", 0, "a")));
  must(store.close());
  world.files.remove(world.folder / "super-a");
  world.files.remove(world.folder / "super-b");
  EXPECT_TRUE(fails_with(world.try_open(), ErrorCode::kDamaged)) << "it is told that this was a store";
  for (const auto& path : world.files.files()) {
    if (path.parent_path() == world.folder) { world.files.remove(path); }
  }
  EXPECT_TRUE(fails_with(world.try_open(), ErrorCode::kNotAStore)) << "such a folder alone may be anybody's";
  world.files.set_contents(world.folder / "lock", {});
  store = world.open();
  put("a", 1);
  EXPECT_EQ(found("a"), "none") << "those of another log";
  ASSERT_TRUE(ok(save("a", 0, "b")));
  EXPECT_EQ(found("a"), "0 b");
}

}  // namespace
}  // namespace tidemark
