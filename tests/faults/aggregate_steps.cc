// SPDX-License-Identifier: Apache-2.0
// The steps of a workload that decide, and that keep and find snapshots. A lost snapshot is no reason for any answer;
// a wrong one is wrong.
#include <algorithm>
#include <fmt/format.h>
#include <set>
#include <utility>

#include "tests/faults/stage.h"

namespace tidemark::faults {

namespace {

using crash::Model;
using crash::ModelBatch;
using crash::ModelEvent;

// The state of a stream as of a version: which events it is made of.
std::string state_of(const Model& model, const std::string& stream, std::uint64_t version) {
  std::string state;
  for (const ModelEvent* const event : model.events()) {
    if (event->stream == stream && event->version <= version) { state += to_string(event->id) + "\n"; }
  }
  return state;
}

// What the system said of a file, and nothing of the store.
bool is_read_error(const Error& error) {
  return error.code() == ErrorCode::kIo || error.code() == ErrorCode::kNoSpace ||
         error.code() == ErrorCode::kOutOfMemory;
}

}  // namespace

void Stage::decide(ModelBatch batch, Durability durability) {
  const std::string stream = batch.events.at(0).stream;
  for (int attempt = 0; attempt < 2 && !is_idle(); ++attempt) {
    const bool failed_before = failed_;
    const std::uint64_t faults_before = hard_faults_;
    const std::uint64_t first = model_.event_count();
    const std::uint64_t count = model_.stream_count(stream);
    std::uint64_t seen = 0;
    appending_ = &batch;
    const auto receipt = store_->decide(stream,
                                        [&](Cursor& history, Batch& out) -> Status {
                                          seen = 0;
                                          while (history.next() != nullptr) { ++seen; }
                                          out = to_batch(batch);
                                          return {};
                                        },
                                        {.durability = durability});
    appending_ = nullptr;
    if (receipt) {
      if (failed_before) { return fail("a failed store took a decision"); }
      if (failed_ && durability == Durability::kDurable) {
        return fail("a write or sync failed, and the decision did not");
      }
      if (seen != count) { return fail(fmt::format("a decision saw {} events of {}", seen, count)); }
      check_receipt(*receipt, batch, first);
      model_.add(std::move(batch));
      acknowledge(model_.batch_count(), durability);
      return check_fail_stop();
    }
    judge_error(receipt.error(), "a decision", failed_before, faults_before);
    if (receipt.error().code() == ErrorCode::kOutcomeUnknown) { model_.add(std::move(batch)); }
    if (is_down() || failed_) { return check_fail_stop(); }
  }
}

void Stage::save_snapshot(const std::string& stream) {
  for (int attempt = 0; attempt < 2 && !is_idle() && !failed_; ++attempt) {
    const std::uint64_t faults_before = hard_faults_;
    const std::uint64_t count = model_.stream_count(stream);
    if (count == 0) { return; }
    const std::string state = state_of(model_, stream, count - 1);
    const Status saved = store_->save_snapshot(stream, Version(count - 1), as_bytes(state));
    if (saved) {
      if (failed_) { return fail("a snapshot was saved of what could not be synced"); }
      for (std::size_t i = model_.batch_count(); i > 0; --i) {
        const auto& events = model_.batches()[i - 1].events;
        const auto is_of = [&](const ModelEvent& event) { return event.stream == stream; };
        if (std::ranges::any_of(events, is_of)) {
          model_.set_durable_up_to(i);
          break;
        }
      }
      const auto found = store_->snapshot(stream);
      if (hard_faults_ == faults_before && !is_down() &&
          (!found || !*found || (*found)->version.value() != count - 1)) {
        fail("a snapshot that was saved is not found");
      }
      return check_snapshots();
    }
    judge_error(saved.error(), "a snapshot", false, faults_before);
    if (is_down() || failed_) { return check_fail_stop(); }
  }
}

// Every stream's, whatever version is asked for.
void Stage::check_snapshots() {
  if (is_idle()) { return; }
  std::set<std::string> streams;
  for (const ModelEvent* const event : model_.events()) { streams.insert(event->stream); }
  for (const std::string& stream : streams) {
    for (std::uint64_t until = model_.stream_count(stream); until > 0; --until) {
      const std::uint64_t faults_before = hard_faults_;
      const auto found = store_->snapshot(stream, {.until = Version(until - 1)});
      if (is_down()) { return; }
      if (!found) {
        if (hard_faults_ == faults_before || !is_read_error(found.error())) {
          return fail("looking for a snapshot says: " + to_string(found.error()));
        }
        continue;
      }
      if (!*found) { break; }
      const std::uint64_t version = (*found)->version.value();
      if (version >= until || as_text((*found)->state) != state_of(model_, stream, version)) {
        return fail(fmt::format("a wrong snapshot of {} at version {}", stream, version));
      }
      until = version + 1;  // what lies between is the same one
    }
  }
}

void Stage::prune_snapshots(const PruneSnapshotsOptions& options) {
  for (int attempt = 0; attempt < 2 && !is_idle(); ++attempt) {
    const std::uint64_t faults_before = hard_faults_;
    const auto pruned = store_->prune_snapshots(options);
    if (is_down()) { return; }
    if (pruned) { return check_snapshots(); }
    if (hard_faults_ == faults_before || !is_read_error(pruned.error())) {
      return fail("pruning snapshots says: " + to_string(pruned.error()));
    }
  }
}

void Stage::lose_snapshots(bool all) {
  if (is_down() || wrong_) { return; }
  for (const auto& path : files_.files()) {
    if (path.string().find("/snapshots/") == std::string::npos) { continue; }
    files_.remove(path);
    if (!all) { return; }
  }
}

}  // namespace tidemark::faults
