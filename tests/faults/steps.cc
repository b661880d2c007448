// SPDX-License-Identifier: Apache-2.0
// The steps of a workload that append, ask and read.
#include <fmt/format.h>
#include <utility>

#include "engine/format/index_file.h"
#include "tests/faults/stage.h"

namespace tidemark::faults {

using crash::ModelBatch;
using crash::ModelEvent;

Batch to_batch(const ModelBatch& from) {
  Batch batch;
  for (const ModelEvent& event : from.events) {
    NewEvent added{.type = event.type,
                   .data = as_bytes(event.data),
                   .metadata = as_bytes(event.metadata),
                   .valid = event.valid,
                   .id = event.id};
    added.tags.assign(event.tags.begin(), event.tags.end());
    batch.to(event.stream).add(added);
  }
  return batch;
}

namespace {

// With what is true of each stream as the expectation.
Batch expecting(const ModelBatch& from, const crash::Model& model) {
  Batch batch = to_batch(from);
  for (const ModelEvent& event : from.events) {
    const std::uint64_t count = model.stream_count(event.stream);
    batch.check(event.stream, count == 0 ? Expect::no_stream() : Expect::exactly(count - 1));
  }
  return batch;
}

}  // namespace

ModelBatch Stage::batch(const std::string& stream, std::size_t events, std::size_t bytes, bool rich) {
  ModelBatch made;
  for (std::size_t i = 0; i < events; ++i) { add(made, stream, bytes, rich); }
  return made;
}

void Stage::add(ModelBatch& batch, const std::string& stream, std::size_t bytes, bool rich) {
  const std::uint64_t number = ++events_made_;
  ModelEvent event;
  event.stream = stream;
  event.version = model_.stream_count(stream);
  for (const ModelEvent& before : batch.events) { event.version += before.stream == stream ? 1 : 0; }
  event.id = EventId::from_name(fmt::format("event {}", number));
  event.type = fmt::format("Type{}", number % 4);
  event.data = payload_bytes(stage_options_.payload, bytes, number, files_, folder_);
  if (rich) {
    event.metadata = payload_bytes(stage_options_.payload, 1 + bytes / 4, number + 1'000'000, files_, folder_);
    event.tags = {"tag:1", fmt::format("tag:{}", 2 + number % 5)};
    event.valid = ValidTime(std::chrono::microseconds(1'600'000'000'000'000 + static_cast<std::int64_t>(number)));
  }
  batch.events.push_back(std::move(event));
}

void Stage::append(ModelBatch batch, Durability durability) {
  for (int attempt = 0; attempt < 2 && !is_idle(); ++attempt) {
    const bool failed_before = failed_;
    const std::uint64_t faults_before = hard_faults_;
    const std::uint64_t first = model_.event_count();
    appending_ = &batch;
    const auto receipt = store_->append(expecting(batch, model_), {.durability = durability});
    appending_ = nullptr;
    if (receipt) {
      if (failed_before) { return fail("a failed store took an append"); }
      if (failed_ && durability == Durability::kDurable) {
        return fail("a write or sync failed, and the append did not");
      }
      check_receipt(*receipt, batch, first);
      model_.add(std::move(batch));
      acknowledge(model_.batch_count(), durability);
      return check_fail_stop();
    }
    judge_error(receipt.error(), "an append", failed_before, faults_before);
    if (receipt.error().code() == ErrorCode::kOutcomeUnknown) { model_.add(std::move(batch)); }
    if (is_down() || failed_) { return check_fail_stop(); }
    // Nothing was appended, and the store goes on: the same again succeeds, unless it is made to fail again.
  }
}

void Stage::append_without_room(const std::string& stream, std::size_t bytes) {
  if (is_idle()) { return; }
  const bool failed_before = failed_;
  const std::uint64_t faults_before = hard_faults_;
  const auto receipt = store_->append(to_batch(batch(stream, 1, bytes)));
  if (receipt) { return fail("an append succeeded on a full disk"); }
  if (receipt.error().code() != ErrorCode::kNoSpace || failed_before || failed_) {
    judge_error(receipt.error(), "an append on a full disk", failed_before, faults_before);
  }
  check_fail_stop();
}

void Stage::submit(ModelBatch batch, Durability durability) {
  for (int attempt = 0; attempt < 2 && !is_idle(); ++attempt) {
    const bool failed_before = failed_;
    const std::uint64_t faults_before = hard_faults_;
    const std::uint64_t first = model_.event_count();
    auto ticket = store_->submit(expecting(batch, model_), {.durability = durability});
    if (ticket) {
      if (failed_before) { return fail("a failed store took a submission"); }
      model_.add(std::move(batch));
      submitted_.push_back({std::move(*ticket), model_.batch_count() - 1, first, durability});
      return check_fail_stop();
    }
    judge_error(ticket.error(), "a submission", failed_before, faults_before);
    if (is_down() || failed_) { return check_fail_stop(); }
  }
}

void Stage::wait_tickets() {
  if (is_idle()) { return; }
  answer_tickets();
  check_fail_stop();
}

// Every ticket gets an answer, whatever happened.
void Stage::answer_tickets() {
  std::optional<std::size_t> first_not_there;
  const bool failed_before = failed_;
  const std::uint64_t faults_before = hard_faults_;
  for (const Submitted& one : submitted_) {
    const auto receipt = one.ticket.wait();
    if (!one.ticket.poll()) { fail("a ticket that was waited for has no answer"); }
    if (receipt) {
      check_receipt(*receipt, model_.batches()[one.batch], one.first);
      acknowledge(one.batch + 1, one.durability);
      continue;
    }
    const ErrorCode code = receipt.error().code();
    if (!is_down()) {
      if (code != ErrorCode::kOutcomeUnknown && code != ErrorCode::kStoreFailed) {
        fail("a ticket says: " + to_string(receipt.error()));
      } else if (!failed_before && !failed_ && !may_have_failed_ && hard_faults_ == faults_before) {
        fail("a ticket failed: " + to_string(receipt.error()));
      }
    }
    if (code != ErrorCode::kOutcomeUnknown && !first_not_there) { first_not_there = one.batch; }
  }
  submitted_.clear();
  if (first_not_there && *first_not_there < model_.batch_count()) { model_.batches().resize(*first_not_there); }
}

void Stage::conflict(const std::string& stream) {
  for (int attempt = 0; attempt < 2 && !is_idle(); ++attempt) {
    const bool failed_before = failed_;
    const std::uint64_t faults_before = hard_faults_;
    const std::uint64_t count = model_.stream_count(stream);
    const auto receipt = store_->append(stream, Expect::exactly(count + 1), {{.type = "Never"}});
    if (receipt) { return fail("an append with a wrong expectation succeeded"); }
    if (receipt.error().code() == ErrorCode::kVersionConflict && !failed_before) {
      const auto& conflicts = receipt.error().conflicts();
      const auto says_what_is = [&](const Conflict& one) {
        return count == 0 ? !one.actual.has_value() : one.actual == Version(count - 1);
      };
      if (conflicts.size() != 1 || !says_what_is(conflicts[0])) {
        return fail("a conflict does not say what is: " + to_string(receipt.error()));
      }
      if (!failed_) { model_.settle(); }  // an answer rests on all before it
      return check_fail_stop();
    }
    judge_error(receipt.error(), "a conflict", failed_before, faults_before);
    if (is_down() || failed_) { return check_fail_stop(); }
  }
}

void Stage::check(const std::string& stream) {
  if (is_idle()) { return; }
  const bool failed_before = failed_;
  const std::uint64_t faults_before = hard_faults_;
  const std::uint64_t count = model_.stream_count(stream);
  Batch pure;
  pure.check(stream, count == 0 ? Expect::no_stream() : Expect::exactly(count - 1));
  const auto receipt = store_->append(pure);
  if (receipt && failed_before) { return fail("a failed store answered a check"); }
  if (receipt && receipt->count != 0) { return fail("a check appended something"); }
  if (receipt && !failed_) { model_.settle(); }
  if (!receipt) { judge_error(receipt.error(), "a check", failed_before, faults_before); }
  check_fail_stop();
}

void Stage::repeat(std::size_t n) {
  for (int attempt = 0; attempt < 2 && !is_idle() && n < model_.batch_count(); ++attempt) {
    const bool failed_before = failed_;
    const std::uint64_t faults_before = hard_faults_;
    const ModelBatch again = model_.batches()[n];
    std::uint64_t first = 0;
    for (std::size_t i = 0; i < n; ++i) { first += model_.batches()[i].events.size(); }
    // In a failed store it may never have been there, and then it is refused like any other.
    const auto receipt = store_->append(to_batch(again));
    if (receipt) {
      if (!receipt->already_appended) { return fail("a repeated append was written again"); }
      model_.set_durable_up_to(n + 1);
      check_receipt(*receipt, again, first);
      return check_fail_stop();
    }
    // Its original is read, and that may fail by itself.
    const bool is_read_error = receipt.error().code() == ErrorCode::kIo ||
                               receipt.error().code() == ErrorCode::kNoSpace ||
                               receipt.error().code() == ErrorCode::kOutOfMemory;
    if (!is_read_error || hard_faults_ == faults_before) {
      judge_error(receipt.error(), "a repeated append", failed_before, faults_before);
    }
    if (is_down() || failed_) { return check_fail_stop(); }
  }
}

void Stage::wait_durable() {
  if (is_idle() || model_.event_count() == 0) { return; }
  const bool failed_before = failed_;
  const std::uint64_t faults_before = hard_faults_;
  const Status done = store_->wait_durable(Position(model_.event_count() - 1));
  if (done && failed_ && store_->info().durable.value() < model_.event_count()) {
    return fail("a failed store called durable what is not");
  }
  if (done) { model_.settle(); }
  if (!done) { judge_error(done.error(), "a wait", failed_before, faults_before); }
  check_fail_stop();
}

void Stage::read() {
  if (is_idle()) { return; }
  const std::uint64_t durable = store_->info().durable.value();
  if (durable < model_.durable_event_count()) {
    return fail(fmt::format("{} events are durable, {} were acknowledged", durable, model_.durable_event_count()));
  }
  check_prefix(durable);
}

void Stage::lose_index_file(std::size_t n) {
  if (is_down() || wrong_) { return; }
  for (const auto& path : files_.files()) {
    if (engine::parse_index_file_name(path.filename().string()) && n-- == 0) { return files_.remove(path); }
  }
}

void Stage::begin_reading() {
  if (is_idle()) { return; }
  cursor_at_ = 0;
  cursor_end_ = store_->info().durable.value();
  cursor_.emplace(store_->read(Query::all()));
}

void Stage::read_on(std::size_t events) {
  if (is_idle() || !cursor_) { return; }
  const std::uint64_t faults_before = hard_faults_;
  const auto expected = model_.events();
  for (std::size_t i = 0; i < events; ++i) {
    const Event* event = cursor_->next();
    if (is_down()) { return; }
    if (event == nullptr) {
      const Status ended = cursor_->status();
      if (!ended && hard_faults_ == faults_before) { return fail("a cursor failed: " + to_string(ended.error())); }
      if (ended && cursor_at_ != cursor_end_) {
        return fail(fmt::format("a cursor ended after {} of {} events", cursor_at_, cursor_end_));
      }
      cursor_.reset();
      return;
    }
    if (cursor_at_ >= cursor_end_) { return fail("a cursor shows events of after its beginning"); }
    if (auto wrong = crash::differs(*event, *expected[cursor_at_], cursor_at_)) { return fail(*wrong); }
    ++cursor_at_;
  }
}

}  // namespace tidemark::faults
