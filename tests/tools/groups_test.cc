// SPDX-License-Identifier: Apache-2.0
// Goal: `tidemark groups` tells how far consumer groups are and what they parked, has that replayed, and removes groups
// without members. Method: this process makes the groups and is their member, with the library.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <vector>

#include "tests/tools/command_runner.h"
#include "tidemark/tidemark.hpp"

namespace tidemark::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

class Groups : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = Store::open(store_, {.allow_unsafe_file_system = true});
    ASSERT_TRUE(store) << to_string(store.error());
    append(*store, "order-1", "Placed", "marked");  // position 0
    append(*store, "bill-1", "Sent");
    append(*store, "order-2", "Placed");
    append(*store, "order-1", "Cancelled");
    ASSERT_TRUE(store->close());
  }
  static void append(Store& store, std::string_view stream, std::string_view type, std::string_view data = {}) {
    const auto done = store.append(stream, Expect::any(), {{.type = type, .data = as_bytes(data)}});
    ASSERT_TRUE(done) << to_string(done.error());
  }
  [[nodiscard]] Store open() const {
    auto store = Store::open(store_, {.read_only = true, .allow_unsafe_file_system = true});
    EXPECT_TRUE(store) << to_string(store.error());
    return *std::move(store);
  }
  static Group make(const Store& store, std::string_view name, const Query& query, const GroupOptions& options = {}) {
    auto group = store.group(name, query, options);
    EXPECT_TRUE(group) << to_string(group.error());
    return *std::move(group);
  }
  static Member join(const Group& group) {
    auto member = group.join();
    EXPECT_TRUE(member) << to_string(member.error());
    return *std::move(member);
  }
  // Takes what is given, parks what stands at the position, and goes on until all of the log is done.
  static void work(const Group& group, Member& member, Position parked, Position end, std::string_view reason) {
    for (int rounds = 0; rounds < 500 && group.info()->next < end; ++rounds) {
      const auto given = member.next_for(20ms);
      ASSERT_TRUE(given) << to_string(given.error());
      if (!*given) { continue; }
      const Position position = (*given)->event.position;
      const Status said = position == parked ? member.nack(position, reason, Nack::kPark) : member.ack(position);
      ASSERT_TRUE(said) << to_string(said.error());
    }
    EXPECT_EQ(group.info()->next, end);
  }
  // The group "mail", which has parked the event at position 0 for this reason and is through with the rest.
  void make_mail(std::string_view reason = "no address") const {
    const Store store = open();
    const Group mail = make(store, "mail", Query::category("order"), {.partitions = 4});
    Member member = join(mail);
    work(mail, member, Position(0), Position(4), reason);
    ASSERT_TRUE(member.leave());
  }

  ToolsFolder folder_;
  std::string store_ = folder_ / "store";
};

TEST_F(Groups, AreListed) {
  const Ran none = run({"groups", "list", store_});
  EXPECT_EQ(none.exit_code, 0) << none.err;
  EXPECT_THAT(none.out, IsEmpty());
  make_mail();
  const Store store = open();
  const Group audit = make(store, "audit", Query::all(), {.from_position = Position(3)});
  const Member member = join(audit);
  const Ran text = run({"groups", "list", store_});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.err, IsEmpty());
  EXPECT_EQ(
      text.out,
      "members  partitions    done before            lag   parked  group                     query\n"
      "      1          16              3              1        0  audit                     all events\n"
      "      0           4              4              0        1  mail                      category \"order\"\n");
  EXPECT_THAT(run({"groups", "list", store_, "--json"}).json_lines(),
              ElementsAre(json({{"group", "audit"},
                                {"query", json::object()},
                                {"partitions", 16},
                                {"members", 1},
                                {"first", 3},
                                {"next", 3},
                                {"lag", 1},
                                {"parked", 0}}),
                          json({{"group", "mail"},
                                {"query", {{"scope", {{"category", "order"}}}}},
                                {"partitions", 4},
                                {"members", 0},
                                {"first", 0},
                                {"next", 4},
                                {"lag", 0},
                                {"parked", 1}})));
}

TEST_F(Groups, OneIsShown) {
  const Store store = open();
  (void)make(store, "mail", Query::category("order").types({"Cancelled", "Placed"}), {.from_position = Position(1)});
  const Ran text = run({"groups", "show", store_, "mail"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_EQ(text.out,
            "group       mail\n"
            "query       category \"order\", type \"Cancelled\" or \"Placed\"\n"
            "partitions  16\n"
            "members     0\n"
            "began at    position 1\n"
            "done        before position 1\n"
            "lag         3 events\n"
            "waiting     2 events at most\n"
            "parked      0 events\n");
  const json shown = run({"groups", "show", store_, "mail", "--json"}).json();
  EXPECT_EQ(shown["waiting_max"], 2);
  EXPECT_EQ(shown["lag"], 3);
  EXPECT_EQ(shown["next"], 1);
}

// What --json gives as the query is what --query of read takes.
TEST_F(Groups, TheirQueriesCanBeAsked) {
  const Store store = open();
  const std::vector<Query> queries = {
      Query::all(), Query::stream("order-1"), Query::category("order").types({"Placed"}),
      Query::all().any_of({{.types = {"Sent", "Cancelled"}}, {.types = {"Placed"}, .tags = {"x"}}}),
      Query::tag("none")};
  for (const Query& query : queries) {
    (void)make(store, "mail", query, {.partitions = 1});
    const std::string in_json = run({"groups", "show", store_, "mail", "--json"}).json()["query"].dump();
    std::vector<std::uint64_t> expected;
    Cursor events = store.read(query);
    ASSERT_TRUE(events.for_each([&](const Event& event) { expected.push_back(event.position().value()); }));
    std::vector<std::uint64_t> found;
    for (const json& line : run({"read", store_, "--query", in_json, "--json"}).json_lines()) {
      found.push_back(line["position"].get<std::uint64_t>());
    }
    EXPECT_EQ(found, expected) << in_json;
    ASSERT_EQ(run({"groups", "remove", store_, "mail"}).exit_code, 0);
  }
}

TEST_F(Groups, ParkedEventsAreListed) {
  make_mail();
  const Ran text = run({"groups", "parked", store_, "mail"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, MatchesRegex(" +position +tries +wanted  parked +stream +type +reason\n"
                                     " +0 +1 +no  20[0-9:T.-]+Z  order-1 +Placed +no address\n"));
  const Ran lines = run({"groups", "parked", store_, "mail", "--json"});
  EXPECT_EQ(lines.exit_code, 0) << lines.err;
  ASSERT_EQ(lines.json_lines().size(), 1U);
  json line = lines.json_lines()[0];
  EXPECT_THAT(line["parked"].get<std::string>(), MatchesRegex("20[0-9:T.-]+Z"));
  line.erase("parked");
  EXPECT_EQ(line, json({{"position", 0},
                        {"stream", "order-1"},
                        {"type", "Placed"},
                        {"tries", 1},
                        {"wanted", false},
                        {"reason", "no address"}}));
  EXPECT_THAT(run({"groups", "parked", store_, "mail", "--limit", "0"}).out, IsEmpty());
  EXPECT_EQ(run({"groups", "parked", store_, "mail", "--limit", "1", "--json"}).json_lines().size(), 1U);
}

TEST_F(Groups, ParkedEventsAreLimitedToTheFirst) {
  const Store store = open();
  const Group mail = make(store, "mail", Query::all());
  Member member = join(mail);
  for (int n = 0; n < 4; ++n) {
    const auto given = member.next();
    ASSERT_TRUE(given) << to_string(given.error());
    ASSERT_TRUE(member.nack(given->event.position, "no", Nack::kPark));
  }
  std::vector<std::uint64_t> positions;
  for (const json& line : run({"groups", "parked", store_, "mail", "--limit", "3", "--json"}).json_lines()) {
    positions.push_back(line["position"].get<std::uint64_t>());
  }
  EXPECT_THAT(positions, ElementsAre(0, 1, 2));
}

TEST_F(Groups, WhatIsParkedIsReplayed) {
  make_mail();
  const Ran early = run({"groups", "replay", store_, "mail"});
  EXPECT_EQ(early.exit_code, 0) << early.err;
  EXPECT_EQ(early.out, "1 event will be given once more, once somebody joins: the group has no member now\n");
  const Store store = open();
  const auto mail = store.group("mail");
  ASSERT_TRUE(mail);
  Member member = join(*mail);
  auto given = member.next_for(10s);
  ASSERT_TRUE(given && *given);
  EXPECT_EQ((*given)->event.position, Position(0));
  EXPECT_TRUE((*given)->replayed);
  EXPECT_EQ(run({"groups", "parked", store_, "mail", "--json"}).json_lines().at(0)["wanted"], true);
  ASSERT_TRUE(member.nack(Position(0), "still no address", Nack::kPark));
  EXPECT_EQ(run({"groups", "parked", store_, "mail", "--json"}).json_lines().at(0)["wanted"], false);

  EXPECT_EQ(run({"groups", "replay", store_, "mail"}).out, "1 event will be given once more\n") << "a member is there";
  given = member.next_for(10s);
  ASSERT_TRUE(given && *given);
  ASSERT_TRUE(member.ack(Position(0)));
  EXPECT_THAT(run({"groups", "parked", store_, "mail"}).out, IsEmpty());
  EXPECT_EQ(run({"groups", "replay", store_, "mail"}).out, "nothing is parked\n");
  EXPECT_EQ(run({"groups", "replay", store_, "mail", "--json"}).json(),
            json({{"group", "mail"}, {"parked", 0}, {"members", 1}}));
}

TEST_F(Groups, AreRemovedOnceNobodyIsIn) {
  make_mail();
  std::optional<Store> store = open();
  {
    const auto mail = store->group("mail");
    ASSERT_TRUE(mail);
    const Member member = join(*mail);
    const Ran refused = run({"groups", "remove", store_, "mail"});
    EXPECT_EQ(refused.exit_code, 4);
    EXPECT_THAT(refused.out, IsEmpty());
    EXPECT_THAT(refused.err, HasSubstr("end it, then remove the group"));
    EXPECT_EQ(run({"groups", "list", store_, "--json"}).json_lines().size(), 1U);
  }
  const Ran removed = run({"groups", "remove", store_, "mail"});
  EXPECT_EQ(removed.exit_code, 0) << removed.err;
  EXPECT_EQ(removed.out, "group mail is removed\n");
  EXPECT_THAT(run({"groups", "list", store_}).out, IsEmpty());
  const Ran again = run({"groups", "remove", store_, "mail", "--json"});
  EXPECT_EQ(again.exit_code, 5);
  EXPECT_THAT(again.out, IsEmpty());
  EXPECT_THAT(again.err, HasSubstr("there is no consumer group \"mail\""));
  (void)make(*store, "mail", Query::all());
  EXPECT_EQ(run({"groups", "remove", store_, "mail", "--json"}).json(), json({{"group", "mail"}, {"removed", true}}));
}

TEST_F(Groups, WorkBesideAWriter) {
  make_mail();
  auto store = Store::open(store_, {.allow_unsafe_file_system = true});
  ASSERT_TRUE(store) << to_string(store.error());
  for (const std::string action : {"show", "parked", "replay", "remove"}) {
    const Ran ran = run({"groups", action, store_, "mail"});
    EXPECT_EQ(ran.exit_code, 0) << action << ": " << ran.err;
  }
  EXPECT_EQ(run({"groups", "list", store_}).exit_code, 0);
}

const std::vector<std::string> kOfOne = {"show", "parked", "replay", "remove"};

TEST_F(Groups, AreRefusedWhatMakesNoSense) {
  for (const std::string& action : kOfOne) {
    const Ran unknown = run({"groups", action, store_, "nobody"});
    EXPECT_EQ(unknown.exit_code, 5) << action;
    EXPECT_THAT(unknown.out, IsEmpty()) << action;
    EXPECT_THAT(unknown.err, HasSubstr("group unknown: there is no consumer group \"nobody\"; `tidemark groups list`"));
    for (const std::string& name : {std::string(), std::string("a\nb"), std::string(256, 'a'), std::string("\xFF")}) {
      EXPECT_EQ(run({"groups", action, store_, name}).exit_code, 2) << action << ": " << name;
    }
    EXPECT_EQ(run({"groups", action, store_}).exit_code, 2) << action;
    const Ran none = run({"groups", action, folder_ / "none", "mail"});
    EXPECT_EQ(none.exit_code, 5) << action;
    EXPECT_THAT(none.err, HasSubstr("none")) << action;
  }
  EXPECT_EQ(run({"groups", "list", folder_ / "none"}).exit_code, 5);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "none"));
  for (const std::string limit : {"-1", "many", "18446744073709551616"}) {
    EXPECT_EQ(run({"groups", "parked", store_, "mail", "--limit", limit}).exit_code, 2) << limit;
  }
  EXPECT_EQ(run({"groups", "list", store_, "--limit", "1"}).exit_code, 2);
}

TEST_F(Groups, OneThatCannotBeReadIsToldAndRemoved) {
  make_mail();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(store_)) {
    if (entry.path().filename() == "group") { std::ofstream(entry.path()) << "something else"; }
  }
  EXPECT_THAT(run({"groups", "list", store_}).out, IsEmpty());
  for (const std::string action : {"show", "parked", "replay"}) {
    const Ran ran = run({"groups", action, store_, "mail"});
    EXPECT_EQ(ran.exit_code, 1) << action;
    EXPECT_THAT(ran.err, HasSubstr("remove it")) << action;
  }
  EXPECT_EQ(run({"groups", "remove", store_, "mail"}).exit_code, 0);
  EXPECT_EQ(run({"groups", "show", store_, "mail"}).exit_code, 5);
}

// The list of what is parked is told all the same, and the command ends as one that met damage.
TEST_F(Groups, AParkedEventThatIsDamagedIsListedWithoutItsType) {
  make_mail();
  { (void)make(open(), "late", Query::all()); }
  bool damaged = false;
  for (const auto& entry : std::filesystem::directory_iterator(store_)) {
    if (!entry.path().filename().string().starts_with("segment")) { continue; }
    std::fstream file(entry.path(), std::ios::binary | std::ios::in | std::ios::out);
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const std::size_t at = bytes.find("marked");
    if (at == std::string::npos) { continue; }
    file.seekp(static_cast<std::streamoff>(at));
    file << "MARKED";
    file.close();
    damaged = !file.fail();
  }
  ASSERT_TRUE(damaged) << "the event was not found";
  const Ran parked = run({"groups", "parked", store_, "mail", "--json"});
  EXPECT_EQ(parked.exit_code, 1);
  ASSERT_EQ(parked.json_lines().size(), 1U);
  EXPECT_EQ(parked.json_lines()[0]["type"], json());
  EXPECT_EQ(parked.json_lines()[0]["stream"], "order-1");
  EXPECT_THAT(parked.err, HasSubstr("damaged"));
  EXPECT_THAT(run({"groups", "parked", store_, "mail"}).out, HasSubstr("  ?  "));
  const Ran shown = run({"groups", "show", store_, "late", "--json"});
  EXPECT_EQ(shown.exit_code, 1);
  EXPECT_EQ(shown.json()["waiting_max"], json());
  EXPECT_THAT(run({"groups", "show", store_, "late"}).out, HasSubstr("waiting     not known\n"));
}

TEST_F(Groups, NamesAndReasonsCannotSteerATerminal) {
  make_mail("\033[2J\xC2\x9B\xFFgone");
  EXPECT_THAT(run({"groups", "parked", store_, "mail"}).out, HasSubstr("?[2J?\xEF\xBF\xBDgone\n"));
  EXPECT_EQ(run({"groups", "parked", store_, "mail", "--json"}).json_lines().at(0)["reason"],
            "\033[2J\xC2\x9B\xEF\xBF\xBDgone");
  const std::string name = R"(a"b\c)";
  { (void)make(open(), name, Query::stream(name)); }
  const json shown = run({"groups", "show", store_, name, "--json"}).json();
  EXPECT_EQ(shown["group"], name);
  EXPECT_EQ(shown["query"], json({{"scope", {{"stream", name}}}}));
  const RunOptions terminal{.out_is_terminal = true};
  EXPECT_THAT(run({"groups", "list", store_}, terminal).out, HasSubstr("\033[2m"));
  EXPECT_THAT(run({"groups", "list", store_}).out, Not(HasSubstr("\033")));
}

TEST_F(Groups, MayHaveTheNamesOfSubcommands) {
  const Store store = open();
  for (const std::string name : {"list", "groups", "-"}) { (void)make(store, name, Query::all(), {.partitions = 1}); }
  EXPECT_EQ(run({"groups", "show", store_, "list", "--json"}).json()["group"], "list");
  EXPECT_EQ(run({"groups", "show", store_, "groups", "--json"}).json()["group"], "groups");
  EXPECT_EQ(run({"groups", "show", store_, "-", "--json"}).json()["group"], "-");
}

TEST_F(Groups, AReaderThatWentAwayEndsThemQuietly) {
  make_mail();
  for (const std::vector<std::string>& call :
       {std::vector<std::string>{"groups", "list", store_}, {"groups", "parked", store_, "mail"}}) {
    const Ran ran = run(call, {.out_is_closed_pipe = true});
    EXPECT_EQ(ran.exit_code, 0) << call[1];
    EXPECT_THAT(ran.err, IsEmpty()) << call[1];
  }
}

}  // namespace
}  // namespace tidemark::test
