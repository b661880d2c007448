// SPDX-License-Identifier: Apache-2.0
// Goal: the consistency rules of the examples at https://dcb.events/examples/ can be written with queries and
// conditions, and hold whoever appends beside. Method: each example as a user would write it, one after the other, with
// decisions made on the same knowledge, and with many threads.
#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <thread>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;

// What was decided: events, or why there are none.
struct Decision {
  Batch batch;
  std::string refusal = {};
};

Decision refused(std::string why) { return {.batch = {}, .refusal = std::move(why)}; }

// Reads what the decision is about, decides, and appends if nothing of the kind came in between; again if it did. Gives
// the refusal, empty if there was none.
template <class Decide>
std::string decide(Store& store, const Query& query, Decide&& decide) {
  for (;;) {
    Cursor cursor = store.read(query);
    std::vector<OwnedEvent> known;
    must(cursor.for_each([&](const Event& e) { known.emplace_back(e); }));
    Decision decision = decide(known);
    if (!decision.refusal.empty()) { return decision.refusal; }
    decision.batch.fail_if_match(query, {.after = cursor.last_visible()});
    const auto answer = store.append(decision.batch);
    if (answer) { return {}; }
    if (answer.error().code() != ErrorCode::kMatchConflict) { return to_string(answer.error()); }
  }
}

bool has_tag(const OwnedEvent& event, const std::string& tag) {
  return std::ranges::find(event.tags, tag) != event.tags.end();
}

std::uint64_t number_in(const OwnedEvent& event) { return std::stoull(std::string(as_text(event.data))); }

// Courses have room for so many students, which may change; a student takes at most three courses, none of them twice.
class Courses {
 public:
  explicit Courses(Store& store) : store_(store) {}

  std::string define(const std::string& course, std::uint64_t room) {
    const std::string tag = "course:" + course;
    return decide(store_, Query::type("CourseDefined").tags({tag}), [&](const auto& known) {
      if (!known.empty()) { return refused("there is that course"); }
      return event_of("CourseDefined", room, {tag});
    });
  }
  std::string change_room(const std::string& course, std::uint64_t room) {
    const std::string tag = "course:" + course;
    const Query query = Query::tag(tag).types({"CourseDefined", "RoomChanged"});
    return decide(store_, query, [&](const std::vector<OwnedEvent>& known) {
      if (known.empty()) { return refused("there is no such course"); }
      if (number_in(known.back()) == room) { return refused("it has that room"); }
      return event_of("RoomChanged", room, {tag});
    });
  }

  // All that a subscription depends on: the course with its students, and the student's courses.
  static Query about(const std::string& course, const std::string& student) {
    return Query::all().any_of(
        {{.types = {"CourseDefined", "RoomChanged", "StudentSubscribed"}, .tags = {"course:" + course}},
         {.types = {"StudentSubscribed"}, .tags = {"student:" + student}}});
  }
  static Decision subscription(const std::vector<OwnedEvent>& known, const std::string& course,
                               const std::string& student) {
    const std::string course_tag = "course:" + course;
    const std::string student_tag = "student:" + student;
    std::optional<std::uint64_t> room;
    std::uint64_t students = 0;
    std::uint64_t courses = 0;
    for (const OwnedEvent& e : known) {
      if (e.type != "StudentSubscribed") {
        room = number_in(e);
        continue;
      }
      if (has_tag(e, course_tag) && has_tag(e, student_tag)) { return refused("subscribed already"); }
      ++(has_tag(e, course_tag) ? students : courses);
    }
    if (!room) { return refused("there is no such course"); }
    if (students >= *room) { return refused("full"); }
    if (courses >= 3) { return refused("three courses already"); }
    return event_of("StudentSubscribed", 0, {course_tag, student_tag});
  }
  std::string subscribe(const std::string& course, const std::string& student) {
    return decide(store_, about(course, student),
                  [&](const auto& known) { return subscription(known, course, student); });
  }

 private:
  static Decision event_of(std::string_view type, std::uint64_t number, const std::vector<std::string>& tags) {
    Decision decision;
    const std::string data = std::to_string(number);
    decision.batch.to("courses").add({.type = type, .data = as_bytes(data), .tags = {tags.begin(), tags.end()}});
    return decision;
  }

  Store& store_;
};

TEST(DcbExamples, CourseSubscriptions) {
  World world;
  Store store = world.open();
  Courses courses(store);
  EXPECT_EQ(courses.subscribe("c1", "s1"), "there is no such course");
  EXPECT_EQ(courses.define("c1", 2), "");
  EXPECT_EQ(courses.define("c1", 5), "there is that course");
  EXPECT_EQ(courses.subscribe("c1", "s1"), "");
  EXPECT_EQ(courses.subscribe("c1", "s1"), "subscribed already");
  EXPECT_EQ(courses.subscribe("c1", "s2"), "");
  EXPECT_EQ(courses.subscribe("c1", "s3"), "full");
  EXPECT_EQ(courses.change_room("c1", 2), "it has that room");
  EXPECT_EQ(courses.change_room("c9", 2), "there is no such course");
  EXPECT_EQ(courses.change_room("c1", 3), "");
  EXPECT_EQ(courses.subscribe("c1", "s3"), "");
  for (const char* course : {"c2", "c3", "c4"}) { EXPECT_EQ(courses.define(course, 10), ""); }
  EXPECT_EQ(courses.subscribe("c2", "s1"), "");
  EXPECT_EQ(courses.subscribe("c3", "s1"), "");
  EXPECT_EQ(courses.subscribe("c4", "s1"), "three courses already");
  EXPECT_EQ(courses.subscribe("c4", "s2"), "");
}

// Two decide on the same knowledge: of what concerns both only one goes in, what does not is nobody's matter.
TEST(DcbExamples, OnlyDecisionsThatTouchStandInEachOthersWay) {
  World world;
  Store store = world.open();
  Courses courses(store);
  for (const char* course : {"c1", "c2"}) { ASSERT_EQ(courses.define(course, 1), ""); }
  const auto prepared = [&](const std::string& course, const std::string& student) {
    Cursor cursor = store.read(Courses::about(course, student));
    std::vector<OwnedEvent> known;
    must(cursor.for_each([&](const Event& e) { known.emplace_back(e); }));
    Decision decision = Courses::subscription(known, course, student);
    EXPECT_EQ(decision.refusal, "");
    decision.batch.fail_if_match(Courses::about(course, student), {.after = cursor.last_visible()});
    return decision.batch;
  };
  const Batch first = prepared("c1", "s1");
  const Batch same_course = prepared("c1", "s2");
  const Batch same_student = prepared("c2", "s1");
  const Batch other = prepared("c2", "s3");
  EXPECT_TRUE(ok(store.append(first)));
  EXPECT_TRUE(fails_with(store.append(same_course), ErrorCode::kMatchConflict));
  EXPECT_TRUE(fails_with(store.append(same_student), ErrorCode::kMatchConflict));
  EXPECT_TRUE(ok(store.append(other)));
}

TEST(DcbExamples, ACourseThatManyWantIsNeverOverfull) {
  World world(true);
  Store store = world.open();
  Courses courses(store);
  for (int c = 0; c < 4; ++c) { ASSERT_EQ(courses.define("c" + std::to_string(c), 10), ""); }
  std::atomic<int> subscribed = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        Courses mine(store);
        for (int i = 0; i < 32; ++i) {
          const std::string student = "s" + std::to_string((t * 5 + i) % 24);
          if (mine.subscribe("c" + std::to_string(i % 4), student).empty()) { ++subscribed; }
        }
      });
    }
  }
  std::map<std::string, int> of_course;
  std::map<std::string, int> of_student;
  std::set<std::vector<std::string>> pairs;
  for (const OwnedEvent& e : read(store, Query::type("StudentSubscribed"))) {
    EXPECT_LE(++of_course[e.tags.at(0)], 10);
    EXPECT_LE(++of_student[e.tags.at(1)], 3);
    EXPECT_TRUE(pairs.insert(e.tags).second);
  }
  EXPECT_EQ(pairs.size(), static_cast<std::size_t>(subscribed));
  // A course with room left would mean fifteen students with three others each, and these have room for thirty.
  EXPECT_EQ(pairs.size(), 40U);
}

// A user name belongs to one account at a time; who changes or closes gives the name back.
class Accounts {
 public:
  explicit Accounts(Store& store) : store_(store) {}

  std::string open(const std::string& name) {
    return decide(store_, Query::tag("name:" + name), [&](const auto& known) {
      if (taken(known, name)) { return refused("taken"); }
      return event_of("AccountOpened", name, {"name:" + name});
    });
  }
  std::string close(const std::string& name) {
    return decide(store_, Query::tag("name:" + name), [&](const auto& known) {
      if (!taken(known, name)) { return refused("no account"); }
      return event_of("AccountClosed", name, {"name:" + name});
    });
  }
  std::string change(const std::string& from, const std::string& to) {
    const Query either = Query::all().any_of({{.tags = {"name:" + from}}, {.tags = {"name:" + to}}});
    return decide(store_, either, [&](const auto& known) {
      if (!taken(known, from)) { return refused("no account"); }
      if (taken(known, to)) { return refused("taken"); }
      return event_of("NameChanged", to, {"name:" + from, "name:" + to});
    });
  }

 private:
  // The data of an event is the name that is in use after it.
  static bool taken(const std::vector<OwnedEvent>& known, const std::string& name) {
    bool taken = false;
    for (const OwnedEvent& e : known) {
      if (has_tag(e, "name:" + name)) { taken = e.type != "AccountClosed" && as_text(e.data) == name; }
    }
    return taken;
  }
  static Decision event_of(std::string_view type, const std::string& name, const std::vector<std::string>& tags) {
    Decision decision;
    decision.batch.to("account-" + name)
        .add({.type = type, .data = as_bytes(name), .tags = {tags.begin(), tags.end()}});
    return decision;
  }

  Store& store_;
};

TEST(DcbExamples, UniqueUserNames) {
  World world;
  Store store = world.open();
  Accounts accounts(store);
  EXPECT_EQ(accounts.open("ada"), "");
  EXPECT_EQ(accounts.open("ada"), "taken");
  EXPECT_EQ(accounts.open("adam"), "");
  EXPECT_EQ(accounts.change("adam", "ada"), "taken");
  EXPECT_EQ(accounts.change("ada", "grace"), "");
  EXPECT_EQ(accounts.change("ada", "eve"), "no account");
  EXPECT_EQ(accounts.open("grace"), "taken");
  EXPECT_EQ(accounts.change("adam", "ada"), "");
  EXPECT_EQ(accounts.close("grace"), "");
  EXPECT_EQ(accounts.close("grace"), "no account");
  EXPECT_EQ(accounts.open("grace"), "");
  must(store.close());
  store = world.open();
  EXPECT_EQ(accounts.open("ada"), "taken");
}

TEST(DcbExamples, ANameThatManyWantGoesToOne) {
  World world(true);
  Store store = world.open();
  std::atomic<int> opened = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 20; ++i) {
          if (Accounts(store).open("name" + std::to_string(i)).empty()) { ++opened; }
        }
      });
    }
  }
  EXPECT_EQ(opened, 20);
  EXPECT_EQ(read(store).size(), 20U);
}

// Invoices are numbered 1, 2, 3, … without a gap: the next number follows from the last invoice alone.
std::uint64_t create_invoice(Store& store) {
  for (;;) {
    Cursor cursor = store.read(Query::type("InvoiceCreated"), {.direction = Direction::kBackward, .limit = 1});
    std::uint64_t number = 1;
    must(cursor.for_each([&](const Event& last) { number = number_in(OwnedEvent(last)) + 1; }));
    const std::string data = std::to_string(number);
    Batch batch;
    batch.to("invoice-" + data).add({.type = "InvoiceCreated", .data = as_bytes(data)});
    batch.fail_if_match(Query::type("InvoiceCreated"), {.after = cursor.last_visible()});
    const auto answer = store.append(batch);
    if (answer) { return number; }
    EXPECT_TRUE(fails_with(answer, ErrorCode::kMatchConflict));
  }
}

TEST(DcbExamples, InvoiceNumbersWithoutAGap) {
  World world(true);
  Store store = world.open();
  EXPECT_EQ(create_invoice(store), 1U);
  EXPECT_EQ(create_invoice(store), 2U);
  must(append(store, "something", "else"));
  EXPECT_EQ(create_invoice(store), 3U);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 6; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 15; ++i) {
          (void)create_invoice(store);
          must(append(store, "something", "else", Expect::any(), {.durability = Durability::kBuffered}));
        }
      });
    }
  }
  const auto invoices = read(store, Query::category("invoice"));
  ASSERT_EQ(invoices.size(), 93U);
  for (std::size_t i = 0; i < invoices.size(); ++i) { EXPECT_EQ(number_in(invoices[i]), i + 1); }
}

// A sign-up is confirmed with the token that was sent, once, and within an hour.
class SignUps {
 public:
  SignUps(Store& store, platform::SimClock& clock) : store_(store), clock_(clock) {}

  void initiate(const std::string& email, const std::string& token) {
    Batch batch;
    const std::string email_tag = "email:" + email;
    const std::string token_tag = "token:" + token;
    batch.to("sign-up").add({.type = "SignUpInitiated", .tags = {email_tag, token_tag}});
    must(store_.append(batch));
  }
  std::string confirm(const std::string& email, const std::string& token) {
    const std::string email_tag = "email:" + email;
    const std::string token_tag = "token:" + token;
    return decide(store_, Query::all().tags({email_tag, token_tag}), [&](const auto& known) {
      if (known.empty()) { return refused("no such token"); }
      if (known.back().type == "SignUpConfirmed") { return refused("used already"); }
      if (clock_.now() - known.back().recorded > std::chrono::hours(1)) { return refused("expired"); }
      Decision decision;
      decision.batch.to("sign-up").add({.type = "SignUpConfirmed", .tags = {email_tag, token_tag}});
      return decision;
    });
  }

 private:
  Store& store_;
  platform::SimClock& clock_;
};

TEST(DcbExamples, OptInTokens) {
  World world;
  Store store = world.open();
  SignUps sign_ups(store, world.clock);
  sign_ups.initiate("ada@x", "111");
  sign_ups.initiate("eve@x", "222");
  EXPECT_EQ(sign_ups.confirm("ada@x", "222"), "no such token");
  EXPECT_EQ(sign_ups.confirm("eve@x", "111"), "no such token");
  EXPECT_EQ(sign_ups.confirm("ada@x", "111"), "");
  EXPECT_EQ(sign_ups.confirm("ada@x", "111"), "used already");
  world.clock.advance(std::chrono::minutes(61));
  EXPECT_EQ(sign_ups.confirm("eve@x", "222"), "expired");
  sign_ups.initiate("eve@x", "333");
  EXPECT_EQ(sign_ups.confirm("eve@x", "333"), "");
  EXPECT_EQ(read(store, Query::type("SignUpConfirmed")).size(), 2U);
}

// A request carries a token of the client's; however often it comes, from however many, one order is placed.
TEST(DcbExamples, IdempotencyByToken) {
  World world(true);
  Store store = world.open();
  const auto place = [&](int token) {
    const std::string tag = "request:" + std::to_string(token);
    Batch batch;
    batch.to("orders").add({.type = "OrderPlaced", .tags = {tag}});
    batch.fail_if_match(Query::tag(tag));
    const auto answer = store.append(batch);
    if (!answer) { EXPECT_TRUE(fails_with(answer, ErrorCode::kMatchConflict)); }
    return answer.has_value();
  };
  EXPECT_TRUE(place(0));
  EXPECT_FALSE(place(0));
  std::atomic<int> placed = 1;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 30; ++i) { placed += place((i + t) % 30) ? 1 : 0; }
      });
    }
  }
  EXPECT_EQ(placed, 30);
  std::set<std::string> tokens;
  for (const OwnedEvent& e : read(store)) { EXPECT_TRUE(tokens.insert(e.tags.at(0)).second); }
  EXPECT_EQ(tokens.size(), 30U);
}

}  // namespace
}  // namespace tidemark
