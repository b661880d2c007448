// SPDX-License-Identifier: Apache-2.0
// Goal: whatever members do, and whoever of them dies, no event of the group is lost, none comes out of order within
// its stream, no two of a stream are given at a time, and what was acknowledged comes again only after a loss of power,
// and not if it was flushed. For long: TIDEMARK_GROUP_SEEDS=10000. Method: stores in memory without threads; members
// that join, leave, are killed with their process or with the machine, take, acknowledge, refuse, park and replay at
// random, held against plain sets.
#include <cstdlib>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/sampled.h"
#include "tests/store/support.h"

namespace tidemark {
namespace {

using namespace test;
using namespace std::chrono_literals;

class Model {
 public:
  explicit Model(std::uint32_t seed) : random_(seed), partitions_(1 + seed % 7), streams_(3 + seed % 11) { open(); }

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) { step(); }
    finish();
    EXPECT_GT(acked_times_, static_cast<std::uint64_t>(steps / 50));
  }
  [[nodiscard]] std::uint64_t redelivered() const { return redelivered_; }

 private:
  struct Event {
    std::string stream;
    enum class Done { kNo, kAcked, kParked, kMaybe } done = Done::kNo;  // kMaybe: acknowledged, and lost with the power
    bool flushed = false;
    const void* by = nullptr;  // who acknowledged it
    std::uint32_t tries = 0;
  };
  struct Seat {
    Member member;
    std::set<std::uint64_t> given;
  };

  bool once_in(int n) { return std::uniform_int_distribution<int>(1, n)(random_) == 1; }
  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }

  void open() {
    store_ = world_.open(tiny_segments());
    group_.emplace(must(store_->group("work", Query::category("a"), {.partitions = partitions_})));
  }

  void step() {
    if (once_in(3)) { append_one(); }
    if (seats_.size() < 5 && once_in(12)) { join(); }
    if (!seats_.empty() && once_in(30)) { leave(); }
    if (once_in(8)) { world_.clock.advance(std::chrono::milliseconds(below(400))); }
    if (once_in(60)) { must(group_->replay_parked()); }
    if (once_in(150)) { die(once_in(2)); }
    if (seats_.empty()) { return; }
    Seat& seat = *seats_[below(seats_.size())];
    if (once_in(2)) { take(seat); }
    if (!seat.given.empty() && once_in(2)) { say(seat); }
    if (once_in(25)) { flush(seat); }
  }

  void append_one() {
    const bool ours = !once_in(4);
    const std::string stream = (ours ? "a-" : "b-") + std::to_string(below(streams_));
    const std::uint64_t position = must(append(*store_, stream, "x")).first.value();
    if (ours) {
      events_[position].stream = stream;
      of_stream_[stream].push_back(position);
    }
  }

  void join() {
    seats_.push_back(std::make_unique<Seat>(
        Seat{.member = must(group_->join({.max_tries = kTries, .retry_first = 50ms, .max_unacked = 8})), .given = {}}));
  }

  void leave() {
    const auto seat = seats_.begin() + static_cast<std::ptrdiff_t>(below(seats_.size()));
    for (const auto position : (*seat)->given) {
      --events_[position].tries;  // leaving is no try
      given_.erase(events_[position].stream);
    }
    if (once_in(2)) { must((*seat)->member.leave()); }
    flushed(**seat);
    seats_.erase(seat);
  }

  // The process, or the machine.
  void die(bool power) {
    if (power) {
      world_.files.power_off();
    } else {
      world_.files.kill_process();
    }
    seats_.clear();
    given_.clear();
    group_.reset();
    store_.reset();
    if (power) {
      world_.files.power_on(random_(), 0.5, once_in(2));
      for (auto& [position, event] : events_) {
        if (event.done == Event::Done::kAcked && !event.flushed) { event.done = Event::Done::kMaybe; }
        event.tries = 0;  // some tries may be forgotten, too
      }
      unsure_tries_ = true;
    }
    open();
  }

  void take(Seat& seat) {
    auto given = seat.member.next_for(0s);
    if (!given && given.error().code() == ErrorCode::kBusy) {
      EXPECT_EQ(seat.given.size(), 8u);
      return;
    }
    ASSERT_TRUE(ok(given));
    look_at_parked();
    if (!*given) { return; }
    const std::uint64_t position = (*given)->event.position.value();
    ASSERT_TRUE(events_.contains(position));
    Event& event = events_[position];
    EXPECT_EQ((*given)->event.stream, event.stream);
    EXPECT_NE(event.done, Event::Done::kAcked) << position << " was acknowledged, and came again";
    EXPECT_TRUE(given_.emplace(event.stream, position).second) << "two of " << event.stream << " at a time";
    if ((*given)->replayed) {
      EXPECT_EQ(event.done, Event::Done::kParked);
    } else {
      EXPECT_NE(event.done, Event::Done::kParked);
      for (const auto earlier : of_stream_[event.stream]) {
        if (earlier >= position) { break; }
        EXPECT_NE(events_[earlier].done, Event::Done::kNo) << position << " came before " << earlier;
      }
    }
    redelivered_ += event.tries > 0 ? 1 : 0;
    ++event.tries;
    if (!unsure_tries_ && !(*given)->replayed) { EXPECT_EQ((*given)->tries, event.tries); }
    EXPECT_LE((*given)->tries, kTries);
    last_tries_[position] = (*given)->tries;
    seat.given.insert(position);
  }

  void say(Seat& seat) {
    auto it = seat.given.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(below(seat.given.size())));
    const std::uint64_t position = *it;
    Event& event = events_[position];
    seat.given.erase(it);
    given_.erase(event.stream);
    switch (below(8)) {
      case 0:
        must(seat.member.nack(Position(position), "parked", Nack::kPark));
        event.done = Event::Done::kParked;
        return;
      case 1:
        must(seat.member.nack(Position(position), "skipped", Nack::kSkip));
        break;
      case 2:
      case 3:
        must(seat.member.nack(Position(position), "again"));
        if (last_tries_[position] >= kTries) { event.done = Event::Done::kParked; }
        return;
      default:
        must(seat.member.ack(Position(position)));
        break;
    }
    event.done = Event::Done::kAcked;
    event.flushed = false;
    event.by = &seat;
    ++acked_times_;
  }

  void flush(Seat& seat) {
    must(seat.member.flush());
    flushed(seat);
  }
  void flushed(const Seat& seat) {
    for (auto& [position, event] : events_) { event.flushed = event.flushed || event.by == &seat; }
  }

  // An event that was given too often to those who died is parked when its turn comes.
  void look_at_parked() {
    for (const auto& parked : must(group_->parked())) {
      Event& event = events_[parked.position.value()];
      if (event.done == Event::Done::kNo || event.done == Event::Done::kMaybe) {
        EXPECT_NE(parked.reason.find("never acknowledged"), std::string::npos) << parked.reason;
        event.done = Event::Done::kParked;
      }
    }
  }

  // Whatever is left is given to one member.
  void finish() {
    if (testing::Test::HasFailure()) { return; }
    while (!seats_.empty()) { leave(); }
    must(group_->replay_parked());
    join();
    Seat& seat = *seats_[0];
    for (int quiet = 0; quiet < 3 && !testing::Test::HasFailure();) {
      const std::size_t before = seat.given.size();
      take(seat);
      if (seat.given.size() == before) {
        ++quiet;
        world_.clock.advance(40s);
        // What those who died were given too often is parked only now.
        if (!must(group_->parked()).empty()) { must(group_->replay_parked()); }
        continue;
      }
      quiet = 0;
      const std::uint64_t position = *seat.given.begin();
      must(seat.member.ack(Position(position)));
      seat.given.clear();
      given_.clear();
      events_[position].done = Event::Done::kAcked;
    }
    EXPECT_TRUE(must(group_->parked()).empty());
    for (const auto& [position, event] : events_) {
      EXPECT_TRUE(event.done == Event::Done::kAcked || event.done == Event::Done::kMaybe) << position << " is lost";
    }
    must(seat.member.flush());
    EXPECT_EQ(must(group_->info()).next, Position(store_->info().events));
  }

  static constexpr std::uint32_t kTries = 4;

  std::mt19937 random_;
  const std::uint32_t partitions_;
  const std::size_t streams_;
  World world_;
  std::optional<Store> store_;
  std::optional<Group> group_;
  std::vector<std::unique_ptr<Seat>> seats_;
  std::map<std::uint64_t, Event> events_;
  std::map<std::string, std::vector<std::uint64_t>> of_stream_;
  std::map<std::string, std::uint64_t> given_;  // of each stream at most one
  std::map<std::uint64_t, std::uint32_t> last_tries_;
  std::uint64_t redelivered_ = 0;
  std::uint64_t acked_times_ = 0;
  bool unsure_tries_ = false;
};

TEST(GroupModel, NothingIsLostAndNothingComesOutOfOrder) {
  std::uint64_t redelivered = 0;
  const char* const text = std::getenv("TIDEMARK_GROUP_SEEDS");
  const auto seeds =
      static_cast<std::uint32_t>(text != nullptr ? static_cast<std::uint64_t>(std::atoi(text)) : sampled(40));
  for (std::uint32_t seed = 1; seed <= seeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model model(seed);
    model.run(1500);
    redelivered += model.redelivered();
  }
  EXPECT_GT(redelivered, 10u * seeds);
}

}  // namespace
}  // namespace tidemark
