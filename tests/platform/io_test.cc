// SPDX-License-Identifier: Apache-2.0
// Goal: whole reads and writes go on after short counts and signals, and end on every other error.
// Method: the fault rules of the file system in memory.
#include "platform/io.h"

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
using Kind = SeamCall::Kind;

struct IoTest : testing::Test {
  SimFileSystem fs;
  std::unique_ptr<File> file = must(fs.open("file", OpenMode::kCreate));

  void fault_each(Kind kind, std::function<std::optional<SeamFault>(std::uint64_t)> fault) {
    fs.set_fault_rule([kind, fault, n = std::make_shared<std::uint64_t>(0)](const SeamCall& call) {
      return call.kind == kind ? fault((*n)++) : std::nullopt;
    });
  }
};

TEST_F(IoTest, WritesOnAfterShortCounts) {
  const std::vector<std::string> texts = {"one", "", "two", "three", "", "fourfourfour"};
  std::vector<Bytes> parts;
  std::string all;
  for (const std::string& text : texts) {
    parts.push_back(as_bytes(text));
    all += text;
  }
  for (std::uint64_t step = 1; step <= all.size(); ++step) {
    fault_each(Kind::kPwritev, [&](std::uint64_t) { return SeamFault{.only = step}; });
    const std::string path = "by" + std::to_string(step);
    auto by_step = must(fs.open(path, OpenMode::kCreate));
    must(write_all(*by_step, parts, 5));
    EXPECT_EQ(read_all(*by_step), std::string(5, '\0') + all) << "in steps of " << step;
  }
}

TEST_F(IoTest, WritesAllPartsInOneCall) {
  const std::vector<Bytes> parts(File::kPartsMax, as_bytes("ab"));
  must(write_all(*file, parts, 0));
  EXPECT_EQ(fs.calls(Kind::kPwritev), 1u);
}

TEST_F(IoTest, WritesMorePartsThanACallTakes) {
  const std::vector<Bytes> parts(2 * File::kPartsMax + 1, as_bytes("ab"));
  must(write_all(*file, parts, 0));
  EXPECT_EQ(must(file->size()), 2 * parts.size());
  EXPECT_EQ(fs.calls(Kind::kPwritev), 3u);
}

TEST_F(IoTest, WritesNothing) {
  must(write_all(*file, Bytes(), 0));
  const std::vector<Bytes> parts(3);
  must(write_all(*file, parts, 0));
  EXPECT_EQ(fs.calls(Kind::kPwritev), 0u);
}

TEST_F(IoTest, TriesAgainAfterASignal) {
  fault_each(Kind::kPwritev,
             [](std::uint64_t n) { return n < 3 ? std::optional(SeamFault{.error = EINTR}) : std::nullopt; });
  must(write_all(*file, as_bytes("text"), 0));
  EXPECT_EQ(fs.calls(Kind::kPwritev), 4u);

  fault_each(Kind::kPread,
             [](std::uint64_t n) { return n % 2 == 0 ? SeamFault{.error = EINTR} : SeamFault{.only = 1}; });
  EXPECT_EQ(read_all(*file), "text");
}

TEST_F(IoTest, AWriteOfNothingIsAnError) {
  fault_each(Kind::kPwritev, [](std::uint64_t) { return SeamFault{.only = 0}; });
  const Status written = write_all(*file, as_bytes("text"), 7);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kIo);
  EXPECT_EQ(written.error().offset(), Offset(7));
}

TEST_F(IoTest, OtherErrorsEndIt) {
  fault_each(Kind::kPwritev,
             [](std::uint64_t n) { return n == 0 ? SeamFault{.only = 2} : SeamFault{.error = ENOSPC}; });
  const Status written = write_all(*file, as_bytes("text"), 0);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kNoSpace);
  EXPECT_EQ(fs.calls(Kind::kPwritev), 2u);
  EXPECT_EQ(read_all(*file), "te");

  fault_each(Kind::kPread, [](std::uint64_t) { return SeamFault{.error = EIO}; });
  std::vector<std::byte> into(4);
  EXPECT_EQ(read_up_to(*file, into, 0).error().system_error(), EIO);
  EXPECT_EQ(read_up_to(*file, into, 1).error().offset(), Offset(1));
}

TEST_F(IoTest, ReadsUpToTheEnd) {
  must(write_all(*file, filled(10, 'x'), 0));
  std::vector<std::byte> into(20);
  EXPECT_EQ(must(read_up_to(*file, into, 4)), 6u);
  EXPECT_EQ(must(read_up_to(*file, into, 10)), 0u);
}

}  // namespace
}  // namespace tidemark::platform
