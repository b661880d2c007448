// SPDX-License-Identifier: Apache-2.0
// The steps of a workload in which members of a consumer group share its work. What was not acknowledged comes again,
// what was does not.
#include <chrono>
#include <fmt/format.h>
#include <utility>
#include <vector>

#include "tests/faults/stage.h"

namespace tidemark::faults {

namespace {

constexpr const char* kGroup = "work";
using namespace std::chrono_literals;

Query work() { return Query::category("job"); }

}  // namespace

// They are gone as if each had left, or died where nothing works any more.
void Stage::end_consumers() {
  for (auto& [member, gone] : std::exchange(members_, {})) { group_work_.left(member); }
  group_.reset();
}

void Stage::join(std::size_t member) {
  for (int attempt = 0; attempt < 2 && !is_idle() && !failed_ && !members_.contains(member); ++attempt) {
    const std::uint64_t faults_before = hard_faults_;
    if (!group_) {
      auto group = store_->group(kGroup, work(), {.partitions = 2});
      if (!group) {
        judge_error(group.error(), "making a group", false, faults_before);
        continue;
      }
      group_.emplace(std::move(*group));
      group_is_made_ = true;
    }
    auto joined = group_->join({.max_tries = 1000, .retry_first = 1ms, .max_unacked = 8});
    if (joined) {
      members_.emplace(member, std::move(*joined));
      return;
    }
    judge_error(joined.error(), "joining", false, faults_before);
  }
  check_fail_stop();
}

void Stage::take(std::size_t member, std::size_t events) {
  const auto found = members_.find(member);
  for (std::size_t i = 0; i < events && !is_idle() && !failed_ && found != members_.end(); ++i) {
    const std::uint64_t faults_before = hard_faults_;
    const auto given = found->second.next_for(0s);
    if (is_down()) { return; }
    faults_taken_ += hard_faults_ - faults_before;
    if (!given) {
      // What failed in several places at once is told one after the other, each once.
      const bool has_cause = errors_taken_++ < faults_taken_;
      judge_error(given.error(), "taking", false, hard_faults_ - (has_cause ? 1 : 0));
    }
    if (given && *given) {
      if (auto wrong = group_work_.given(member, **given, model_)) { return fail(*wrong); }
    }
  }
  check_fail_stop();
}

void Stage::finish(std::size_t member) {
  const auto found = members_.find(member);
  if (is_idle() || failed_ || found == members_.end()) { return; }
  const std::vector<std::uint64_t> hand(group_work_.in_hand(member).begin(), group_work_.in_hand(member).end());
  for (const std::uint64_t position : hand) {
    const std::uint64_t faults_before = hard_faults_;
    const Status acked = found->second.ack(Position(position));
    group_work_.acked(member, position, acked.has_value());
    if (is_down()) { return; }
    if (!acked) { judge_error(acked.error(), "acknowledging", false, faults_before); }
  }
  check_fail_stop();
}

void Stage::refuse(std::size_t member, Nack how) {
  const auto found = members_.find(member);
  if (is_idle() || failed_ || found == members_.end() || group_work_.in_hand(member).empty()) { return; }
  const std::uint64_t position = *group_work_.in_hand(member).begin();
  const std::uint64_t faults_before = hard_faults_;
  const Status said = found->second.nack(Position(position), "it is bad", how);
  if (how == Nack::kPark) {
    group_work_.parked(member, position, said.has_value());
  } else if (how == Nack::kSkip) {
    group_work_.acked(member, position, said.has_value());
  } else {
    group_work_.refused(member, position);
  }
  if (is_down()) { return; }
  if (!said) { judge_error(said.error(), "refusing", false, faults_before); }
  check_fail_stop();
}

void Stage::flush(std::size_t member) {
  const auto found = members_.find(member);
  for (int attempt = 0; attempt < 2 && !is_idle() && !failed_ && found != members_.end(); ++attempt) {
    const std::uint64_t faults_before = hard_faults_;
    const Status flushed = found->second.flush();
    if (is_down()) { return; }
    if (flushed) { return group_work_.flushed(member); }
    judge_error(flushed.error(), "flushing", false, faults_before);
  }
  check_fail_stop();
}

void Stage::leave(std::size_t member) {
  const auto found = members_.find(member);
  if (is_idle() || failed_ || found == members_.end()) { return; }
  const std::uint64_t faults_before = hard_faults_;
  const Status left = found->second.leave();
  if (is_down()) { return; }
  if (left) { group_work_.flushed(member); }
  if (!left) { judge_error(left.error(), "leaving", false, faults_before); }
  members_.erase(found);
  if (is_down()) { return; }
  group_work_.left(member);
  check_fail_stop();
}

void Stage::replay_parked() {
  for (int attempt = 0; attempt < 2 && !is_idle() && !failed_ && group_; ++attempt) {
    const std::uint64_t faults_before = hard_faults_;
    const Status asked = group_->replay_parked();
    if (asked || is_down()) { return; }
    judge_error(asked.error(), "replaying", false, faults_before);
  }
}

// Without faults: one member is given all that is left; nothing may be missing then.
void Stage::work_off() {
  constexpr std::size_t kLast = 1000;
  if (is_idle() || failed_ || !group_is_made_) { return; }
  if (const auto there = store_->group(kGroup); !there) {
    return fail("a group that was made: " + to_string(there.error()));
  }
  join(kLast);
  for (int quiet = 0; quiet < 3 && !is_idle();) {
    take(kLast, 1);
    const bool is_given = !group_work_.in_hand(kLast).empty();
    finish(kLast);
    quiet = is_given ? 0 : quiet + 1;
    if (!is_given) {
      clock_.advance(40s);
      replay_parked();
    }
  }
  if (is_idle()) { return; }
  if (const auto lost = group_work_.first_lost(model_)) {
    return fail(fmt::format("the event at position {} was never given to be done", *lost));
  }
  leave(kLast);
  const auto info = group_->info();
  if (!info) { return fail("looking at a group: " + to_string(info.error())); }
  if (info->parked != 0) { return fail(fmt::format("{} events are parked, and all were replayed", info->parked)); }
  if (info->next != store_->info().durable) {
    fail(fmt::format("a group is done before position {} of {}", info->next.value(), store_->info().durable.value()));
  }
}

}  // namespace tidemark::faults
