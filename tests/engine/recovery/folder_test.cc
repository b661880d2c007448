// SPDX-License-Identifier: Apache-2.0
// Goal: by the names in a folder it is told whether it holds a store, a store whose making was cut short, nothing, or
// other things. Method: folders in memory with each kind of name, alone and beside a superblock.
#include "engine/recovery/folder.h"

#include <gtest/gtest.h>

#include "tests/store/support.h"

namespace tidemark::engine {
namespace {

using namespace test;

Result<FolderHolds> look(const std::vector<std::string>& names) {
  platform::SimFileSystem files;
  must(files.make_folder("/f"));
  for (const auto& name : names) { files.set_contents("/f/" + name, as_bytes("x")); }
  return look_at_folder(files, "/f");
}

TEST(Folder, Nothing) { EXPECT_EQ(must(look({})), FolderHolds::kNothing); }

TEST(Folder, AnySuperblockMakesItAStore) {
  EXPECT_EQ(must(look({"super-a"})), FolderHolds::kStore);
  EXPECT_EQ(must(look({"super-b"})), FolderHolds::kStore);
  EXPECT_EQ(must(look({"a note", "super-a", "super-b", "lock", "segment-0000000001.log"})), FolderHolds::kStore);
}

TEST(Folder, OurFilesWithoutASuperblockAreUnfinished) {
  for (const std::string name : {"lock", "super-a.tmp", "super-b.tmp", "segment-0000000001.log.tmp",
                                 "segment-0000000001.log", "segment-12345678901.log", "rejected-7", "rejected-7.tmp",
                                 "index-00000000000000000000-00000000000000000001.run",
                                 "index-00000000000000000000-00000000000000000001.run.tmp"}) {
    EXPECT_EQ(must(look({name})), FolderHolds::kUnfinished) << name;
  }
}

TEST(Folder, OtherThingsAreNoStore) {
  for (const std::string name :
       {"note.txt", "super-c", "lock2", "segment-1.log", "segment-0000000000.log", "segment-.log",
        "segment-00000000001.log", "segment-0000000001.log.bak", "x.tmp", "segment--000000001.log",
        "segment-+000000001.log", "segment-0000000001.LOG", "index-0-1.run",
        "index-00000000000000000001-00000000000000000001.run", "index-00000000000000000000-00000000000000000001.log"}) {
    const auto holds = look({"lock", name});
    ASSERT_TRUE(fails_with(holds, ErrorCode::kNotAStore)) << name;
    EXPECT_NE(holds.error().message().find(name), std::string::npos);
  }
}

TEST(Folder, AFolderOfOurNameIsNotOurs) {
  platform::SimFileSystem files;
  must(files.make_folder("/f/lock"));
  EXPECT_TRUE(fails_with(look_at_folder(files, "/f"), ErrorCode::kNotAStore));
}

TEST(Folder, MissingOrAFile) {
  platform::SimFileSystem files;
  EXPECT_TRUE(fails_with(look_at_folder(files, "/none"), ErrorCode::kNotFound));
  const TempFolder folder;
  const auto lock = must(platform::real_file_system().lock(folder.path() / "lock"));
  EXPECT_TRUE(fails_with(look_at_folder(platform::real_file_system(), folder.path() / "lock"), ErrorCode::kNotAStore));
}

}  // namespace
}  // namespace tidemark::engine
