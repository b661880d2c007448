// SPDX-License-Identifier: Apache-2.0
// Goal: tail shows what a writer in another process appends, as soon as it is durable, and ends well when it is
// interrupted. Method: this process is the writer.
#include <chrono>
#include <gtest/gtest.h>
#include <string>
#include <thread>

#include "tests/tools/command_runner.h"
#include "tidemark/tidemark.hpp"

namespace tidemark::test {
namespace {

TEST(Tail, FollowsAWriterInAnotherProcess) {
  for (const std::string signal : {"--signal=INT", "--signal=TERM"}) {
    const ToolsFolder folder;
    const std::string path = folder / "store";
    auto store = Store::open(path, {.allow_unsafe_file_system = true});
    ASSERT_TRUE(store) << to_string(store.error());
    const auto append = [&](std::string_view stream, std::string_view data) {
      auto done = store->append(stream, Expect::any(), {{.type = "T", .data = as_bytes(data)}});
      EXPECT_TRUE(done) << to_string(done.error());
    };
    append("loan-1", "1");
    append("other-1", "2");
    std::jthread appender([&] {
      std::this_thread::sleep_for(std::chrono::seconds(1));
      append("other-1", "3");
      append("loan-2", "4");
      std::this_thread::sleep_for(std::chrono::seconds(1));
      append("loan-1", "5");
    });
    const Ran ran =
        run({"--preserve-status", signal, "5", TIDEMARK_COMMAND, "tail", path, "--category", "loan", "--json"},
            {.program = "/usr/bin/timeout"});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    std::string data;
    for (const auto& line : ran.json_lines()) { data += line["data"].dump() + " "; }
    EXPECT_EQ(data, "1 4 5 ");
  }
}

}  // namespace
}  // namespace tidemark::test
