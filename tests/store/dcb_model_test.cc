// SPDX-License-Identifier: Apache-2.0
// Goal: appends with conditions of every kind, in any mixture, are answered as a plain list of events would answer
// them. Method: stores without threads, so that the order is that of the calls; random batches, submitted, awaited and
// appended at random, over small segments and openings; the answer of each is computed ahead.
#include <gtest/gtest.h>

#include "tests/store/random_events.h"

namespace tidemark {
namespace {

using namespace test;

struct Answer {
  std::optional<ErrorCode> code;  // none: it goes in
  std::uint64_t first = 0;
  std::vector<Conflict> conflicts = {};
  std::vector<MatchConflict> match_conflicts = {};
};

void expect_answer(const Result<Receipt>& got, const Answer& expected) {
  if (!expected.code) {
    ASSERT_TRUE(ok(got));
    EXPECT_FALSE(got->already_appended);
    if (got->count > 0) { EXPECT_EQ(got->first, Position(expected.first)); }
    return;
  }
  ASSERT_TRUE(fails_with(got, *expected.code));
  EXPECT_EQ(got.error().conflicts(), expected.conflicts);
  EXPECT_EQ(got.error().match_conflicts(), expected.match_conflicts);
}

class Model {
 public:
  explicit Model(std::uint32_t seed)
      : random_(seed), options_(seed % 2 == 0 ? OpenOptions{.segment_bytes_first = 65536} : tiny_segments()) {
    store_ = world_.open(options_);
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      if (testing::Test::HasFatalFailure()) { return; }
    }
    reopen();
    for (const ErrorCode code : {ErrorCode::kMatchConflict, ErrorCode::kVersionConflict, ErrorCode::kInvalidArgument}) {
      EXPECT_GT(seen_[code], 5U) << to_string(code);
    }
    EXPECT_GT(log_.size(), static_cast<std::size_t>(steps / 4));
  }

 private:
  void step() {
    auto [batch, answer] = make();
    if (answer.code) { ++seen_[*answer.code]; }
    const AppendOptions options{.durability = random_.once_in(2) ? Durability::kBuffered : Durability::kDurable};
    if (random_.once_in(4)) {
      expect_answer(store_->append(batch, options), answer);
    } else {
      const auto ticket = store_->submit(batch, options);
      if (ticket) {
        waiting_.emplace_back(*ticket, std::move(answer));
      } else {
        expect_answer(std::unexpected(ticket.error()), answer);
      }
    }
    if (random_.once_in(12)) { settle(); }
    if (random_.once_in(80)) { reopen(); }
  }

  void settle() {
    for (const auto& [ticket, answer] : waiting_) { expect_answer(ticket.wait(), answer); }
    waiting_.clear();
  }

  void reopen() {
    settle();
    must(store_->close());
    store_ = world_.open(options_);
    const auto got = read(*store_);
    ASSERT_EQ(got.size(), log_.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i].stream, log_[i].stream);
      ASSERT_EQ(got[i].version, log_[i].version);
      ASSERT_EQ(got[i].type, log_[i].type);
      ASSERT_EQ(got[i].tags, log_[i].tags);
    }
  }

  // A batch, and what will be said to it. What goes in joins the model.
  std::pair<Batch, Answer> make() {
    Batch batch;
    Answer answer;
    answer.first = log_.size();
    std::vector<OwnedEvent> events;
    if (!log_.empty() && random_.once_in(4)) { expect_version(batch, answer); }
    for (std::uint64_t n = random_.below(3); n > 0; --n) { add(batch, events); }
    bool invalid = false;
    const std::uint64_t conditions = events.empty() ? 1 + random_.below(4) : random_.below(4);
    for (std::uint64_t i = 0; i < conditions; ++i) {
      const Query query = random_.query();
      const auto after = some_after();
      batch.fail_if_match(query, {.after = after});
      if (after && *after >= Position(log_.size())) {
        invalid = true;
      } else if (const auto match = first_match(log_, query, after, log_.size())) {
        answer.match_conflicts.push_back({i, *match});
      }
    }
    if (invalid) {
      answer = Answer();
      answer.code = ErrorCode::kInvalidArgument;
    } else if (!answer.conflicts.empty()) {
      answer.code = ErrorCode::kVersionConflict;
    } else if (!answer.match_conflicts.empty()) {
      answer.code = ErrorCode::kMatchConflict;
    } else {
      for (OwnedEvent& event : events) {
        event.position = Position(log_.size());
        event.version = Version(versions_[event.stream]++);
        log_.push_back(std::move(event));
      }
    }
    return {std::move(batch), std::move(answer)};
  }

  void expect_version(Batch& batch, Answer& answer) {
    const std::string& stream = random_.one_of(RandomEvents::kStreams);
    const std::uint64_t next = versions_[stream];
    const auto actual = next > 0 ? std::optional(Version(next - 1)) : std::nullopt;
    const auto expected = random_.once_in(3) ? random_.below(20) : actual.value_or(Version(0)).value();
    batch.check(stream, Expect::exactly(expected));
    if (actual != Version(expected)) { answer.conflicts.push_back({stream, Expect::exactly(expected), actual}); }
  }

  void add(Batch& batch, std::vector<OwnedEvent>& events) {
    OwnedEvent event;
    event.stream = random_.one_of(RandomEvents::kStreams);
    event.type = random_.one_of(RandomEvents::kTypes);
    for (std::uint64_t n = random_.below(4); n > 0; --n) { event.tags.push_back(random_.one_of(RandomEvents::kTags)); }
    const std::string data(random_.below(300), 'd');
    batch.to(event.stream)
        .add({.type = event.type, .data = as_bytes(data), .tags = {event.tags.begin(), event.tags.end()}});
    events.push_back(std::move(event));
  }

  // Mostly near the end of the log, so that a condition may hold; rarely past it.
  std::optional<Position> some_after() {
    if (random_.once_in(60)) { return Position(log_.size() + random_.below(3)); }
    if (log_.empty() || random_.once_in(12)) { return std::nullopt; }
    if (random_.once_in(8)) { return Position(random_.below(log_.size())); }
    const std::uint64_t back = random_.below(7);
    return Position(log_.size() - 1 - std::min<std::uint64_t>(back, log_.size() - 1));
  }

  RandomEvents random_;
  OpenOptions options_;
  World world_;
  std::optional<Store> store_;
  std::vector<OwnedEvent> log_;
  std::map<std::string, std::uint64_t> versions_;
  std::vector<std::pair<Ticket, Answer>> waiting_;
  std::map<ErrorCode, std::uint64_t> seen_;
};

TEST(DcbModel, EveryAnswerIsThatOfAPlainList) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model(seed).run(600);
    if (HasFatalFailure()) { return; }
  }
}

}  // namespace
}  // namespace tidemark
