// SPDX-License-Identifier: Apache-2.0
// Goal: a mapped file that somebody cut short is an error when it is populated, not a signal, and mappings cost no
// descriptors.
#include "platform/real_mapping.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <gtest/gtest.h>
#include <iterator>
#include <memory>
#include <unistd.h>

#include "tests/platform/support.h"

namespace tidemark::platform {
namespace {

using test::filled;
using test::must;
using test::TempFolder;

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

struct RealMappingTest : testing::Test {
  TempFolder temp;
  std::filesystem::path path = temp.path() / "file";
  std::unique_ptr<File> file = must(real_file_system().open(path, OpenMode::kCreate));

  std::unique_ptr<Mapping> map_then_cut(std::size_t size, std::size_t cut) {
    must(write_all(*file, filled(size, 'x'), 0));
    auto mapping = must(file->map());
    std::filesystem::resize_file(path, cut);
    return mapping;
  }
};

TEST_F(RealMappingTest, PopulateOfAFileCutShortIsAnError) {
  const auto mapping = map_then_cut(100'000, 10'000);
  must(mapping->populate(0, 10'000));
  for (const auto& [offset, length] : {std::pair{0, 100'000}, {99'999, 1}, {20'000, 1}, {5'000, 50'000}}) {
    const Status populated = mapping->populate(static_cast<std::uint64_t>(offset), static_cast<std::uint64_t>(length));
    ASSERT_FALSE(populated) << offset;
    EXPECT_EQ(populated.error().code(), ErrorCode::kIo);
    EXPECT_EQ(populated.error().system_error(), EFAULT);
    EXPECT_EQ(populated.error().path(), path);
  }
}

TEST_F(RealMappingTest, SoItIsByCopying) {
  const auto mapping = map_then_cut(100'000, 10'000);
  must(populate_by_copying(mapping->bytes().first(10'000), path));
  const Status populated = populate_by_copying(mapping->bytes(), path);
  ASSERT_FALSE(populated);
  EXPECT_EQ(populated.error().code(), ErrorCode::kIo);
  EXPECT_EQ(populated.error().system_error(), EFAULT);
}

TEST_F(RealMappingTest, KeepsNoDescriptor) {
  must(write_all(*file, filled(10'000, 'x'), 0));
  const auto before = open_descriptors();
  const auto one = must(file->map());
  const auto two = must(file->map());
  EXPECT_EQ(open_descriptors(), before);
  file.reset();
  EXPECT_EQ(open_descriptors(), before - 1);
  must(one->populate(0, 10'000));
  EXPECT_TRUE(std::ranges::equal(one->bytes(), two->bytes()));
}

}  // namespace
}  // namespace tidemark::platform
