// SPDX-License-Identifier: Apache-2.0
// Goal: an import takes JSON Lines as they are, says which line it does not take, and can be repeated. What stands in
// the store is looked at through the library.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "tests/tools/command_runner.h"
#include "tidemark/tidemark.hpp"

namespace tidemark::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string packed(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  std::string in(text);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

class Import : public ::testing::Test {
 protected:
  Ran import(std::string_view content, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"import", store_, folder_.file("in.jsonl", content), "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  // What the store has.
  std::vector<OwnedEvent> events() const {
    std::vector<OwnedEvent> all;
    Result<Store> store = Store::open(store_, {.read_only = true, .allow_unsafe_file_system = true});
    EXPECT_TRUE(store.has_value());
    if (!store) { return all; }
    Cursor cursor = store->read(Query::all());
    EXPECT_TRUE(cursor.for_each([&](const Event& event) { all.emplace_back(event); }));
    return all;
  }
  std::size_t count() const { return std::filesystem::exists(store_) ? events().size() : 0; }
  // The import refuses this line, the second of its batch, and takes nothing of the batch.
  void expect_refused(const std::string& line, std::string_view reason) const {
    const std::size_t before = count();
    const Ran ran = import(R"({"stream":"s","type":"before","data":0})"
                           "\n" +
                           line + "\n");
    EXPECT_EQ(ran.exit_code, 2) << line;
    EXPECT_THAT(ran.err, HasSubstr("in.jsonl:2: ")) << line;
    EXPECT_THAT(ran.err, HasSubstr(std::string(reason))) << line;
    EXPECT_THAT(ran.out, IsEmpty()) << line;
    EXPECT_EQ(count(), before) << line;
  }

  ToolsFolder folder_;
  std::string store_ = folder_ / "store";
};

TEST_F(Import, EveryFieldArrives) {
  const Ran ran = import(
      R"({"stream":"a","type":"T","data":{"x":1},"metadata":{"m":2},"tags":["one","two"],"time":"2011-10-01T00:38:44.546+02:00","id":"0190A0E4-1B2C-7D3E-8F40-5162738495A6"})"
      "\n"
      R"({"data":null,"type":"Ü\u00fc","stream":"b"})"
      "\n");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.json()["imported"], 2);
  EXPECT_EQ(ran.json()["skipped"], 0);
  const std::vector<OwnedEvent> all = events();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].stream, "a");
  EXPECT_EQ(all[0].type, "T");
  EXPECT_EQ(as_text(all[0].data), R"({"x":1})");
  EXPECT_EQ(as_text(all[0].metadata), R"({"m":2})");
  EXPECT_THAT(all[0].tags, ElementsAre("one", "two"));
  EXPECT_EQ(all[0].valid.time_since_epoch().count(), 1317422324546000);
  EXPECT_EQ(to_string(all[0].id), "0190a0e4-1b2c-7d3e-8f40-5162738495a6");
  EXPECT_EQ(all[1].stream, "b");
  EXPECT_EQ(all[1].type, "Üü");
  EXPECT_EQ(as_text(all[1].data), "null");
  EXPECT_EQ(as_text(all[1].metadata), "");
  EXPECT_EQ(all[1].valid, std::chrono::floor<std::chrono::microseconds>(all[1].recorded));
  EXPECT_EQ(all[0].recorded, all[1].recorded) << "one batch, one time";
}

// No number is rounded, no key moved, no white space inside lost.
TEST_F(Import, DataIsKeptByteForByte) {
  const std::vector<std::string> values = {
      "1.0",
      "1e400",
      "-0",
      "-1E+2",
      "0.1000000000000000055511151231257827",
      "12345678901234567890123",
      "18446744073709551616",
      "true",
      "false",
      "null",
      R"("")",
      R"("a\"b\\c\u00fc\ud83d\ude00\/ : , } ]")",
      "{}",
      "[]",
      R"({"b":1,"a":2,"b":3})",
      R"({ "a" :  [ 1 ,2 , { "c":[[]]} ]  , "data":  {"data":1} })",
      R"([1.50,"x",[null,{"stream":"no","tags":[1]}]])",
      R"("Grüße 🏦")",
  };
  std::string lines;
  for (const std::string& value : values) {
    lines += R"({"stream":"s","type":"T","data":)" + value + "}\n";
    lines += R"({ "stream" : "s" , "metadata"  :)"
             "\t  " +
             value + R"(  , "data" :  )" + value +
             R"( , "type":"T"  } )"
             "\r\n";
  }
  const Ran ran = import(lines);
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const std::vector<OwnedEvent> all = events();
  ASSERT_EQ(all.size(), 2 * values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(as_text(all[2 * i].data), values[i]);
    EXPECT_EQ(as_text(all[2 * i + 1].data), values[i]);
    EXPECT_EQ(as_text(all[2 * i + 1].metadata), values[i]);
  }
  // And out again.
  const Ran read = run({"read", store_, "--json"});
  for (const std::string& value : values) {
    EXPECT_THAT(read.out, HasSubstr("\"data\":" + value + ",\"metadata\":null}\n"));
  }
}

TEST_F(Import, ABadLineNamesFileAndLine) {
  expect_refused("{", "column");
  expect_refused("nonsense", "column 2");
  expect_refused(R"({"stream":"s","type":"T","data":{"a":}})", "column 38");
  expect_refused(R"({"stream":"s","type":"T","data":1} {})", "column");
  expect_refused(R"({"stream":"s","type":"T","data":"\xF"})", "column");
  expect_refused("{\"stream\":\"s\",\"type\":\"T\",\"data\":\"\xC3\"}", "UTF-8");
  expect_refused(std::string("{\"stream\":\"s\",\"type\":\"T\",\"data\":1}\0", 36), "NUL");
  expect_refused(R"({"stream":"s","type":"T","data":1e99999})", "number overflow");
  expect_refused(R"([1])", "must be a JSON object");
  expect_refused("17", "must be a JSON object");
}

TEST_F(Import, ABadFieldIsNamed) {
  expect_refused(R"({"type":"T","data":1})", "no field \"stream\"");
  expect_refused(R"({"stream":"s","data":1})", "no field \"type\"");
  expect_refused(R"({"stream":"s","type":"T"})", "no field \"data\"");
  expect_refused(R"({"stream":"s","type":"T","data":1,"dta":2})", "unknown field \"dta\"");
  expect_refused(R"({"stream":"s","type":"T","data":1,"data":1})", "field \"data\" is given twice");
  expect_refused(R"({"stream":7,"type":"T","data":1})", "field \"stream\" must be a string, not a number");
  expect_refused(R"({"stream":"s","type":null,"data":1})", "field \"type\" must be a string, not null");
  expect_refused(R"({"stream":"s","type":{"a":1},"data":1})", "field \"type\" must be a string, not an object");
  expect_refused(R"({"stream":"s","type":"T","data":1,"tags":"x"})", "field \"tags\" must be an array of strings");
  expect_refused(R"({"stream":"s","type":"T","data":1,"tags":["x",1]})", "field \"tags\" must be an array of strings");
  expect_refused(R"({"stream":"s","type":"T","data":1,"tags":[["x"]]})", "field \"tags\" must be an array of strings");
  expect_refused(R"({"stream":"s","type":"T","data":1,"time":"today"})", "field \"time\" must be a time");
  expect_refused(R"({"stream":"s","type":"T","data":1,"id":"17"})", "field \"id\" must be a UUID");
  expect_refused(R"({"stream":"","type":"T","data":1})", "field \"stream\" must have 1 to");
  expect_refused(R"({"stream":"s","type":")" + std::string(256, 't') + R"(","data":1})",
                 "field \"type\" must have 1 to 255");
  expect_refused(R"({"stream":"s","type":"T","data":1,"tags":[""]})", "a tag must have 1 to");
  expect_refused(R"({"stream":"s","type":"T","data":")" + std::string(limits::kEventBytesMax, 'x') + R"("})", "16 MiB");
}

TEST_F(Import, WhatWasAcknowledgedBeforeABadLineStaysAndIsCounted) {
  std::string lines;
  for (int i = 0; i < 25; ++i) { lines += R"({"stream":"s","type":"T","data":)" + std::to_string(i) + "}\n"; }
  const Ran ran = import(lines + "oops\n" + lines, {"--batch", "10"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.err, HasSubstr("in.jsonl:26: "));
  EXPECT_THAT(ran.err, HasSubstr("imported before it, and durable: 20 events"));
  EXPECT_EQ(count(), 20U);
}

TEST_F(Import, RepeatingItDoublesNothing) {
  const std::string line = R"({"stream":"s","type":"T","data":1})";
  const std::string lines =
      line + "\n" + line + "\n\n" + R"({"stream":"t","type":"T","data":1})" + "\n  \n" + line + "\n";
  EXPECT_EQ(import(lines).json()["imported"], 4) << "equal lines are events of their own";
  const Ran again = import(lines);
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(again.json()["imported"], 0);
  EXPECT_EQ(again.json()["skipped"], 4);
  const Ran more = import(lines + line, {"--batch", "2"});
  EXPECT_EQ(more.json()["imported"], 1);
  EXPECT_EQ(more.json()["skipped"], 4);
  EXPECT_EQ(count(), 5U);
}

TEST_F(Import, LineEndsAndPackingMakeNoDifference) {
  ASSERT_EQ(import("{\"stream\":\"s\",\"type\":\"T\",\"data\":1}\r\n").json()["imported"], 1);
  EXPECT_EQ(import("{\"stream\":\"s\",\"type\":\"T\",\"data\":1}").json()["skipped"], 1);
  EXPECT_EQ(import(packed("{\"stream\":\"s\",\"type\":\"T\",\"data\":1}\n")).json()["skipped"], 1);
  EXPECT_EQ(run({"import", store_, "-", "--json"}, {.input = "{\"stream\":\"s\",\"type\":\"T\",\"data\":1}\n"})
                .json()["skipped"],
            1);
  EXPECT_EQ(run({"import", store_, "-", "--json"}, {.input = packed("{\"stream\":\"s\",\"type\":\"T\",\"data\":1}\n")})
                .json()["skipped"],
            1);
}

TEST_F(Import, AKnownIdWithOtherContentIsAConflict) {
  const std::string id = R"(,"id":"0190a0e4-1b2c-7d3e-8f40-5162738495a6"})";
  const std::string first =
      R"({"stream":"s","type":"T","data":1,"metadata":2,"tags":["a"],"time":"2020-01-01T00:00:00Z")" + id;
  ASSERT_EQ(import(first).exit_code, 0);
  EXPECT_EQ(import(first).json()["skipped"], 1);
  const std::vector<std::pair<std::string, std::string>> others = {
      {R"({"stream":"r","type":"T","data":1,"metadata":2,"tags":["a"],"time":"2020-01-01T00:00:00Z")", "stream"},
      {R"({"stream":"s","type":"U","data":1,"metadata":2,"tags":["a"],"time":"2020-01-01T00:00:00Z")", "type"},
      {R"({"stream":"s","type":"T","data":1.0,"metadata":2,"tags":["a"],"time":"2020-01-01T00:00:00Z")", "data"},
      {R"({"stream":"s","type":"T","data":1,"tags":["a"],"time":"2020-01-01T00:00:00Z")", "metadata"},
      {R"({"stream":"s","type":"T","data":1,"metadata":2,"tags":["a","b"],"time":"2020-01-01T00:00:00Z")", "tags"},
      {R"({"stream":"s","type":"T","data":1,"metadata":2,"tags":["a"],"time":"2020-01-01T00:00:01Z")", "time"},
      {R"({"stream":"s","type":"T","data":1,"metadata":2,"tags":["a"])", "time"},
  };
  for (const auto& [line, field] : others) {
    const Ran ran = import(R"({"stream":"new","type":"T","data":1})"
                           "\n" +
                           line + id);
    EXPECT_EQ(ran.exit_code, 3) << line;
    EXPECT_THAT(ran.err, HasSubstr("in.jsonl:2: ")) << line;
    EXPECT_THAT(ran.err, HasSubstr("with another " + field)) << line;
    EXPECT_EQ(count(), 1U) << "nothing of the batch may be there";
  }
}

TEST_F(Import, TheSameIdTwiceInOneFileIsOneEvent) {
  const std::string line =
      R"({"stream":"s","type":"T","data":1,"time":"2020-01-01T00:00:00Z","id":"0190a0e4-1b2c-7d3e-8f40-5162738495a6"})";
  const Ran ran = import(line + "\n" + line + "\n");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.json()["imported"], 1);
  EXPECT_EQ(ran.json()["skipped"], 1);
}

TEST_F(Import, ABatchOverTheLimitIsSplit) {
  std::string lines;
  for (int i = 0; i < 5; ++i) {
    lines += R"({"stream":"s","type":"T","data":")" +
             std::string(limits::kEventBytesMax - 2, static_cast<char>('a' + i)) + "\"}\n";
  }
  const Ran ran = import(lines);
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.json()["imported"], 5);
  EXPECT_GE(ran.json()["batches"], 2);
}

TEST_F(Import, WhatIsNoFileIsRefusedAndCreatesNoStore) {
  const Ran missing = run({"import", store_, folder_ / "missing.jsonl"});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.err, HasSubstr("missing.jsonl"));
  const Ran a_folder = run({"import", store_, folder_.path().string()});
  EXPECT_EQ(a_folder.exit_code, 2);
  EXPECT_FALSE(std::filesystem::exists(store_));
}

TEST_F(Import, AGzipFileThatEndsTooEarlyIsRefused) {
  std::string lines;
  for (int i = 0; i < 1000; ++i) {
    lines += R"({"stream":"s","type":"T","data":)" + std::to_string(i * 7919 % 1000) + "}\n";
  }
  const std::string whole = packed(lines);
  const Ran cut = import(std::string_view(whole).substr(0, whole.size() / 2));
  EXPECT_EQ(cut.exit_code, 2) << cut.err;
  EXPECT_THAT(cut.err, HasSubstr("ends too early"));
  std::string damaged = whole;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
  const Ran bad = import(damaged);
  EXPECT_EQ(bad.exit_code, 2) << bad.err;
  EXPECT_THAT(bad.err, Not(IsEmpty()));
}

TEST_F(Import, ALineWithoutAnEndIsBounded) {
  const std::size_t bytes = (std::size_t{80} << 20U) + (std::size_t{1} << 20U);
  const Ran ran = import(packed(std::string(bytes, ' ')));
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.err, HasSubstr("in.jsonl:1: the line is longer than 80 MiB"));
}

TEST_F(Import, AControlCharacterInANameIsToldOfItsLine) {
  expect_refused(R"({"stream":"a\tb","type":"T","data":1})", "control character");
  expect_refused(R"({"stream":"a","type":"T\u0085","data":1})", "control character");
  expect_refused(R"({"stream":"a","type":"T","data":1,"tags":["x\u007f"]})", "control character");
}

TEST_F(Import, PlainProgressTellsEveryAcknowledgement) {
  std::string lines;
  for (int i = 0; i < 25; ++i) { lines += R"({"stream":"s","type":"T","data":)" + std::to_string(i) + "}\n"; }
  EXPECT_EQ(import(lines, {"--batch", "10", "--progress", "plain"}).err,
            "acknowledged 10\nacknowledged 20\nacknowledged 25\n");
}

}  // namespace
}  // namespace tidemark::test
