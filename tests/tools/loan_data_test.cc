// SPDX-License-Identifier: Apache-2.0
// Goal: the 262,200 loan events of a bank arrive as the file has them: counts, order, data, times. Then the same with
// imports that are killed at random, again and again, until one gets to the end. Seed: TIDEMARK_TEST_SEED, or at random
// and printed.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <sstream>
#include <thread>

#include "tests/tools/command_runner.h"
#include "tidemark/tidemark.hpp"

namespace tidemark::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr std::uint64_t kEvents = 262'200;
constexpr std::uint64_t kStreams = 13'087;
constexpr std::size_t kTypes = 24;

// The instant that "2011-10-01T00:38:44.546+02:00" names, in milliseconds. The file has this one form.
std::int64_t instant_ms(const std::string& text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int milliseconds = 0;
  char sign = '+';
  int offset_hours = 0;
  int offset_minutes = 0;
  const int fields =
      std::sscanf(text.c_str(), "%4d-%2u-%2uT%2d:%2d:%2d.%3d%c%2d:%2d", &year, &month, &day, &hour, &minute, &second,
                  &milliseconds, &sign, &offset_hours, &offset_minutes);  // NOLINT(cert-err34-c)
  EXPECT_EQ(fields, 10) << text;
  using namespace std::chrono;
  const auto days =
      sys_days(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day)).time_since_epoch();
  const auto offset = (hours(offset_hours) + minutes(offset_minutes)) * (sign == '-' ? -1 : 1);
  return duration_cast<std::chrono::milliseconds>(days + hours(hour) + minutes(minute) + seconds(second) - offset)
             .count() +
         milliseconds;
}

// Cuts "data":{…} out of a line of the file, where it is always the last field.
std::string_view data_text(std::string_view line) {
  const std::size_t at = line.find("\"data\":");
  return line.substr(at + 7, line.size() - at - 8);
}

// Holds the first events of a store against the lines of the file, and gives how many there are.
std::uint64_t expect_prefix_of_the_file(const std::string& folder) {
  Result<Store> store = Store::open(folder, {.read_only = true, .allow_unsafe_file_system = true});
  if (!store) {
    ADD_FAILURE() << to_string(store.error());
    return 0;
  }
  std::uint64_t next = 0;
  Cursor events = store->read(Query::all());
  const Status status = events.for_each([&](const Event& event) {
    const std::string& line = loan_lines().at(next);
    EXPECT_EQ(event.position().value(), next);
    EXPECT_EQ(as_text(event.data()), data_text(line));
    EXPECT_TRUE(line.starts_with(R"({"stream":")" + std::string(event.stream()) + R"(","type":")" +
                                 std::string(event.type()) + "\""))
        << line;
    ++next;
    return !::testing::Test::HasFailure();
  });
  EXPECT_TRUE(status) << to_string(status.error());
  return next;
}

class LoanData : public ::testing::Test {
 protected:
  // Recovers; gives how many events there are.
  std::uint64_t expect_owed(std::uint64_t owed) const {
    const Ran recover = run({"recover", store_});
    EXPECT_EQ(recover.exit_code, 0) << recover.err;
    const std::uint64_t there = expect_prefix_of_the_file(store_);
    EXPECT_GE(there, owed) << "acknowledged events are missing";
    return there;
  }

  // Imports a file of the first so many lines, killed at random so many times, then to its end.
  void survive(const std::string& file, std::uint64_t lines, int kills, std::uint64_t acknowledgements,
               const std::vector<std::string>& more) {
    const char* given = std::getenv("TIDEMARK_TEST_SEED");  // NOLINT(concurrency-mt-unsafe): nobody sets it
    const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    std::mt19937_64 random(seed);
    std::vector<std::string> call{"import", store_, file, "--batch", "200", "--progress", "plain"};
    call.insert(call.end(), more.begin(), more.end());
    std::uint64_t owed = 0;  // acknowledged to somebody
    int killed = 0;
    for (int i = 0; i < kills; ++i) {
      Running import(call);
      // Some acknowledgements, then a little while, so that the kill falls anywhere between two of them.
      std::uint64_t wait_for = 1 + random() % acknowledgements;
      const std::chrono::microseconds while_longer(random() % 3000);
      std::uint64_t acknowledged = 0;
      for (std::string line; import.read_line(line);) {
        if (line.starts_with("acknowledged ")) {
          acknowledged = std::stoull(line.substr(13));
          if (--wait_for == 0) {
            std::this_thread::sleep_for(while_longer);
            import.kill();
          }
        }
      }
      if (import.wait().signal != 0) { ++killed; }
      owed = std::max(owed, acknowledged);
      expect_prefix_of_the_file(store_);
      // Without a writer to decide on the end of the log, a reader shows what it can know to be durable; after recovery
      // all that is owed must be there. Every second time the next import is the one to recover.
      if (random() % 2 == 0) { expect_owed(owed); }
      ASSERT_FALSE(HasFailure());
    }
    EXPECT_GT(killed, 0);
    const std::uint64_t there = expect_owed(owed);
    call.resize(3);
    call.emplace_back("--json");
    call.insert(call.end(), more.begin(), more.end());
    const Ran last = run(call);
    ASSERT_EQ(last.exit_code, 0) << last.err;
    EXPECT_EQ(last.json()["skipped"].get<std::uint64_t>(), there);
    EXPECT_EQ(last.json()["imported"].get<std::uint64_t>(), lines - there);
    EXPECT_EQ(expect_prefix_of_the_file(store_), lines);
    EXPECT_EQ(run({"verify", store_}).exit_code, 0);
  }

  ToolsFolder folder_;
  std::string store_ = folder_ / "bank";
};

TEST_F(LoanData, ArrivesAsTheFileHasIt) {
  const Ran import = run({"import", store_, TIDEMARK_LOAN_DATA, "--json"});
  ASSERT_EQ(import.exit_code, 0) << import.err;
  EXPECT_EQ(import.json()["imported"], kEvents);
  EXPECT_EQ(import.json()["skipped"], 0);
  EXPECT_EQ(import.json()["batches"], 263);

  const json stat = run({"stat", store_, "--json"}).json();
  EXPECT_EQ(stat["events"], kEvents);
  EXPECT_EQ(stat["streams"], kStreams);
  EXPECT_EQ(stat["durable"], kEvents);
  EXPECT_EQ(expect_prefix_of_the_file(store_), kEvents);

  std::map<std::string, std::uint64_t> types;
  std::uint64_t next = 0;
  std::istringstream lines(run({"read", store_, "--json"}).out);
  for (std::string line; std::getline(lines, line); ++next) {
    const json event = json::parse(line);
    ASSERT_EQ(event["position"], next);
    ++types[event["type"].get<std::string>()];
  }
  EXPECT_EQ(next, kEvents);
  EXPECT_EQ(types.size(), kTypes);
  EXPECT_EQ(types["A_SUBMITTED"], 13'087U);
  EXPECT_EQ(types["A_APPROVED"], 2'246U);
  EXPECT_EQ(types["A_DECLINED"], 7'635U);
  EXPECT_EQ(types["A_CANCELLED"], 2'807U);

  const Ran streams = run({"streams", store_, "--json"});
  EXPECT_EQ(std::count(streams.out.begin(), streams.out.end(), '\n'), static_cast<std::ptrdiff_t>(kStreams));
  EXPECT_EQ(run({"verify", store_}).exit_code, 0);

  const Ran again = run({"import", store_, TIDEMARK_LOAN_DATA, "--json"});
  EXPECT_EQ(again.json()["imported"], 0);
  EXPECT_EQ(again.json()["skipped"], kEvents);
  EXPECT_EQ(run({"stat", store_, "--json"}).json()["events"], kEvents);

  // One application, whole and in order.
  std::vector<json> expected;
  for (const std::string& line : loan_lines()) {
    if (line.find("\"application-173688\"") != std::string::npos) { expected.push_back(json::parse(line)); }
  }
  const std::vector<json> actual = run({"read", store_, "--stream", "application-173688", "--json"}).json_lines();
  ASSERT_EQ(actual.size(), expected.size());
  ASSERT_GT(actual.size(), 10U);
  for (std::size_t i = 0; i < actual.size(); ++i) {
    EXPECT_EQ(actual[i]["version"], i);
    EXPECT_EQ(actual[i]["stream"], expected[i]["stream"]);
    EXPECT_EQ(actual[i]["type"], expected[i]["type"]);
    EXPECT_EQ(actual[i]["data"], expected[i]["data"]);
    EXPECT_EQ(actual[i]["metadata"], nullptr);
    const std::string valid = actual[i]["valid"].get<std::string>();
    ASSERT_TRUE(valid.ends_with("000000Z")) << valid;
    EXPECT_EQ(instant_ms(valid.substr(0, valid.size() - 7) + "+00:00"),
              instant_ms(expected[i]["time"].get<std::string>()));
  }

  const Ran report = run({store_, "application-173688"}, {.program = TIDEMARK_LOAN_REPORT});
  EXPECT_EQ(report.exit_code, 0) << report.err;
  EXPECT_THAT(report.out, HasSubstr("262,200 events of 13,087 applications"));
  EXPECT_THAT(report.out, ::testing::ContainsRegex("approved +2,246 "));
  EXPECT_THAT(report.out, ::testing::ContainsRegex("declined +7,635 "));
  EXPECT_THAT(report.out, ::testing::ContainsRegex("cancelled +2,807 "));
  EXPECT_THAT(report.out, HasSubstr("history of application-173688"));
}

// What comes out of a store is what went in, and what is made of that is the store.
TEST_F(LoanData, AnExportIsTheFileAndItsImportTheStore) {
#ifdef TIDEMARK_SANITIZED
  const std::string file = first_loan_lines(folder_ / "some.jsonl", 10'000);
#else
  const std::string file = TIDEMARK_LOAN_DATA;
#endif
  ASSERT_EQ(run({"import", store_, file}).exit_code, 0);
  const std::string exported = folder_ / "bank.jsonl";
  const Ran ran = run({"export", store_, exported});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  std::ifstream lines(exported);
  std::uint64_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    json actual = json::parse(line);
    json expected = json::parse(loan_lines()[count]);
    const std::string time = actual["time"].get<std::string>();
    ASSERT_TRUE(time.ends_with("000000Z")) << time;
    ASSERT_EQ(instant_ms(time.substr(0, time.size() - 7) + "+00:00"), instant_ms(expected["time"].get<std::string>()));
    for (const char* const added : {"recorded", "id", "time"}) { ASSERT_EQ(actual.erase(added), 1U) << line; }
    expected.erase("time");
    ASSERT_EQ(actual, expected) << "line " << count + 1;
  }
  EXPECT_EQ(count, run({"stat", store_, "--json"}).json()["events"]);

  const std::string copy = folder_ / "copy";
  const Ran imported = run({"import", copy, exported, "--keep-recorded"});
  ASSERT_EQ(imported.exit_code, 0) << imported.err;
  const std::string before = run({"read", store_, "--json"}).out;
  ASSERT_FALSE(before.empty());
  EXPECT_EQ(run({"read", copy, "--json"}).out == before, true) << "recorded times too";
}

TEST_F(LoanData, SurvivesImportsThatAreKilled) { survive(TIDEMARK_LOAN_DATA, kEvents, 6, 150, {}); }

// With recorded times of the source many small batches are under way together; what is told of is what is there.
TEST_F(LoanData, SurvivesImportsWithRecordedTimesThatAreKilled) {
  constexpr std::uint64_t kSome = 40'000;
  survive(first_loan_lines(folder_ / "some.jsonl", kSome), kSome, 4, 8, {"--recorded-from", "time"});
  Result<Store> store = Store::open(store_, {.read_only = true, .allow_unsafe_file_system = true});
  ASSERT_TRUE(store);
  RecordedTime before = RecordedTime::min();
  const Status read = store->read(Query::all()).for_each([&](const Event& event) {
    // The highest time so far, or a little after it where its batch was full.
    EXPECT_GE(event.recorded(), event.valid());
    EXPECT_GE(event.recorded(), before);
    EXPECT_LT(event.recorded() - std::max<RecordedTime>(before, event.valid()), std::chrono::microseconds(1));
    before = event.recorded();
  });
  EXPECT_TRUE(read);
}

}  // namespace
}  // namespace tidemark::test
