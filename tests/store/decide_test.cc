// SPDX-License-Identifier: Apache-2.0
// Goal: a decision sees all that came before it, is appended only if nothing came between, and is asked again if
// something did; what else it expects is its caller's; whatever it does, the store goes on. Method: appends between the
// look and the append, made by another thread while the decision runs; failures of the disk, of memory and of the
// decision itself. What many threads do at once is in decide_threads_test.cc.
#include <cerrno>
#include <functional>
#include <gtest/gtest.h>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;
using Kind = platform::SeamCall::Kind;

constexpr ErrorCode kRejected = ErrorCode::kNotFound;  // what the decisions here say themselves

Status reject() { return std::unexpected(Error(kRejected, "no")); }

std::uint64_t count(Cursor& history) {
  std::uint64_t n = 0;
  while (history.next() != nullptr) { ++n; }
  return n;
}

// Somebody else, while this thread is inside a decision.
void elsewhere(const std::function<void()>& work) { std::thread(work).join(); }

class Decide : public testing::Test {
 protected:
  World world;
  Store store = world.open(tiny_segments());
  int rounds = 0;
  std::vector<std::uint64_t> seen;  // events, a round

  // Adds one event to the stream.
  Decision adding(const std::string& stream, const std::function<void(Batch&)>& also = {}) {
    return [=, this](Cursor& history, Batch& out) -> Status {
      ++rounds;
      seen.push_back(count(history));
      out.to(stream).add({.type = "Decided"});
      if (also) { also(out); }
      return {};
    };
  }
  void put(std::string_view stream, Durability durability = Durability::kDurable) {
    must(store.append(stream, Expect::any(), {event("Put")}, {.durability = durability}));
  }
};

TEST_F(Decide, AppendsAfterWhatItSaw) {
  const Receipt first = must(store.decide("a", adding("a")));
  EXPECT_EQ(first.streams, (std::vector<StreamReceipt>{{"a", Version(0), Version(0)}}));
  put("b");
  const Receipt second = must(store.decide("a", adding("a")));
  EXPECT_EQ(second.first, Position(2));
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{0, 1}));
}

TEST_F(Decide, IsAskedAgainWhenAnotherAppendCameBetween) {
  put("a");
  const auto receipt = store.decide("a", [&](Cursor& history, Batch& out) -> Status {
    seen.push_back(count(history));
    EXPECT_TRUE(out.empty());
    out.to("a").add({.type = "Decided"});
    if (seen.size() < 3) {
      elsewhere([&] { put("a"); });
    }
    return {};
  });
  ASSERT_TRUE(ok(receipt));
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(receipt->first, Position(3));
  EXPECT_EQ(store.info().events, 4U) << "only the last round was appended";
}

TEST_F(Decide, AppendsToOtherStreamsDoNotMatter) {
  must(store.decide("a", adding("a", [&](Batch&) { elsewhere([&] { put("b"); }); })));
  EXPECT_EQ(rounds, 1);
}

TEST_F(Decide, MayWriteToStreamsThatItDidNotRead) {
  put("a");
  const auto receipt = store.decide("a", adding("b", [&](Batch&) {
                                      if (rounds == 1) {
                                        elsewhere([&] { put("a"); });
                                      }
                                    }));
  ASSERT_TRUE(ok(receipt));
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{1, 2})) << "the stream that it read is guarded";
}

TEST_F(Decide, OnAQuery) {
  const Query query = Query::tag("x");
  const auto put_tagged = [&](std::string_view tag) {
    must(store.append("t", Expect::any(), {{.type = "T", .tags = {tag}}}));
  };
  must(store.decide(query, adding("a", [&](Batch&) {
                      if (rounds == 1) {
                        elsewhere([&] { put_tagged("x"); });
                      }
                    })));
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{0, 1})) << "also when nothing was there to look after";
  put_tagged("x");
  must(store.decide(query, adding("a", [&](Batch&) {
                      if (rounds == 3) {
                        elsewhere([&] { put_tagged("y"); });
                      }
                    })));
  EXPECT_EQ(rounds, 3) << "what does not match does not matter";
}

TEST_F(Decide, ConditionsOfTheDecisionItselfAreTheAnswer) {
  put("b");
  auto answer = store.decide("a", adding("a", [](Batch& out) { out.check("b", Expect::no_stream()); }));
  ASSERT_TRUE(fails_with(answer, ErrorCode::kVersionConflict));
  EXPECT_EQ(answer.error().conflicts(), (std::vector<Conflict>{{"b", Expect::no_stream(), Version(0)}}));
  const auto matching = [](Batch& out) { out.fail_if_match(Query::type("Put")); };
  answer = store.decide("a", adding("a", matching));
  EXPECT_TRUE(fails_with(answer, ErrorCode::kMatchConflict));
  answer = store.decide(Query::category("a"), adding("a", matching));
  ASSERT_TRUE(fails_with(answer, ErrorCode::kMatchConflict));
  EXPECT_EQ(answer.error().match_conflicts(), (std::vector<MatchConflict>{{0, Position(0)}}));
  EXPECT_EQ(rounds, 3);
  EXPECT_EQ(store.info().events, 1U);
}

TEST_F(Decide, ABatchThatIsBesideWhatCameBetweenIsAskedAgainToo) {
  const auto receipt = store.decide("a", [&](Cursor& history, Batch& out) -> Status {
    seen.push_back(count(history));
    out.to("a").add({.type = "Decided"});
    // Both do not hold any more; the second is dropped once it is known.
    if (seen.size() == 1) {
      out.check("b", Expect::no_stream());
      elsewhere([&] { put("a"), put("b"); });
    }
    return {};
  });
  ASSERT_TRUE(ok(receipt));
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{0, 1}));
}

TEST_F(Decide, MayExpectSomethingOfItsOwnStream) {
  put("a");
  put("a");
  const auto expecting = [&](Expect expect) { return adding("a", [=](Batch& out) { out.check("a", expect); }); };
  EXPECT_TRUE(ok(store.decide("a", expecting(Expect::stream_exists()))));
  EXPECT_TRUE(ok(store.decide("a", expecting(Expect::exactly(2)))));
  const auto wrong = store.decide("a", expecting(Expect::exactly(7)));
  ASSERT_TRUE(fails_with(wrong, ErrorCode::kVersionConflict));
  EXPECT_EQ(wrong.error().conflicts(), (std::vector<Conflict>{{"a", Expect::exactly(7), Version(3)}}));
  EXPECT_TRUE(fails_with(store.decide("a", expecting(Expect::no_stream())), ErrorCode::kVersionConflict));
  EXPECT_EQ(rounds, 4);
  EXPECT_TRUE(fails_with(store.decide("a", adding("a",
                                                  [](Batch& out) {
                                                    out.check("a", Expect::exactly(3));
                                                    out.check("a", Expect::no_stream());
                                                  })),
                         ErrorCode::kInvalidArgument));
}

// Its own expectation comes true by what came between: it has decided on less than that all the same.
TEST_F(Decide, AnExpectationThatComesTrueMeanwhileIsNotEnough) {
  put("a");
  const auto receipt = store.decide("a", adding("a", [&](Batch& out) {
                                      out.check("a", Expect::exactly(1));
                                      if (rounds == 1) {
                                        elsewhere([&] { put("a"); });
                                      }
                                    }));
  ASSERT_TRUE(ok(receipt));
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(Decide, EndsAfterSoManyRounds) {
  const auto answer = store.decide("a", adding("a", [&](Batch&) { elsewhere([&] { put("a"); }); }), {.rounds = 3});
  ASSERT_TRUE(fails_with(answer, ErrorCode::kContended));
  EXPECT_EQ(rounds, 3);
  EXPECT_EQ(store.info().events, 3U);
  EXPECT_TRUE(ok(store.decide("a", adding("a"), {.rounds = 0}))) << "at least one";
}

TEST_F(Decide, CannotAppendToItsOwnStore) {
  World other_world;
  Store other = other_world.open();
  Batch batch;
  batch.to("a").add({.type = "Inside"});
  const auto receipt = store.decide("a", [&](Cursor&, Batch& out) -> Status {
    EXPECT_TRUE(fails_with(store.append(batch), ErrorCode::kInvalidArgument));
    EXPECT_TRUE(fails_with(store.append("b", Expect::any(), {event("T")}), ErrorCode::kInvalidArgument));
    EXPECT_TRUE(fails_with(store.submit(batch), ErrorCode::kInvalidArgument));
    EXPECT_TRUE(fails_with(store.try_submit(batch), ErrorCode::kInvalidArgument));
    EXPECT_TRUE(fails_with(store.decide("a", adding("a")), ErrorCode::kInvalidArgument));
    EXPECT_TRUE(fails_with(store.decide("b", adding("b")), ErrorCode::kInvalidArgument));
    EXPECT_TRUE(fails_with(store.decide(Query::all(), adding("b")), ErrorCode::kInvalidArgument));
    EXPECT_TRUE(ok(other.append("b", Expect::any(), {event("T")}))) << "another store may be appended to";
    EXPECT_TRUE(ok(other.decide("b", adding("b"))));
    EXPECT_EQ(read(store).size(), 0U);
    out.to("a").add({.type = "Decided"});
    return {};
  });
  EXPECT_TRUE(ok(receipt));
  EXPECT_EQ(store.info().events, 1U);
  EXPECT_TRUE(ok(store.append(batch))) << "the same, outside";
}

TEST_F(Decide, AnExceptionPassesThroughAndLeavesTheStoreAsItWas) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_THROW((void)store.decide("a",
                                    [](Cursor&, Batch& out) -> Status {
                                      out.to("a").add({.type = "Never"});
                                      throw std::runtime_error("thrown");
                                    }),
                 std::runtime_error);
  }
  EXPECT_TRUE(fails_with(store.decide("a", [](Cursor&, Batch&) -> Status { throw std::bad_alloc(); }),
                         ErrorCode::kOutOfMemory));
  EXPECT_EQ(store.info().events, 0U);
  EXPECT_TRUE(ok(store.decide("a", adding("a"))));
  EXPECT_TRUE(ok(store.append("a", Expect::exactly(0), {event("T")}))) << "this thread is not inside any more";
}

TEST_F(Decide, AnErrorOfTheDecisionAppendsNothing) {
  put("a");
  EXPECT_TRUE(fails_with(store.decide("a",
                                      [](Cursor&, Batch& out) {
                                        out.to("a").add({.type = "Never"});
                                        return reject();
                                      }),
                         kRejected));
  EXPECT_EQ(store.info().events, 1U);
}

TEST_F(Decide, AnswersRestOnWhatIsDurable) {
  const auto nothing = [](Cursor&, Batch&) -> Status { return {}; };
  put("a", Durability::kBuffered);
  EXPECT_TRUE(ok(store.decide("a", nothing, {.durability = Durability::kBuffered})));
  EXPECT_EQ(store.info().durable, Position(0));
  EXPECT_EQ(must(store.decide("a", nothing)).count, 0U);
  EXPECT_EQ(store.info().durable, Position(1)) << "an empty decision";

  put("a", Durability::kBuffered);
  const auto rejecting = [](Cursor&, Batch&) { return reject(); };
  EXPECT_TRUE(fails_with(store.decide("a", rejecting, {.durability = Durability::kBuffered}), kRejected));
  EXPECT_EQ(store.info().durable, Position(1));
  EXPECT_TRUE(fails_with(store.decide("a", rejecting), kRejected));
  EXPECT_EQ(store.info().durable, Position(2)) << "an error";

  put("a", Durability::kBuffered);
  world.files.set_fault_rule([](const platform::SeamCall& call) {
    return call.kind == Kind::kDatasync ? std::optional(platform::SeamFault{.error = EIO}) : std::nullopt;
  });
  EXPECT_TRUE(fails_with(store.decide("a", rejecting), ErrorCode::kStoreFailed)) << "what it rests on may be gone";
}

TEST_F(Decide, AnEmptyDecisionIsACheckOfWhatItSaw) {
  const auto receipt = store.decide("a", [&](Cursor& history, Batch&) -> Status {
    seen.push_back(count(history));
    if (seen.size() == 1) {
      elsewhere([&] { put("a"); });
    }
    return {};
  });
  ASSERT_TRUE(ok(receipt));
  EXPECT_EQ(receipt->count, 0U);
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{0, 1}));
}

// Nothing of it is written before the decision asks for it.
TEST_F(Decide, SeesWhatIsOnlySequenced) {
  Batch batch;
  batch.to("a").add({.type = "Submitted"});
  const Ticket ticket = must(store.submit(batch, {.durability = Durability::kBuffered}));
  ASSERT_EQ(store.info().written, Position(0));
  must(store.decide("a", adding("a")));
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{1}));
  EXPECT_TRUE(ok(ticket.wait()));
}

TEST_F(Decide, AnIdThatIsThereGivesTheOriginalReceipt) {
  const EventId id = EventId::from_name("command 1");
  const auto decision = [&](Cursor& history, Batch& out) -> Status {
    (void)count(history);
    out.to("a").add({.type = "Decided", .id = id});
    return {};
  };
  const Receipt first = must(store.decide("a", decision));
  put("a");
  const Receipt again = must(store.decide("a", decision));
  EXPECT_TRUE(again.already_appended);
  EXPECT_EQ(again.first, first.first);
  EXPECT_EQ(store.info().events, 2U);
}

// Each round makes its ids anew: none of a round that was not appended is taken for one that was.
TEST_F(Decide, RoundsHaveIdsOfTheirOwn) {
  must(store.decide("a", adding("a", [&](Batch&) {
                      if (rounds < 4) {
                        elsewhere([&] { put("a"); });
                      }
                    })));
  std::vector<EventId> ids;
  for (const OwnedEvent& e : read(store)) { ids.push_back(e.id); }
  std::ranges::sort(ids);
  EXPECT_EQ(ids.size(), 4U);
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
}

TEST_F(Decide, AHistoryThatEndsWithAnErrorIsNothingToDecideOn) {
  for (int i = 0; i < 8; ++i) { must(append(store, "a", std::string(1000, 'x'))); }
  must(store.close());
  store = world.open(tiny_segments());
  world.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
    const bool reads = call.kind == Kind::kMap || call.kind == Kind::kPopulate || call.kind == Kind::kPread;
    if (reads && call.path == world.segment(2)) { return platform::SeamFault{.error = EIO}; }
    return std::nullopt;
  });
  std::uint64_t shown = 0;
  const auto answer = store.decide("a", [&](Cursor& history, Batch& out) -> Status {
    shown = count(history);  // and never asks how it ended
    out.to("a").add({.type = "Never"});
    return {};
  });
  EXPECT_TRUE(fails_with(answer, ErrorCode::kIo));
  EXPECT_GT(shown, 0U);
  EXPECT_LT(shown, 8U);
  world.files.set_fault_rule({});
  EXPECT_TRUE(ok(store.decide("a", adding("a"))));
  EXPECT_EQ(store.info().events, 9U);
}

TEST_F(Decide, FromAVersion) {
  for (int i = 0; i < 5; ++i) { put("a"); }
  EXPECT_TRUE(ok(store.decide("a", adding("a"), {.from_version = Version(3)})));
  EXPECT_TRUE(ok(store.decide("a", adding("a"), {.from_version = Version(6)})));
  EXPECT_TRUE(ok(store.decide("a", adding("a"), {.from_version = Version(100)})));
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{2, 0, 0}));
  EXPECT_EQ(must(store.stream("a"))->last_version, Version(7)) << "guarded at its last version";
  EXPECT_TRUE(
      fails_with(store.decide(Query::all(), adding("a"), {.from_version = Version(1)}), ErrorCode::kInvalidArgument));
}

TEST_F(Decide, IsRefused) {
  EXPECT_TRUE(fails_with(store.decide("a", Decision()), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(store.decide("", adding("a")), ErrorCode::kInvalidArgument));
  EXPECT_TRUE(fails_with(store.decide(std::string(2000, 'x'), adding("a")), ErrorCode::kLimitExceeded));
  EXPECT_TRUE(fails_with(store.decide(Query::all().any_of({{}}), adding("a")), ErrorCode::kInvalidArgument));
  EXPECT_EQ(rounds, 0);
  EXPECT_TRUE(fails_with(store.decide("a", adding("a", [](Batch& out) { out.to("b").add({.type = ""}); })),
                         ErrorCode::kInvalidArgument));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(fails_with(store.decide("a", adding("a"), {.stop = stop.get_token()}), ErrorCode::kStopped));
  EXPECT_EQ(store.info().events, 0U);
  must(store.close());
  EXPECT_TRUE(fails_with(store.decide("a", adding("a")), ErrorCode::kClosed));
  store = world.open({.read_only = true});
  EXPECT_TRUE(fails_with(store.decide("a", adding("a")), ErrorCode::kReadOnly));
}

TEST_F(Decide, AStoreThatIsClosedInside) {
  EXPECT_TRUE(fails_with(store.decide("a",
                                      [&](Cursor&, Batch& out) -> Status {
                                        out.to("a").add({.type = "Never"});
                                        return store.close();
                                      }),
                         ErrorCode::kClosed));
}

TEST_F(Decide, AFailedStoreDecidesNothing) {
  world.files.set_fault_rule([](const platform::SeamCall& call) {
    return call.kind == Kind::kDatasync ? std::optional(platform::SeamFault{.error = EIO}) : std::nullopt;
  });
  EXPECT_TRUE(fails_with(store.decide("a", adding("a")), ErrorCode::kOutcomeUnknown));
  EXPECT_TRUE(fails_with(store.decide("a", adding("a")), ErrorCode::kStoreFailed));
}

}  // namespace
}  // namespace tidemark
