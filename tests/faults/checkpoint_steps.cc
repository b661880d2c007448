// SPDX-License-Identifier: Apache-2.0
// The steps of a workload that store how far a consumer is. What is lost is redelivered; a place that nobody stored, or
// one without the events that were stored with it, is wrong.
#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <utility>

#include "tests/faults/stage.h"

namespace tidemark::faults {

using crash::ModelBatch;

namespace {

constexpr std::size_t kRunEvents = 2;

}  // namespace

void Stage::consume(const std::string& name, Storing how) {
  for (int attempt = 0; attempt < 2 && !is_idle() && !failed_; ++attempt) {
    const std::uint64_t faults_before = hard_faults_;
    CheckpointModel& stored = checkpoints_[name];
    const auto judge = [&](const Error& error, std::string_view step) {
      judge_error(error, step, false, faults_before);
    };
    const std::uint64_t durable = store_->info().durable.value();
    auto consumer = store_->subscribe(Query::all(), {.resume = name, .run_events = kRunEvents});
    if (!consumer) {
      judge(consumer.error(), "resuming");
      if (failed_) { return check_fail_stop(); }
      continue;
    }
    if (failed_) { return check_fail_stop(); }
    check_place(name, consumer->position());
    const std::uint64_t first = consumer->position() ? consumer->position()->value() + 1 : 0;
    auto run = consumer->next_for(std::chrono::seconds(0));
    if (!run) {
      judge(run.error(), "a run");
      if (failed_) { return check_fail_stop(); }
      continue;
    }
    std::uint64_t next = first;
    for (const Event& event : *run) {
      if (event.position().value() != next) {
        return fail(fmt::format("a consumer was given {} instead of {}", event.position().value(), next));
      }
      ++next;
    }
    // An error that cuts a run short is told by the next one.
    const bool is_cut = is_down() || hard_faults_ != faults_before;
    if (!is_cut && next < std::min(first + kRunEvents, durable)) {
      return fail(fmt::format("a consumer was given the events before {} of {}", next, durable));
    }
    if ((consumer->position() ? consumer->position()->value() + 1 : 0) != next) {
      return fail(fmt::format("a consumer that was given the events before {} is elsewhere", next));
    }
    const auto position = consumer->position();
    const Place place = position ? Place(position->value()) : std::nullopt;
    if (how == Storing::kAlone) {
      const Status committed = consumer->commit();
      if (committed && failed_) { return fail("a place was stored in a store that had failed"); }
      // Where nothing is durable yet there is nothing to store.
      if (committed && !place) { return; }
      stored.stored_alone(place, committed.has_value());
      if (committed) {
        if (const auto batch = stored.last_batch()) { model_.set_durable_up_to(*batch + 1); }
        return check_checkpoints();
      }
      judge(committed.error(), "a commit");
    } else {
      const Durability durability = how == Storing::kByBatch ? Durability::kDurable : Durability::kBuffered;
      ModelBatch answers = batch("answers", 1, 90);
      Batch appended = to_batch(answers);
      const std::uint64_t at = model_.event_count();
      appending_ = &answers;
      const auto receipt = store_->append(*consumer, appended, {.durability = durability});
      appending_ = nullptr;
      const bool may_be_there = receipt.has_value() || receipt.error().code() == ErrorCode::kOutcomeUnknown;
      if (may_be_there) {
        if (receipt) { check_receipt(*receipt, answers, at); }
        model_.add(std::move(answers));
        stored.stored_by_batch(place, model_.batch_count() - 1);
      }
      if (receipt) {
        if (failed_ && durability == Durability::kDurable) {
          return fail("a write or sync failed, and the append of a consumer did not");
        }
        acknowledge(model_.batch_count(), durability);
        check_fail_stop();
        return check_checkpoints();
      }
      judge(receipt.error(), "an append of a consumer");
    }
    if (is_down() || failed_) { return check_fail_stop(); }
  }
}

void Stage::consume_without_room(const std::string& name) {
  if (is_idle() || failed_) { return; }
  const std::uint64_t faults_before = hard_faults_;
  Status done;
  {
    auto consumer = store_->subscribe(Query::all(), {.resume = name});
    if (consumer) {
      const auto run = consumer->next_for(std::chrono::seconds(0));
      done = run ? consumer->commit() : std::unexpected(run.error());
    } else {
      done = std::unexpected(consumer.error());
    }
  }
  if (done) { return fail("a place was stored on a full disk"); }
  if (done.error().code() != ErrorCode::kNoSpace) {
    judge_error(done.error(), "a place on a full disk", false, faults_before);
  }
  check_fail_stop();
  check_checkpoints();
}

void Stage::forget_place(const std::string& name) {
  for (int attempt = 0; attempt < 2 && !is_idle() && !failed_; ++attempt) {
    const std::uint64_t faults_before = hard_faults_;
    const auto removed = store_->remove_checkpoint(name);
    checkpoints_[name].stored_alone(std::nullopt, removed.has_value());
    if (removed) { return check_checkpoints(); }
    judge_error(removed.error(), "forgetting a place", false, faults_before);
    if (failed_) { return check_fail_stop(); }
  }
}

void Stage::check_place(const std::string& name, std::optional<Position> position) {
  const Place place = position ? Place(position->value()) : std::nullopt;
  const auto places = checkpoints_[name].may_be();
  if (std::ranges::find(places, place) != places.end()) { return; }
  std::string right;
  for (const Place& one : places) { right += (right.empty() ? "" : " or ") + to_string(one); }
  fail(fmt::format("the place of {} is {} instead of {}", name, to_string(place), right));
}

// By name, and in the list of all.
void Stage::check_checkpoints() {
  if (is_idle() || failed_) { return; }
  for (const auto& [name, stored] : checkpoints_) {
    const std::uint64_t faults_before = hard_faults_;
    const auto found = store_->checkpoint(name);
    if (is_down() || failed_) { return; }  // just now: what was on its way is left out
    if (!found) {
      judge_error(found.error(), "looking for a place", false, faults_before);
      continue;
    }
    check_place(name, *found ? (*found)->position : std::nullopt);
    const auto all = store_->checkpoints();
    if (is_down() || hard_faults_ != faults_before) { return; }
    if (!all) { return fail("listing places failed: " + to_string(all.error())); }
    const auto listed = std::ranges::find(*all, name, &NamedCheckpoint::name);
    if (*found ? listed == all->end() || listed->checkpoint != **found : listed != all->end()) {
      return fail("the list of places differs from the place of " + name);
    }
  }
}

}  // namespace tidemark::faults
