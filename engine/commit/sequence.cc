// SPDX-License-Identifier: Apache-2.0
// The sequencing half of the committer: from an encoded batch to its place in the log, or to an answer without one.
#include <algorithm>
#include <string>
#include <utility>

#include "engine/commit/committer.h"
#include "engine/commit/conditions.h"
#include "engine/log/event_finder.h"
#include "engine/log/frame_reader.h"
#include "index/positions.h"

namespace tidemark::engine {

namespace {

// What may be sequenced and not yet durable, unless it is a single batch: bounds what recovery has to look at, and what
// buffered appends can lose.
constexpr std::uint64_t kInFlightBytesMax = std::uint64_t{16} << 20U;

Error id_conflict(const EncodedBatch& batch, std::size_t event, const char* why) {
  return Error(ErrorCode::kIdConflict,
               "event id " + to_string(batch.events()[event].id) + " is in the store already, " + why);
}

// The streams of a receipt, but for the versions: made before the lock, so that nothing can fail once a batch has its
// place.
std::vector<StreamReceipt> name_streams(const EncodedBatch& batch) {
  std::vector<StreamReceipt> streams;
  streams.reserve(batch.appended_streams());
  for (std::uint32_t i = 0; i < batch.appended_streams(); ++i) {
    streams.push_back({std::string(batch.streams()[i].key.name), {}, {}});
  }
  return streams;
}

}  // namespace

Status Committer::look_up(const EncodedBatch& batch, std::span<const Condition> conditions, bool look_up_made_ids,
                          Heads& heads) const {
  const Position before = heads.as_of;
  heads.as_of = written();  // the catalog covers what was written
  heads.index = catalog_.view();
  std::vector<const index::Key*> streams;
  streams.reserve(heads.missing.size());
  for (const std::uint32_t i : heads.missing) { streams.push_back(&batch.streams()[i].key); }
  std::vector<std::uint64_t> counts(streams.size());
  if (auto done = heads.index->counts(streams, heads.as_of, counts); !done) { return done; }
  for (std::size_t i = 0; i < counts.size(); ++i) { heads.found[heads.missing[i]] = counts[i]; }
  heads.matches.resize(conditions.size());
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    const Condition& condition = conditions[i];
    if (heads.matches[i]) { continue; }  // a match stays one
    auto positions = index::find_positions(*heads.index, condition.keys, heads.as_of, index::Way::kUp);
    if (!positions) { return std::unexpected(std::move(positions.error())); }
    // Only what is new since the look before: however long that one took, this one catches up.
    auto match = (*positions)->seek(std::max(condition.from(), before));
    if (!match) { return std::unexpected(std::move(match.error())); }
    heads.matches[i] = *match;
  }
  if (batch.has_given_ids() || look_up_made_ids) {
    EventFinder finder(heads.index, segments_.snapshot());
    heads.id_found.assign(batch.events().size(), std::nullopt);
    heads.ids_found = 0;
    for (std::size_t i = 0; i < batch.events().size(); ++i) {
      const EventUse& event = batch.events()[i];
      if (!event.id_given && !look_up_made_ids) { continue; }
      auto found = finder.find(event.id, heads.as_of);
      if (!found) { return std::unexpected(std::move(found.error())); }
      heads.id_found[i] = *found;
      if (heads.id_found[i]) { ++heads.ids_found; }
    }
  }
  return {};
}

Result<Receipt> Committer::answer_known(const EncodedBatch& batch, const Heads& heads) const {
  for (std::size_t i = 0; i < heads.id_found.size(); ++i) {
    if (!heads.id_found[i]) {
      const auto known = static_cast<std::size_t>(
          std::ranges::find_if(heads.id_found, [](const auto& p) { return p.has_value(); }) - heads.id_found.begin());
      return std::unexpected(id_conflict(batch, known, "but others of the same batch are not"));
    }
  }
  Receipt receipt;
  receipt.first = *heads.id_found[0];
  receipt.count = batch.event_count();
  receipt.already_appended = true;
  FrameReader reader(Access::kMapped);
  const auto segments = segments_.snapshot();
  const auto frame = heads.index->place(receipt.first);
  if (!frame) { return std::unexpected(frame.error()); }
  std::vector<std::optional<StreamReceipt>> streams(batch.appended_streams());
  for (std::size_t i = 0; i < heads.id_found.size(); ++i) {
    const Position position = *heads.id_found[i];
    const auto place = heads.index->place(position);
    if (!place) { return std::unexpected(place.error()); }
    if (position != receipt.first + i || place->frame != frame->frame) {
      return std::unexpected(id_conflict(batch, i, "in another batch or order"));
    }
    auto found = reader.read(segments, *place, position);
    if (!found) { return std::unexpected(std::move(found.error())); }
    if (!batch.same_event(i, *found->body, *found->record)) {
      return std::unexpected(id_conflict(batch, i, "with another stream or content"));
    }
    receipt.recorded = RecordedTime(std::chrono::nanoseconds(found->frame->recorded_ns));
    auto& stream = streams[batch.events()[i].stream];
    if (!stream) {
      stream = StreamReceipt{std::string(batch.streams()[batch.events()[i].stream].key.name), found->version, {}};
    }
    stream->last = found->version;
  }
  for (auto& stream : streams) { receipt.streams.push_back(std::move(*stream)); }
  return receipt;
}

bool Committer::uses_recent_id(const EncodedBatch& batch) const {
  return batch.has_given_ids() && std::ranges::any_of(batch.events(), [&](const EventUse& event) {
           return event.id_given && recent_.knows(event.id);
         });
}

Result<Outcome> Committer::sequence(std::shared_ptr<EncodedBatch> batch, std::span<const Condition> conditions,
                                    bool look_up_made_ids, Level level, Room room, bool attend,
                                    const std::stop_token& stop) {
  const auto answer = [&](Result<Receipt> result, Position rests_on) {
    return Outcome{std::move(result), nullptr, rests_on, level, next_order_.fetch_add(1)};
  };
  std::vector<StreamReceipt> streams = name_streams(*batch);
  bool wait_for_catalog = look_up_made_ids;
  bool asked_for_space = false;
  const bool asks_more = !conditions.empty() || look_up_made_ids || batch->has_given_ids();
  Heads heads;
  heads.counts.resize(batch->streams().size());
  heads.recent.resize(batch->streams().size());
  heads.found.resize(batch->streams().size());
  heads.missing.reserve(batch->streams().size());
  if (asks_more) {
    // One look at the index is to serve for all.
    const Lock lock(mutex_);
    (void)overlay_counts(*batch, heads);
  }
  for (;;) {
    if (wait_for_catalog) {
      if (auto done = reach(marks().sequenced.position, Level::kWritten, stop); !done) {
        return std::unexpected(std::move(done.error()));
      }
    }
    if (stop.stop_requested()) {
      return std::unexpected(
          Error(ErrorCode::kStopped, "stopped before the append had its place; nothing was appended"));
    }
    if (asks_more || !heads.missing.empty()) {
      if (auto done = look_up(*batch, conditions, look_up_made_ids, heads); !done) {
        return std::unexpected(std::move(done.error()));
      }
    }
    if (heads.ids_found > 0) { return answer(answer_known(*batch, heads), heads.as_of); }
    Lock lock(mutex_);
    for (;;) {
      if (failure_) { return std::unexpected(store_failed()); }
      if (closing_) { return std::unexpected(Error(ErrorCode::kClosed, "the store was closed")); }
      wait_for_catalog = uses_recent_id(*batch);
      if (wait_for_catalog || (heads.index && heads.as_of < recent_.begin()) || !overlay_counts(*batch, heads)) {
        break;
      }
      if (auto good = overlay_matches(heads, conditions); !good) { return std::unexpected(std::move(good.error())); }
      const Standing standing{batch->streams(), heads.counts, conditions, heads.matches};
      if (!all_met(standing)) {
        const Position rests_on = tail_.position;
        lock.unlock();  // what is said of it can be long
        return answer(std::unexpected(conflict(standing)), rests_on);
      }
      if (batch->empty()) { return answer(Receipt{}, tail_.position); }
      auto step = make_room(lock, *batch, room, stop);
      if (step && *step == Step::kGoOn) { step = make_space(lock, *batch, room, asked_for_space, stop); }
      if (!step) { return std::unexpected(std::move(step.error())); }
      if (*step == Step::kWaited) { continue; }
      try {
        return assign(batch, heads, level, attend, streams);
      } catch (const std::bad_alloc&) {
        // Part of the bookkeeping is done and part is not: nothing more may rest on it. In few words, that need no
        // memory.
        fail(Error(ErrorCode::kOutOfMemory, "out of memory"));
        return std::unexpected(store_failed());
      }
    }
  }
}

bool Committer::overlay_counts(const EncodedBatch& batch, Heads& heads) const {
  recent_.counts(batch.streams(), heads.recent);
  const std::size_t missing = heads.missing.size();
  for (std::uint32_t i = 0; i < heads.counts.size(); ++i) {
    if (heads.recent[i]) {
      heads.counts[i] = *heads.recent[i];
    } else if (heads.found[i]) {
      heads.counts[i] = *heads.found[i];
    } else {
      heads.missing.push_back(i);
    }
  }
  return heads.missing.size() == missing;
}

// What was sequenced since the conditions were looked at.
Status Committer::overlay_matches(Heads& heads, std::span<const Condition> conditions) {
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    const Condition& condition = conditions[i];
    if (condition.after && *condition.after >= tail_.position) {
      return std::unexpected(
          Error(ErrorCode::kInvalidArgument,
                "a condition looks after position " + std::to_string(condition.after->value()) + ", and the log's " +
                    (tail_.position == Position(0) ? "first event is still to come"
                                                   : "last event is at " + std::to_string(tail_.position.value() - 1)) +
                    ": give the last position that was read, or none"));
    }
    if (!heads.matches[i]) { heads.matches[i] = recent_.first_match(condition.keys, condition.from(), heads.as_of); }
  }
  return {};
}

Result<Committer::Step> Committer::make_room(Lock& lock, const EncodedBatch& batch, Room room,
                                             const std::stop_token& stop) {
  const std::uint64_t in_flight = tail_.offset - durable_.offset;
  if (in_flight == 0 || in_flight + batch.end_at(0) <= kInFlightBytesMax) { return Step::kGoOn; }
  if (room == Room::kBusy) {
    return std::unexpected(Error(ErrorCode::kBusy, "too much is in flight: wait for a ticket and submit again"));
  }
  const Position oldest_half = Position(durable_.position.value() + 1);
  lock.unlock();
  Status done = reach(oldest_half, Level::kDurable, stop);
  lock.lock();
  if (!done) { return std::unexpected(std::move(done.error())); }
  return Step::kWaited;
}

SegmentPlan Committer::next_segment_plan() const {
  const std::uint64_t grown =
      std::clamp(tail_segment_->size() * 2, options_.segment_bytes_first, options_.segment_bytes_largest);
  return {tail_segment_->number().next(), tail_segment_->end(), std::max(grown, next_size_)};
}

void Committer::prepare_ahead() {
  if (spare_wanted_ || !environment_.threads) { return; }
  if ((tail_.offset - tail_segment_->base()) * 4 < tail_segment_->size()) { return; }
  spare_wanted_ = true;
  spare_.want(next_segment_plan());
}

Result<Committer::Step> Committer::make_space(Lock& lock, const EncodedBatch& batch, Room room, bool& asked,
                                              const std::stop_token& stop) {
  const auto fits = [&](std::uint64_t offset, std::uint64_t size) {
    return batch.end_at(offset) + kSegmentFooterBytes <= size;
  };
  if (fits(tail_.offset - tail_segment_->base(), tail_segment_->size())) { return Step::kGoOn; }
  const std::uint64_t needed = round_up(batch.end_at(kSegmentHeaderBytes) + kSegmentFooterBytes, 4096);
  if (needed > next_segment_plan().size) { next_size_ = needed; }
  const SegmentPlan plan = next_segment_plan();
  const std::uint32_t seen = spare_ready_.load();  // before take(), so that an attempt that ends now is not missed
  SpareSegment::Answer next = spare_.take(plan);
  if (next.error && asked) {
    next_size_ = 0;
    spare_wanted_ = false;
    return std::unexpected(std::move(*next.error));
  }
  if (!next.segment) {
    // Not there yet; or an attempt made ahead has failed: this append has a right to one of its own.
    spare_.want(plan);
    spare_wanted_ = true;
    asked = true;
    if (room == Room::kBusy && environment_.threads) {
      return std::unexpected(Error(ErrorCode::kBusy, "the next segment is still being made: submit again"));
    }
    lock.unlock();
    if (environment_.threads) {
      spare_ready_.wait(seen, stop);
    } else {
      spare_.make_now();
    }
    lock.lock();
    if (stop.stop_requested()) {
      return std::unexpected(
          Error(ErrorCode::kStopped, "stopped while the next segment was being made; nothing was appended"));
    }
    return Step::kWaited;
  }
  pending_.push_back(std::make_shared<Group>());  // may throw: nothing has changed yet
  Group& group = *pending_.back();
  group.end = {Offset(plan.base.value() + kSegmentHeaderBytes), tail_.position};
  tail_segment_ = next.segment->segment;
  tail_.offset = group.end.offset;
  group.roll_to = std::move(next.segment);
  next_size_ = 0;
  spare_wanted_ = false;
  return Step::kGoOn;
}

Outcome Committer::assign(const std::shared_ptr<EncodedBatch>& batch, const Heads& heads, Level level, bool attend,
                          std::vector<StreamReceipt>& streams) {
  Outcome outcome{Receipt{}, nullptr, {}, level, next_order_.fetch_add(1)};
  std::vector<Version> first_versions;
  first_versions.reserve(batch->appended_streams());
  for (std::uint32_t i = 0; i < batch->appended_streams(); ++i) { first_versions.emplace_back(heads.counts[i]); }
  if (pending_.empty()) { pending_.push_back(std::make_shared<Group>()); }
  Group& group = *pending_.back();

  Assignment assignment;
  const std::uint64_t offset = tail_.offset - tail_segment_->base();
  assignment.place = {tail_segment_->log_id(), tail_segment_->number().value(), offset};
  assignment.first = tail_.position;
  const RecordedTime time = batch->recorded() ? *batch->recorded() : environment_.clock.now();
  assignment.recorded = std::max(time, recorded_ + std::chrono::nanoseconds(1));
  assignment.durable = durable_.offset;
  assignment.epoch = epoch_;
  assignment.previous = trailer_;
  const std::uint64_t trailer = batch->assign(assignment, first_versions);
  recent_.add(batch, assignment.first, first_versions);
  group.members.push_back({batch, tail_.offset});
  gathered_.store(group.members.size(), std::memory_order_relaxed);

  trailer_ = static_cast<std::uint32_t>(trailer);
  recorded_ = assignment.recorded;
  tail_ = {Offset(tail_segment_->base().value() + batch->end_at(offset)), tail_.position + batch->event_count()};
  group.end = tail_;
  (level == Level::kDurable ? group.wants_sync : group.has_buffered) = true;
  if (attend) {
    ++group.attending;
  } else if (!leading_) {
    if (const auto next = hand_over()) { next->word.wake_one(); }
  }
  prepare_ahead();

  auto& receipt = *outcome.answer;
  receipt.first = assignment.first;
  receipt.count = batch->event_count();
  receipt.recorded = assignment.recorded;
  for (std::size_t i = 0; i < first_versions.size(); ++i) {
    streams[i].first = first_versions[i];
    streams[i].last = first_versions[i] + (batch->streams()[i].events - 1);
  }
  receipt.streams = std::move(streams);
  outcome.group = pending_.back();
  return outcome;
}

}  // namespace tidemark::engine
