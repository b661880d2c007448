// SPDX-License-Identifier: Apache-2.0
// Goal: whatever waits, is given and is done in whatever order, a partition gives each event of a stream after the one
// before it, keeps no more than fits into its slot, is never stuck, and goes on with nothing lost where it was stored.
// Method: random logs and random work, held against plain lists; the log is looked at as a member does it.
#include "engine/group/partition.h"

#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/sampled.h"

namespace tidemark::engine {
namespace {

using Time = Partition::Time;
using namespace std::chrono_literals;

constexpr std::size_t kWindow = 40;

class Work {
 public:
  explicit Work(std::uint32_t seed) : random_(seed) {
    const std::size_t streams = 1 + below(60);
    const std::size_t hot = below(4);  // so many quarters of all are of one stream
    for (std::size_t n = 0; n < 3000; ++n) {
      log_.push_back(below(4) < hot ? "hot" : "s" + std::to_string(below(streams)));
    }
  }

  void run() {
    while (held_->next() < Position(log_.size()) && !testing::Test::HasFailure()) { step(); }
    for (const auto& [stream, last] : last_) { EXPECT_LT(last, log_.size()); }
    std::size_t done = 0;
    for (const bool one : done_) { done += one ? 1 : 0; }
    EXPECT_EQ(done, log_.size());
  }
  [[nodiscard]] std::size_t gone_back() const { return gone_back_; }

 private:
  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }

  void step() {
    const Position before = held_->next();
    const std::size_t given_before = given_.size();
    refill();
    bool has_moved = look();
    const std::size_t takes = 1 + below(8);
    for (std::size_t n = 0; n < takes; ++n) {
      refill();
      const auto turn = held_->ready(now_);
      if (!turn) { break; }
      give(turn->position);
      has_moved = true;
    }
    check_size();
    if (!given_.empty() && below(3) != 0) {
      deal_with(*std::next(given_.begin(), static_cast<std::ptrdiff_t>(below(given_.size()))));
      has_moved = true;
    }
    if (below(200) == 0) {
      hand_over();
      return;
    }
    if (has_moved || !given_.empty()) { return; }
    ASSERT_TRUE(held_->next_due() || held_->next() != before || given_.size() != given_before)
        << "stuck at " << before.value();
    now_ += 1s;
  }

  // A few events of the log.
  bool look() {
    if (is_stalled_ && !held_->is_half_empty()) { return false; }
    gone_back_ += is_stalled_ ? 1 : 0;
    is_stalled_ = false;
    for (std::size_t n = 0; n < 50 && held_->seen() < Position(log_.size()); ++n) {
      const Position position = held_->seen();
      if (!held_->has_room(position)) {
        is_stalled_ = true;
        return n > 0;
      }
      held_->see(position, log_[position.value()]);
    }
    return true;
  }

  void refill() {
    while (const auto shortage = held_->shortage(now_)) {
      if (below(5) == 0) {
        held_->refill_later(shortage->stream, now_ + 1s);
        continue;
      }
      const std::size_t most = 1 + below(20);
      std::vector<Position> more;
      for (Position at = shortage->from; at < held_->seen() && more.size() < most; at = at.next()) {
        if (log_[at.value()] == shortage->stream) { more.push_back(at); }
      }
      held_->refill(shortage->stream, more, more.size() < most);
    }
  }

  void give(Position position) {
    const std::string& stream = log_[position.value()];
    EXPECT_FALSE(done_[position.value()]) << position.value() << " was done, and came again";
    for (const Position other : given_) { EXPECT_NE(log_[other.value()], stream) << "two of a stream"; }
    const auto last = last_.find(stream);
    for (std::uint64_t n = last == last_.end() ? 0 : last->second + 1; n < position.value(); ++n) {
      EXPECT_NE(log_[n], stream) << position.value() << " came before " << n;
    }
    held_->give(position);
    given_.insert(position);
  }

  void deal_with(Position position) {
    given_.erase(position);
    if (below(4) == 0) {
      held_->retry(position, now_ + 1s);
      return;
    }
    held_->done(position);
    done_[position.value()] = true;
    last_[log_[position.value()]] = position.value();
    check_size();
  }

  void check_size() { EXPECT_LE(held_->progress().entries.size(), kWindow + 1); }

  // To another member; or its own dies.
  void hand_over() {
    if (below(2) == 0) { held_->take_all_back(now_); }
    PartitionProgress stored = held_->progress();
    held_.emplace(std::move(stored), std::vector<ParkedEntry>{}, Partition::DueOf{}, kWindow);
    given_.clear();
    is_stalled_ = false;
  }

  std::mt19937 random_;
  std::vector<std::string> log_;
  std::vector<bool> done_ = std::vector<bool>(3000);
  std::map<std::string, std::uint64_t> last_;
  std::set<Position> given_;
  std::optional<Partition> held_{std::in_place, PartitionProgress{}, std::vector<ParkedEntry>{}, Partition::DueOf{},
                                 kWindow};
  Time now_{};
  bool is_stalled_ = false;
  std::size_t gone_back_ = 0;
};

TEST(Partition, GivesAllInOrderWithinItsBounds) {
  std::size_t gone_back = 0;
  for (std::uint32_t seed = 1; seed <= test::sampled(60) && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Work work(seed);
    work.run();
    gone_back += work.gone_back();
  }
  EXPECT_GT(gone_back, test::sampled(60));
}

// However many events of one stream wait, those of others are taken in.
TEST(Partition, AStreamThatWaitsKeepsNoOtherOut) {
  Partition partition{PartitionProgress{}, {}, {}, kWindow};
  partition.see(Position(0), "hot");
  partition.give(Position(0));
  std::uint64_t at = 1;
  for (; at < 5 * Partition::kWaitingMax; ++at) {
    ASSERT_TRUE(partition.has_room(Position(at)));
    partition.see(Position(at), "hot");
  }
  for (std::size_t n = 0; n + 1 < kWindow; ++n, ++at) {
    ASSERT_TRUE(partition.has_room(Position(at)));
    partition.see(Position(at), "other");
    ASSERT_EQ(partition.ready(Time{})->position, Position(at));
    partition.give(Position(at));
    partition.done(Position(at));
  }
  EXPECT_FALSE(partition.has_room(Position(at))) << "what is done behind it fills the slot";
  EXPECT_EQ(partition.next(), Position(0));
  partition.done(Position(0));
  EXPECT_EQ(partition.next(), Position(1));
}

}  // namespace
}  // namespace tidemark::engine
