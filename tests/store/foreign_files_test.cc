// SPDX-License-Identifier: Apache-2.0
// Goal: what lies in a store's folder and is not the store's is not touched, and what a symbolic link leads to is
// neither read, written nor deleted. Method: folders of groups and snapshots put in other places behind links, and
// files of others put into them.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <string>

#include "engine/format/group_file.h"
#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

class ForeignFiles : public testing::Test {
 protected:
  ForeignFiles() {
    std::filesystem::create_directories(elsewhere);
    for (const char* name : {"thesis.txt", "state", "group", "parked-1", "parked-1.new"}) { put(elsewhere / name); }
    must(append(store, "a-1", "x"));
  }
  static void put(const std::filesystem::path& file) { std::ofstream(file) << file.filename().string(); }
  // Every file there, with what stands in it.
  static std::map<std::string, std::string> contents(const std::filesystem::path& folder) {
    std::map<std::string, std::string> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file()) { continue; }
      std::ifstream file(entry.path());
      all[entry.path()] = std::string(std::istreambuf_iterator<char>(file), {});
    }
    return all;
  }

  const TempFolder temp;
  const std::filesystem::path path = std::filesystem::canonical(temp.path()) / "store";
  const std::filesystem::path elsewhere = std::filesystem::canonical(temp.path()) / "elsewhere";
  const std::filesystem::path group_folder = path / engine::group_folder_name("work");
  Store store = must(Store::open(path, {.allow_unsafe_file_system = true}));
};

TEST_F(ForeignFiles, AGroupsFolderThatIsALink) {
  std::filesystem::create_directory_symlink(elsewhere, group_folder);
  const auto before = contents(elsewhere);
  EXPECT_TRUE(fails_with(store.group("work", Query::all()), ErrorCode::kIo));
  EXPECT_TRUE(fails_with(store.group("work"), ErrorCode::kIo));
  EXPECT_TRUE(fails_with(store.remove_group("work"), ErrorCode::kIo));
  EXPECT_TRUE(must(store.groups()).empty());
  EXPECT_EQ(contents(elsewhere), before);
  EXPECT_TRUE(ok(store.group("other", Query::all())));
}

TEST_F(ForeignFiles, ABackupsGroupThatIsALink) {
  const auto into = temp.path() / "backup";
  Group group = must(store.group("work", Query::all()));
  must(store.backup(into, {.incremental = true}));
  const auto there = into / engine::group_folder_name("work");
  for (const auto& entry : std::filesystem::directory_iterator(there)) { std::filesystem::remove(entry.path()); }
  std::filesystem::remove(there);
  std::filesystem::create_directory_symlink(elsewhere, there);
  const auto before = contents(elsewhere);
  must(append(store, "a-1", "y"));
  EXPECT_TRUE(fails_with(store.backup(into, {.incremental = true}), ErrorCode::kIo));
  EXPECT_EQ(contents(elsewhere), before);
}

TEST_F(ForeignFiles, InAGroupsFolderStay) {
  std::filesystem::create_directory(group_folder);
  for (const char* name : {"notes.txt", "parked-01", "parked-256", "parked-", "state.new.new", "member-1"}) {
    put(group_folder / name);
  }
  const auto before = contents(group_folder);
  for (int round = 0; round < 2; ++round) {
    must(store.group("work", Query::all()));
    EXPECT_TRUE(must(store.remove_group("work")));
    auto after = contents(group_folder);
    std::erase_if(after, [](const auto& file) { return file.first.ends_with("lock"); });
    EXPECT_EQ(after, before);
  }
}

TEST_F(ForeignFiles, AStoresFolderThatIsGoneIsNotMadeByAGroup) {
  const auto moved = temp.path() / "moved";
  std::filesystem::rename(path, moved);
  EXPECT_TRUE(fails_with(store.group("work", Query::all()), ErrorCode::kNotFound));
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ForeignFiles, SnapshotsBehindALink) {
  const std::string state = "state of a";
  must(store.save_snapshot("a-1", Version(0), as_bytes(state)));
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (!entry.is_directory()) { continue; }
    const auto before_it = temp.path() / "kept";
    std::filesystem::rename(entry.path(), before_it);
    std::filesystem::create_directory_symlink(before_it, entry.path());
    const auto before = contents(before_it);
    ASSERT_EQ(before.size(), 1u);
    EXPECT_TRUE(fails_with(store.save_snapshot("a-1", Version(0), as_bytes(state + "!")), ErrorCode::kIo));
    EXPECT_TRUE(fails_with(store.prune_snapshots({.keep = 0}), ErrorCode::kIo));
    EXPECT_EQ(contents(before_it), before);
    return;
  }
  FAIL() << "there is no folder of snapshots";
}

}  // namespace
}  // namespace tidemark
