// SPDX-License-Identifier: Apache-2.0
// Goal: the two superblocks are written in turn, so that a crash at any moment leaves a whole one and what was told is
// not forgotten; what is durable never goes back. Method: the file system in memory, crashed at every call of a
// creation and of a write, with everything, nothing or some of the unsynced bytes lost.
#include "engine/log/superblock_store.h"

#include <cerrno>
#include <gtest/gtest.h>

#include "engine/format/segment.h"
#include "tests/store/support.h"

namespace tidemark::engine {
namespace {

using namespace test;
using platform::SeamCall;
using platform::SeamFault;
using platform::SimFileSystem;

const std::filesystem::path kFolder = "/f";

Superblock first_superblock() {
  Superblock first{};
  first.store_id[0] = std::byte{1};
  first.log_id[0] = std::byte{2};
  first.generation = 1;
  first.epoch = 1;
  first.state = StoreState::kRunning;
  first.durable_end = 512;
  first.highest_segment = 1;
  return first;
}

class SuperblockStoreTest : public testing::Test {
 protected:
  SimFileSystem files;

  SuperblockStoreTest() {
    must(files.make_folder(kFolder));
    must(files.sync_folder("/"));
  }
  std::unique_ptr<SuperblockStore> create() {
    return must(SuperblockStore::create(files, kFolder, first_superblock()));
  }
  std::optional<LoadedSuperblocks> load() { return must(load_superblocks(files, kFolder)); }
  // The generation in one of the two files, 0 if it cannot be read.
  std::uint64_t generation_in(unsigned slot) {
    Superblock block{};
    const auto bytes = files.contents(kFolder / kSuperblockNames[slot]);
    return bytes && decode_superblock(*bytes, block) == BlockState::kGood ? block.generation : 0;
  }
};

TEST_F(SuperblockStoreTest, NothingThere) { EXPECT_FALSE(load()); }

TEST_F(SuperblockStoreTest, CreationMakesBothAndTheyAreDurable) {
  const auto store = create();
  files.power_off();
  files.power_on(1, 0.0);
  const auto loaded = load();
  ASSERT_TRUE(loaded);
  EXPECT_FALSE(loaded->lost);
  EXPECT_EQ(loaded->newest.durable_end, 512U);
  EXPECT_EQ(generation_in(0), 1U);
  EXPECT_EQ(generation_in(1), 1U);
}

TEST_F(SuperblockStoreTest, WritesTakeTurns) {
  const auto store = create();
  for (std::uint64_t n = 1; n <= 6; ++n) {
    const auto syncs = files.calls(SeamCall::Kind::kDatasync);
    must(store->write([&](Superblock& block) { block.durable_end = 512 + n; }));
    EXPECT_EQ(files.calls(SeamCall::Kind::kDatasync), syncs + 1);
    EXPECT_EQ(store->current().generation, 1 + n);
    EXPECT_EQ(generation_in(n % 2), 1 + n);
    EXPECT_EQ(generation_in(1 - n % 2), n);
    const auto loaded = load();
    EXPECT_EQ(loaded->newest.durable_end, 512 + n);
    EXPECT_EQ(loaded->slot, n % 2);
  }
}

TEST_F(SuperblockStoreTest, WhatIsDurableNeverGoesBack) {
  const auto store = create();
  must(store->write([](Superblock& block) {
    block.durable_end = 5000;
    block.highest_segment = 3;
  }));
  must(store->write([](Superblock& block) {
    block.durable_end = 100;
    block.highest_segment = 1;
    block.epoch = 9;
  }));
  EXPECT_EQ(load()->newest.durable_end, 5000U);
  EXPECT_EQ(load()->newest.highest_segment, 3U);
  EXPECT_EQ(load()->newest.epoch, 9U);
}

// A crash at any call of a write, whatever then is lost, leaves the old or the new one.
TEST_F(SuperblockStoreTest, AWriteMayCrashAnywhere) {
  for (const bool tear : {false, true}) {
    for (const double keep : {0.0, 0.5, 1.0}) {
      for (std::uint64_t at = 1; at <= 3; ++at) {
        SimFileSystem own;
        must(own.make_folder(kFolder));
        must(own.sync_folder("/"));
        const auto store = must(SuperblockStore::create(own, kFolder, first_superblock()));
        must(store->write([](Superblock& block) { block.durable_end = 1000; }));
        const std::uint64_t start = own.calls();
        own.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
          if (call.number == start + at) { own.power_off(); }
          return std::nullopt;
        });
        const auto written = store->write([](Superblock& block) { block.durable_end = 2000; });
        own.set_fault_rule({});
        own.power_off();
        own.power_on(at * 7, keep, tear);
        const auto loaded = must(load_superblocks(own, kFolder));
        ASSERT_TRUE(loaded);
        EXPECT_TRUE(loaded->newest.durable_end == 1000 || loaded->newest.durable_end == 2000);
        if (written) { EXPECT_EQ(loaded->newest.durable_end, 2000U); }
      }
    }
  }
}

TEST_F(SuperblockStoreTest, CreationMayCrashAnywhere) {
  for (const double keep : {0.0, 0.5, 1.0}) {
    for (std::uint64_t at = 1;; ++at) {
      SimFileSystem own;
      must(own.make_folder(kFolder));
      must(own.sync_folder("/"));
      const std::uint64_t start = own.calls();
      own.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
        if (call.number == start + at) { own.power_off(); }
        return std::nullopt;
      });
      const bool done = SuperblockStore::create(own, kFolder, first_superblock()).has_value();
      own.set_fault_rule({});
      if (done) { break; }
      own.power_on(at, keep);
      const auto loaded = load_superblocks(own, kFolder);
      ASSERT_TRUE(ok(loaded)) << "call " << at;  // none, one or both, each whole
      if (*loaded) {
        EXPECT_FALSE((*loaded)->lost);  // half made is not lost
        // It goes on from there.
        const auto store = must(SuperblockStore::open(own, kFolder, **loaded));
        must(store->write([](Superblock& block) { block.durable_end = 1000; }));
        must(store->write([](Superblock& block) { block.durable_end = 2000; }));
        EXPECT_EQ(must(load_superblocks(own, kFolder))->newest.durable_end, 2000U);
      }
    }
  }
}

TEST_F(SuperblockStoreTest, AFailedWriteKeepsTheCurrentOne) {
  for (const auto kind : {SeamCall::Kind::kPwritev, SeamCall::Kind::kDatasync}) {
    const auto folder = kFolder / std::string(to_string(kind));
    must(files.make_folder(folder));
    const auto store = must(SuperblockStore::create(files, folder, first_superblock()));
    files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
      if (call.kind == kind) { return SeamFault{.error = EIO}; }
      return std::nullopt;
    });
    EXPECT_TRUE(fails_with(store->write([](Superblock& block) { block.durable_end = 9; }), ErrorCode::kIo));
    files.set_fault_rule({});
    EXPECT_EQ(store->current().generation, 1U);
    EXPECT_EQ(store->current().durable_end, 512U);
  }
}

TEST_F(SuperblockStoreTest, AFailingMediumOfOneLetsTheOtherServe) {
  {
    const auto store = create();
    must(store->write([](Superblock& block) { block.durable_end = 1000; }));
    must(store->write([](Superblock& block) { block.durable_end = 2000; }));
  }
  files.set_fault_rule([](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind == SeamCall::Kind::kPread && call.path.ends_with("super-b")) { return SeamFault{.error = EIO}; }
    return std::nullopt;
  });
  const auto loaded = load();
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(loaded->lost);
  EXPECT_EQ(loaded->newest.durable_end, 2000U);
}

TEST_F(SuperblockStoreTest, WhatCannotBeReadIsNotCalledDamaged) {
  (void)create();
  for (const int error : {EIO, ENOMEM}) {
    files.set_fault_rule([error](const SeamCall& call) -> std::optional<SeamFault> {
      return call.kind == SeamCall::Kind::kPread ? std::optional(SeamFault{.error = error}) : std::nullopt;
    });
    const auto loaded = load_superblocks(files, kFolder);
    EXPECT_TRUE(fails_with(loaded, error == EIO ? ErrorCode::kIo : ErrorCode::kOutOfMemory));
  }
}

TEST_F(SuperblockStoreTest, ALostOneIsMadeAgain) {
  for (const auto name : kSuperblockNames) {
    SimFileSystem own;
    must(own.make_folder(kFolder));
    must(own.sync_folder(kFolder.parent_path()));
    {
      const auto store = must(SuperblockStore::create(own, kFolder, first_superblock()));
      must(store->write([](Superblock& block) { block.durable_end = 1000; }));
      must(store->write([](Superblock& block) { block.durable_end = 2000; }));
    }
    own.remove(kFolder / name);
    auto loaded = must(load_superblocks(own, kFolder));
    ASSERT_TRUE(loaded);
    EXPECT_TRUE(loaded->lost);
    const auto store = must(SuperblockStore::open(own, kFolder, *loaded));
    must(store->write([](Superblock& block) { block.durable_end = 3000; }));
    loaded = must(load_superblocks(own, kFolder));
    ASSERT_TRUE(loaded);
    EXPECT_FALSE(loaded->lost);
    EXPECT_EQ(loaded->newest.durable_end, 3000U);
    // Its name too is on the disk.
    own.power_off();
    own.power_on(1, 0.0);
    loaded = must(load_superblocks(own, kFolder));
    ASSERT_TRUE(loaded);
    EXPECT_FALSE(loaded->lost);
    EXPECT_EQ(loaded->newest.durable_end, 3000U);
  }
}

// Of two the lost one may have had the higher limit. So with one alone there is none, and none until the next is told.
TEST_F(SuperblockStoreTest, OneAloneKnowsNoWriteLimit) {
  for (const auto name : kSuperblockNames) {
    for (const bool removed : {false, true}) {
      SimFileSystem own;
      must(own.make_folder(kFolder));
      {
        const auto store = must(SuperblockStore::create(own, kFolder, first_superblock()));
        must(store->write([](Superblock& block) { block.write_limit = 1000; }));
        must(store->write([](Superblock& block) { block.write_limit = 2000; }));
        EXPECT_EQ(must(load_superblocks(own, kFolder))->newest.write_limit, 2000U);
      }
      if (removed) {
        own.remove(kFolder / name);
      } else {
        own.set_contents(kFolder / name, as_bytes("damaged"));
      }
      auto loaded = must(load_superblocks(own, kFolder));
      ASSERT_TRUE(loaded);
      EXPECT_EQ(loaded->newest.write_limit, 0U);
      const auto store = must(SuperblockStore::open(own, kFolder, *loaded));
      EXPECT_EQ(must(load_superblocks(own, kFolder))->newest.write_limit, 0U);  // a crash here
      must(store->write([](Superblock& block) { block.cut_end = 9; }));
      EXPECT_EQ(must(load_superblocks(own, kFolder))->newest.write_limit, 0U);  // or here
      must(store->write([](Superblock& block) { block.write_limit = 3000; }));
      EXPECT_EQ(must(load_superblocks(own, kFolder))->newest.write_limit, 3000U);
    }
  }
}

}  // namespace
}  // namespace tidemark::engine
