// SPDX-License-Identifier: Apache-2.0
// Goal: what an export writes an import reads: every byte, id and time of every event. A file appears whole or not at
// all, and takes nobody's place. The loan data are exported in loan_data_test.cc.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/tools/command_runner.h"
#include "tidemark/tidemark.hpp"

namespace tidemark::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Export : public ::testing::Test {
 protected:
  Store open(const std::string& folder, bool read_only = false) const {
    Result<Store> store = Store::open(folder, {.read_only = read_only, .allow_unsafe_file_system = true});
    if (!store) { throw std::runtime_error(to_string(store.error())); }
    return std::move(*store);
  }
  std::vector<OwnedEvent> events(const std::string& folder) const {
    std::vector<OwnedEvent> all;
    const Store store = open(folder, true);
    Cursor cursor = store.read(Query::all());
    EXPECT_TRUE(cursor.for_each([&](const Event& event) { all.emplace_back(event); }));
    return all;
  }
  void expect_same(const std::vector<OwnedEvent>& actual, const std::vector<OwnedEvent>& expected,
                   bool recorded) const {
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i) {
      SCOPED_TRACE(i);
      EXPECT_EQ(actual[i].position, expected[i].position);
      EXPECT_EQ(actual[i].stream, expected[i].stream);
      EXPECT_EQ(actual[i].version, expected[i].version);
      EXPECT_EQ(actual[i].id, expected[i].id);
      EXPECT_EQ(actual[i].type, expected[i].type);
      EXPECT_EQ(actual[i].tags, expected[i].tags);
      EXPECT_EQ(actual[i].data, expected[i].data);
      EXPECT_EQ(actual[i].metadata, expected[i].metadata);
      EXPECT_EQ(actual[i].valid, expected[i].valid);
      EXPECT_EQ(actual[i].recorded == expected[i].recorded, recorded);
    }
  }
  // Events that JSON Lines cannot hold as they are, and plain ones.
  void append_all_kinds() const {
    Store store = open(store_);
    const auto append = [&](std::string_view data, std::string_view metadata, std::optional<ValidTime> valid) {
      const auto stream = "s-" + std::to_string(data.size() % 3);
      const std::vector<std::string_view> tags{"a", "größe:\"1\""};
      const auto receipt = store.append(stream, Expect::any(),
                                        {{.type = "T \"quoted\" ü",
                                          .data = as_bytes(data),
                                          .metadata = as_bytes(metadata),
                                          .tags = tags,
                                          .valid = valid}});
      ASSERT_TRUE(receipt.has_value()) << to_string(receipt.error());
    };
    std::string every_byte;
    for (int i = 0; i < 256; ++i) { every_byte += static_cast<char>(i); }
    for (const std::string& data :
         {std::string(R"({"x": 1.50, "x": [1e400, "ü\u0000"]})"), std::string(), std::string("null"),
          std::string("{\n  \"pretty\": true\n}\n"), std::string(" 1"), std::string("1 "), std::string("\"a\rb\""),
          std::string("not JSON"), every_byte, every_byte + "1", every_byte + "12", std::string("\xFF")}) {
      append(data, {}, {});
      append(R"({"plain":1})", data, {});
    }
    using std::chrono::sys_days;
    using std::chrono::year;
    append("1", {}, ValidTime(sys_days(year(1000) / 2 / 28)) + std::chrono::microseconds(123'456));
    append("2", {}, ValidTime(sys_days(year(-4000) / 12 / 31)) - std::chrono::microseconds(1));
    append("3", {}, ValidTime(sys_days(year(12'000) / 1 / 1)));
    append("4", {}, ValidTime(sys_days(year(1969) / 12 / 31)) + std::chrono::microseconds(999'999));
    append("5", {}, ValidTime::min());
    append("6", {}, ValidTime::max());
    append("7", {}, ValidTime::min() + std::chrono::microseconds(224'192));
    append("8", {}, ValidTime::max() - std::chrono::microseconds(775'808));
    ASSERT_TRUE(store.close());
  }
  std::vector<std::string> names_in_folder() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename().string());
    }
    std::ranges::sort(names);
    return names;
  }
  std::string contents(const std::string& file) const {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  ToolsFolder folder_;
  std::string store_ = folder_ / "store";
  std::string copy_ = folder_ / "copy";
  std::string file_ = folder_ / "out.jsonl";
};

TEST_F(Export, EveryByteOfEveryEventComesBack) {
  append_all_kinds();
  const Ran ran = run({"export", store_, file_});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, "32 events in " + file_ + "\n");
  EXPECT_THAT(ran.err, IsEmpty());
  ASSERT_EQ(run({"import", copy_, file_}).exit_code, 0);
  expect_same(events(copy_), events(store_), false);
  // And once more, with the times at which they were recorded, through a pipe.
  const std::string kept = folder_ / "kept";
  const Ran lines = run({"export", store_});
  const Ran imported = run({"import", kept, "-", "--keep-recorded"}, {.input = lines.out});
  ASSERT_EQ(imported.exit_code, 0) << imported.err;
  expect_same(events(kept), events(store_), true);
  EXPECT_EQ(contents(file_), lines.out);
  // Repeating it doubles nothing.
  EXPECT_EQ(run({"import", kept, file_, "--json"}).json()["skipped"], 32);
}

TEST_F(Export, OfAnEmptyStoreIsAnEmptyFile) {
  ASSERT_TRUE(open(store_).close());
  EXPECT_EQ(run({"export", store_, file_, "--json"}).json(),
            nlohmann::json({{"file", file_}, {"exported", 0}, {"lost", 0}}));
  EXPECT_EQ(contents(file_), "");
  EXPECT_EQ(run({"export", store_}).out, "");
}

TEST_F(Export, IsPackedWhereTheNameSaysSo) {
  append_all_kinds();
  const std::string packed = folder_ / "out.jsonl.gz";
  ASSERT_EQ(run({"export", store_, packed}).exit_code, 0);
  EXPECT_THAT(contents(packed), ::testing::StartsWith("\x1F\x8B"));
  ASSERT_EQ(run({"import", copy_, packed, "--keep-recorded"}).exit_code, 0);
  expect_same(events(copy_), events(store_), true);
}

TEST_F(Export, TakesTheQueryOfARead) {
  append_all_kinds();
  const Ran some = run({"export", store_, "--stream", "s-1", "--from", "2"});
  ASSERT_EQ(some.exit_code, 0) << some.err;
  const auto read = run({"read", store_, "--stream", "s-1", "--from", "2", "--json"}).json_lines();
  const auto exported = some.json_lines();
  ASSERT_EQ(exported.size(), read.size());
  ASSERT_GT(exported.size(), 2U);
  for (std::size_t i = 0; i < read.size(); ++i) { EXPECT_EQ(exported[i]["id"], read[i]["id"]); }
  EXPECT_EQ(run({"export", store_, "--type", "no such type"}).out, "");
  EXPECT_EQ(run({"export", store_, "--stream", "a", "--category", "b"}).exit_code, 2);
}

TEST_F(Export, AFileAppearsWholeAndTakesNobodysPlace) {
  append_all_kinds();
  (void)folder_.file("out.jsonl", "mine");
  const Ran refused = run({"export", store_, file_});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("--overwrite"));
  EXPECT_EQ(contents(file_), "mine");
  ASSERT_EQ(run({"export", store_, file_, "--overwrite"}).exit_code, 0);
  EXPECT_EQ(contents(file_), run({"export", store_}).out);

  std::filesystem::create_directory(folder_ / "folder");
  std::filesystem::create_symlink(file_, folder_ / "link");
  for (const char* const name : {"folder", "link"}) {
    const Ran ran = run({"export", store_, folder_ / name, "--overwrite"});
    EXPECT_EQ(ran.exit_code, 2) << name;
    EXPECT_THAT(ran.err, HasSubstr("no regular file")) << name;
  }
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ / "link"));
  EXPECT_EQ(run({"export", store_, ""}).exit_code, 2);
  EXPECT_EQ(run({"export", store_, folder_ / "new/"}).exit_code, 2);
  for (const char* const inner : {"store/super-a", "store/new", "folder/../store/new"}) {
    const Ran ran = run({"export", store_, folder_ / inner, "--overwrite"});
    EXPECT_EQ(ran.exit_code, 2) << inner;
    EXPECT_THAT(ran.err, HasSubstr("in a store's own folder")) << inner;
  }
  EXPECT_EQ(run({"export", store_, folder_ / "not-there/out"}).exit_code, 5);
  EXPECT_EQ(run({"export", folder_ / "no-store", folder_ / "other"}).exit_code, 5);
  EXPECT_EQ(names_in_folder(), (std::vector<std::string>{"folder", "link", "out.jsonl", "store"}))
      << "nothing is left of what failed";
}

TEST_F(Export, OtherStoresAreLeftAlone) {
  append_all_kinds();
  ASSERT_EQ(run({"append", copy_, "s", "--type", "T"}).exit_code, 0);
  for (const char* const name : {"super-a", "super-b", "new"}) {
    EXPECT_EQ(run({"export", store_, copy_ + "/" + name, "--overwrite"}).exit_code, 2) << name;
  }
  EXPECT_EQ(events(copy_).size(), 1U);
}

// What the command says is not to be found in the file, whichever streams it was started without.
TEST_F(Export, ClosedStreamsDoNotBecomeTheFile) {
  append_all_kinds();
  const std::string expected = run({"export", store_}).out;
  int n = 0;
  for (const char* const closed : {">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"}) {
    const std::string file = folder_ / ("closed-" + std::to_string(++n));
    const std::string call = std::string("\"") + TIDEMARK_COMMAND + "\" export \"$0\" \"$1\" " + closed;
    (void)run({"-c", call, store_, file}, {.program = "/bin/bash"});
    EXPECT_EQ(contents(file), expected) << closed;
  }
}

TEST_F(Export, AFullDiskLeavesNothingAndTakesNothing) {
  append_all_kinds();
  std::string large;
  for (int i = 0; i < 20'000; ++i) { large += R"({"stream":"l","type":"T","data":)" + std::to_string(i) + "}\n"; }
  ASSERT_EQ(run({"import", store_, folder_.file("large.jsonl", large)}).exit_code, 0);
  const std::string mine = folder_.file("mine.jsonl", "mine");
  std::filesystem::permissions(mine, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const auto limited = [&](const std::string& file) {
    // A file may have 1 MiB, and the export has more.
    const std::string call =
        std::string("ulimit -f 1024; exec \"") + TIDEMARK_COMMAND + "\" export \"$0\" \"$1\" --overwrite";
    return run({"-c", call, store_, file}, {.program = "/bin/bash"});
  };
  for (const std::string& file : {mine, file_}) {
    const Ran ran = limited(file);
    EXPECT_EQ(ran.exit_code, 5) << ran.out << ran.err;
    EXPECT_THAT(ran.err, HasSubstr(file + ": "));
  }
  EXPECT_EQ(contents(mine), "mine");
  EXPECT_EQ(names_in_folder(), (std::vector<std::string>{"large.jsonl", "mine.jsonl", "store"}));
  // With room the file is replaced, and stays as private as it was.
  ASSERT_EQ(run({"export", store_, mine, "--overwrite"}).exit_code, 0);
  EXPECT_GT(contents(mine).size(), 1U << 20U);
  EXPECT_EQ(std::filesystem::status(mine).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_EQ(names_in_folder(), (std::vector<std::string>{"large.jsonl", "mine.jsonl", "store"}));
}

// However many they were: a second batch could not have the time of the first.
TEST_F(Export, WhatWasRecordedTogetherStaysTogether) {
  {
    Store store = open(store_);
    for (const int events : {2'500, 3, 1'001}) {
      Batch batch;
      for (int i = 0; i < events; ++i) { batch.to("s").add({.type = "T", .data = as_bytes("1")}); }
      ASSERT_TRUE(store.append(batch));
    }
    ASSERT_TRUE(store.close());
  }
  ASSERT_EQ(run({"export", store_, file_}).exit_code, 0);
  ASSERT_EQ(run({"import", copy_, file_, "--keep-recorded"}).exit_code, 0);
  expect_same(events(copy_), events(store_), true);
  EXPECT_EQ(run({"import", copy_, file_, "--keep-recorded", "--batch", "10"}).exit_code, 2);
}

TEST_F(Export, ASuspectEndIsDecidedOnFirst) {
  append_all_kinds();
  const std::string segment = store_ + "/segment-0000000001.log";
  std::string bytes = contents(segment);
  // Behind the last frame something stands that is no frame.
  const std::size_t end = (bytes.find_last_not_of('\0') + 8) / 8 * 8;
  bytes.replace(end, 4096, 4096, '\xAA');
  std::ofstream(segment, std::ios::binary) << bytes;
  ASSERT_EQ(run({"recover", store_}).exit_code, 1);
  const Ran ran = run({"export", store_, file_});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("suspect end"));
  EXPECT_FALSE(std::filesystem::exists(file_));
  EXPECT_EQ(run({"export", store_}).out, "");
  ASSERT_EQ(run({"recover", store_, "--accept-suspect-tail"}).exit_code, 0);
  EXPECT_EQ(run({"export", store_, file_}).exit_code, 0);
}

TEST_F(Export, WhatIsDamagedIsTold) {
  {
    Store store = open(store_);
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(store.append("s", Expect::any(), {{.type = "T", .data = as_bytes(std::to_string(i))}}));
    }
    ASSERT_TRUE(store.close());
  }
  // The second event's bytes, behind the header of its frame.
  std::string path;
  for (const auto& entry : std::filesystem::directory_iterator(store_)) {
    if (entry.path().filename().string().starts_with("seg")) { path = entry.path().string(); }
  }
  ASSERT_FALSE(path.empty());
  std::string bytes = contents(path);
  const std::size_t at = bytes.find("TFMR", bytes.find("TFMR") + 4);
  ASSERT_NE(at, std::string::npos);
  bytes[at + 110] = static_cast<char>(bytes[at + 110] ^ 0x55);
  std::ofstream(path, std::ios::binary) << bytes;
  const Ran damaged = run({"export", store_, file_});
  EXPECT_EQ(damaged.exit_code, 1);
  EXPECT_FALSE(std::filesystem::exists(file_)) << "half of it would look like all of it";

  const std::string repaired = folder_ / "repaired";
  ASSERT_EQ(run({"repair", store_, "--into", repaired}).exit_code, 1);
  const Ran ran = run({"export", repaired, file_});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("1 event left out"));
  EXPECT_EQ(std::ranges::count(contents(file_), '\n'), 2);
}

TEST_F(Export, BytesInBase64AreTakenAsTheyAreOrNotAtAll) {
  const auto import = [&](std::string_view line) { return run({"import", copy_, folder_.file("in.jsonl", line)}); };
  for (const std::string wrong : {R"("data_base64":"AA")", R"("data_base64":"AA=A")", R"("data_base64":"A===")",
                                  R"("data_base64":"AB==")", R"("data_base64":"AA\n=")", R"("data_base64":"-_8=")",
                                  R"("data_base64":7)", R"("data_base64":"AA==","metadata_base64":"?")"}) {
    const Ran ran = import(R"({"stream":"s","type":"T",)" + wrong + "}\n");
    EXPECT_EQ(ran.exit_code, 2) << wrong;
    EXPECT_THAT(ran.err, HasSubstr("base64")) << wrong;
  }
  EXPECT_THAT(import(R"({"stream":"s","type":"T","data":1,"data_base64":"AA=="})").err,
              HasSubstr(R"("data" and "data_base64" do not go together)"));
  EXPECT_THAT(import(R"({"stream":"s","type":"T","metadata_base64":"AA==","metadata":1,"data":1})").err,
              HasSubstr("do not go together"));
  EXPECT_THAT(import(R"({"stream":"s","type":"T","metadata":1})").err, HasSubstr(R"(no field "data")"));
  EXPECT_FALSE(std::filesystem::exists(copy_) && !events(copy_).empty());
  ASSERT_EQ(import(R"({"stream":"s","type":"T","data_base64":"AP8=","recorded":"2011-10-01T00:00:00Z"})").exit_code, 0);
  ASSERT_EQ(events(copy_).size(), 1U);
  EXPECT_EQ(as_text(events(copy_)[0].data), std::string_view("\0\xFF", 2));
  EXPECT_EQ(run({"import", copy_, file_, "--keep-recorded", "--recorded-from", "time"}).exit_code, 2);
  EXPECT_EQ(run({"import", copy_, folder_.file("in.jsonl", R"({"stream":"s","type":"T","data":1})"), "--keep-recorded"})
                .exit_code,
            2);
}

}  // namespace
}  // namespace tidemark::test
