// SPDX-License-Identifier: Apache-2.0
// Goal: a process whose standard streams are closed never writes what it says into its own store.
// Method: the command is run by a shell that closes them; the store is whole afterwards and holds what was appended.
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>

#include "tests/temporary_folder.h"
#include "tidemark/tidemark.hpp"

namespace {

TEST(ClosedStreams, NothingIsPrintedIntoTheStore) {
  const tidemark::test::TemporaryFolder folder("streams");
  const std::filesystem::path store = folder.path() / "store";
  const std::string command = std::string("\"") + TIDEMARK_COMMAND + "\" append \"" + store.string() +
                              "\" stream --type T --data 1 <&- >&- 2>&-";
  for (int i = 0; i < 3; ++i) { (void)std::system(command.c_str()); }  // it has nowhere to say how it went
  const auto report = tidemark::verify(store);
  ASSERT_TRUE(report) << to_string(report.error());
  EXPECT_TRUE(report->whole());
  EXPECT_EQ(report->events, 3U);
}

}  // namespace
