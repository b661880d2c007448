// SPDX-License-Identifier: Apache-2.0
// Goal: both file systems behave alike, so that what is tested over the one in memory holds on the real one.
// Method: the same tests over both.
#include "platform/file_system.h"

#include <cerrno>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "platform/sim/sim_file_system.h"
#include "tests/platform/support.h"

namespace tidemark::platform {
namespace {

using test::filled;
using test::must;
using test::read_all;
using test::TempFolder;
using test::text_of;
using test::write_text;

struct RealKind {
  TempFolder temp;
  FileSystem& fs = real_file_system();
  std::filesystem::path folder = temp.path();
};

struct SimKind {
  SimFileSystem sim;
  FileSystem& fs = sim;
  std::filesystem::path folder = "/folder";
  SimKind() { must(fs.make_folder(folder)); }
};

template <class Kind>
struct FileSystemTest : testing::Test {
  Kind kind;
  FileSystem& fs = kind.fs;

  [[nodiscard]] std::filesystem::path at(std::string_view name) const { return kind.folder / name; }
  std::unique_ptr<File> create(std::string_view name) { return must(fs.open(at(name), OpenMode::kCreate)); }
  std::string text_at(std::string_view name) {
    const auto file = must(fs.open(at(name), OpenMode::kRead));
    return read_all(*file);
  }
};

using Kinds = testing::Types<RealKind, SimKind>;
TYPED_TEST_SUITE(FileSystemTest, Kinds);

TYPED_TEST(FileSystemTest, OpenModes) {
  const auto missing = this->fs.open(this->at("a"), OpenMode::kReadWrite);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(missing.error().path(), this->at("a"));
  EXPECT_EQ(this->fs.open(this->at("a"), OpenMode::kRead).error().code(), ErrorCode::kNotFound);

  write_text(*this->create("a"), "text");
  const auto again = this->fs.open(this->at("a"), OpenMode::kCreate);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), ErrorCode::kIo);
  EXPECT_EQ(again.error().system_error(), EEXIST);

  const auto reader = must(this->fs.open(this->at("a"), OpenMode::kRead));
  EXPECT_EQ(read_all(*reader), "text");
  const Bytes part = as_bytes("x");
  EXPECT_EQ(reader->pwritev({&part, 1}, 0).error().system_error(), EBADF);
  const auto writer = must(this->fs.open(this->at("a"), OpenMode::kReadWrite));
  write_text(*writer, "T");
  EXPECT_EQ(read_all(*reader), "Text");
}

TYPED_TEST(FileSystemTest, AFolderIsNoFile) {
  must(this->fs.make_folder(this->at("inner")));
  EXPECT_EQ(this->fs.open(this->at("inner"), OpenMode::kRead).error().system_error(), EISDIR);
  write_text(*this->create("a"), "text");
  EXPECT_EQ(this->fs.list(this->at("a")).error().system_error(), ENOTDIR);
  EXPECT_EQ(this->fs.open(this->at("a") / "b", OpenMode::kCreate).error().system_error(), ENOTDIR);
  EXPECT_FALSE(this->fs.make_folder(this->at("a")));
}

TYPED_TEST(FileSystemTest, ReadsAndWritesAtOffsets) {
  const auto file = this->create("a");
  const std::vector<Bytes> parts = {as_bytes("one"), Bytes(), as_bytes("two")};
  EXPECT_EQ(must(file->pwritev(parts, 4)), 6u);
  EXPECT_EQ(must(file->size()), 10u);
  EXPECT_EQ(read_all(*file), std::string(4, '\0') + "onetwo");
  std::vector<std::byte> into(3);
  EXPECT_EQ(must(file->pread(into, 7)), 3u);
  EXPECT_EQ(text_of(into), "two");
  EXPECT_EQ(must(file->pread(into, 9)), 1u);
  EXPECT_EQ(must(file->pread(into, 10)), 0u);
  EXPECT_EQ(must(file->pread(into, 1000)), 0u);
  must(file->datasync());
}

TYPED_TEST(FileSystemTest, AllocatesWithoutShortening) {
  const auto file = this->create("a");
  write_text(*file, "text");
  must(file->allocate(10'000));
  EXPECT_EQ(read_all(*file), "text" + std::string(9996, '\0'));
  must(file->allocate(5'000));
  must(file->allocate(0));
  EXPECT_EQ(must(file->size()), 10'000u);
}

TYPED_TEST(FileSystemTest, WritesZeros) {
  constexpr std::size_t kSize = (3u << 20) + 5'000;  // some whole pieces, some pages, and a rest
  const auto file = this->create("a");
  const auto text = filled(kSize + 3, 'x');
  must(write_all(*file, text, 0));
  must(file->write_zeros(kSize));
  EXPECT_EQ(read_all(*file), std::string(kSize, '\0') + "xxx");

  const auto other = this->create("b");
  must(other->write_zeros(kSize));
  EXPECT_EQ(read_all(*other), std::string(kSize, '\0'));
}

TYPED_TEST(FileSystemTest, AMappingSeesLaterWrites) {
  const auto file = this->create("a");
  must(file->allocate(100'000));
  const auto mapping = must(file->map());
  ASSERT_EQ(mapping->bytes().size(), 100'000u);
  EXPECT_EQ(mapping->bytes()[70'000], std::byte{0});
  write_text(*file, "text", 70'000);
  EXPECT_EQ(text_of(mapping->bytes().subspan(70'000, 4)), "text");
  must(mapping->populate(0, 100'000));
  must(mapping->populate(70'001, 3));
  must(mapping->populate(99'999, 1'000'000));
  must(mapping->populate(100'000, 1));
  must(mapping->populate(~std::uint64_t{0}, ~std::uint64_t{0}));
}

TYPED_TEST(FileSystemTest, AMappingOutlivesItsFileAndItsName) {
  auto file = this->create("a");
  write_text(*file, "text");
  must(this->fs.rename(this->at("a"), this->at("b")));
  const auto mapping = must(file->map());
  file.reset();
  must(this->fs.unlink(this->at("b")));
  EXPECT_EQ(text_of(mapping->bytes()), "text");
}

TYPED_TEST(FileSystemTest, AnEmptyFileCannotBeMapped) {
  const auto mapping = this->create("a")->map();
  ASSERT_FALSE(mapping);
  EXPECT_EQ(mapping.error().code(), ErrorCode::kIo);
  EXPECT_EQ(mapping.error().path(), this->at("a"));
}

TYPED_TEST(FileSystemTest, RenameReplaces) {
  write_text(*this->create("a"), "new");
  write_text(*this->create("b"), "old");
  const auto old = must(this->fs.open(this->at("b"), OpenMode::kRead));
  must(this->fs.rename(this->at("a"), this->at("b")));
  EXPECT_EQ(this->text_at("b"), "new");
  EXPECT_EQ(read_all(*old), "old");
  EXPECT_EQ(this->fs.open(this->at("a"), OpenMode::kRead).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(this->fs.rename(this->at("a"), this->at("b")).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(this->text_at("b"), "new");
}

TYPED_TEST(FileSystemTest, ALinkIsASecondNameOfTheSameBytes) {
  const auto file = this->create("a");
  write_text(*file, "text");
  must(this->fs.make_folder(this->at("inner")));
  must(this->fs.link(this->at("a"), this->at("inner") / "b"));
  write_text(*file, "T");
  EXPECT_EQ(read_all(*must(this->fs.open(this->at("inner") / "b", OpenMode::kRead))), "Text");
  EXPECT_EQ(this->fs.link(this->at("a"), this->at("inner") / "b").error().system_error(), EEXIST);
  EXPECT_EQ(this->fs.link(this->at("none"), this->at("c")).error().code(), ErrorCode::kNotFound);
  const auto folder = this->fs.link(this->at("inner"), this->at("c"));
  ASSERT_FALSE(folder);
  EXPECT_TRUE(links_are_refused(folder.error()));
  must(this->fs.rename(this->at("inner") / "b", this->at("inner") / "c"));
  must(this->fs.unlink(this->at("a")));
  EXPECT_EQ(read_all(*must(this->fs.open(this->at("inner") / "c", OpenMode::kRead))), "Text");
}

TYPED_TEST(FileSystemTest, UnlinkRemovesTheNameOnly) {
  const auto file = this->create("a");
  write_text(*file, "text");
  must(this->fs.unlink(this->at("a")));
  EXPECT_EQ(this->fs.unlink(this->at("a")).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(read_all(*file), "text");
  EXPECT_TRUE(must(this->fs.list(this->kind.folder)).empty());
}

TYPED_TEST(FileSystemTest, ListsByName) {
  for (const char* name : {"b", "a\xC3\xA4", "10", "B", "9", "ab", ".hidden"}) this->create(name);
  must(this->fs.make_folder(this->at("aa")));
  write_text(*this->create("c"), "text");
  std::string names;
  for (const DirectoryEntry& entry : must(this->fs.list(this->kind.folder))) {
    names += entry.name + " ";
    EXPECT_EQ(entry.is_folder, entry.name == "aa");
    EXPECT_EQ(entry.size, entry.name == "c" ? 4u : 0u) << entry.name;
  }
  EXPECT_EQ(names, ".hidden 10 9 B aa ab a\xC3\xA4 b c ");
  EXPECT_EQ(this->fs.list(this->at("none")).error().code(), ErrorCode::kNotFound);
}

TYPED_TEST(FileSystemTest, MakesFoldersAbove) {
  must(this->fs.make_folder(this->at("x/y/z")));
  must(this->fs.make_folder(this->at("x/y/z")));
  must(this->fs.make_folder(this->at("x/y")));
  this->create("x/y/z/a");
  must(this->fs.sync_folder(this->at("x/y/z")));
  EXPECT_EQ(must(this->fs.list(this->at("x/y/z"))).size(), 1u);
  EXPECT_EQ(this->fs.sync_folder(this->at("none")).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(this->fs.open(this->at("none/a"), OpenMode::kCreate).error().code(), ErrorCode::kNotFound);
}

TYPED_TEST(FileSystemTest, ALockExcludesUntilItIsReleased) {
  const auto path = this->at("lock");
  EXPECT_FALSE(must(this->fs.is_locked(path)));
  EXPECT_TRUE(must(this->fs.list(this->kind.folder)).empty()) << "asking created the file";

  auto lock = must(this->fs.lock(path));
  EXPECT_TRUE(must(this->fs.is_locked(path)));
  const auto second = this->fs.lock(path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kLocked);
  EXPECT_EQ(second.error().path(), path);
  EXPECT_NE(second.error().message().find("by this process"), std::string::npos) << second.error().message();
  EXPECT_EQ(this->text_at("lock").substr(0, 4), "pid ");
  EXPECT_TRUE(must(this->fs.is_locked(path)));

  lock.reset();
  EXPECT_FALSE(must(this->fs.is_locked(path)));
  lock = must(this->fs.lock(path));
  EXPECT_TRUE(must(this->fs.is_locked(path)));
}

TYPED_TEST(FileSystemTest, LocksOfDifferentFilesAreApart) {
  const auto one = must(this->fs.lock(this->at("one")));
  const auto two = must(this->fs.lock(this->at("two")));
  EXPECT_FALSE(this->fs.lock(this->at("one")));
}

TYPED_TEST(FileSystemTest, TraitsHaveAName) {
  EXPECT_FALSE(must(this->fs.traits(this->kind.folder)).name.empty());
  EXPECT_EQ(this->fs.traits(this->at("none")).error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace tidemark::platform
