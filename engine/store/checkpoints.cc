// SPDX-License-Identifier: Apache-2.0
// Of StoreCore: checkpoints, made, held against the log, stored.
#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <new>
#include <span>
#include <string>
#include <utility>

#include "engine/commit/batch_access.h"
#include "engine/format/lineage.h"
#include "engine/log/checkpoint_store.h"
#include "engine/log/frame_reader.h"
#include "engine/store/store_core.h"
#include "platform/checksum.h"
#include "platform/uuid.h"

namespace tidemark {

namespace engine {

namespace {

Error out_of_memory() { return {ErrorCode::kOutOfMemory, "out of memory"}; }

Error unknown(std::string_view why) {
  std::string message = "the checkpoint is not of this log: ";
  message += why;
  message += "; begin at a position of your choice, or build anew what was made of the other log";
  return {ErrorCode::kCheckpointUnknown, std::move(message)};
}

}  // namespace

// Of the frame that the position lies in.
Result<StoreCore::FrameProof> StoreCore::proof_at(Position position) const {
  const auto place = catalog_.view()->place(position);
  if (!place) { return std::unexpected(place.error()); }
  if (place->is_nowhere()) {
    const auto lost = lost_event(position);
    if (!lost) { return std::unexpected(lost.error()); }
    return FrameProof{.epoch = 0, .check = platform::xxh3_64(std::as_bytes(std::span((*lost)->id.bytes()))), .at = {}};
  }
  FrameReader reader(Access::kCopied);
  const auto found = reader.read(segments_.snapshot(), *place, position);
  if (!found) { return std::unexpected(found.error()); }
  return FrameProof{.epoch = found->frame->epoch,
                    .check = platform::xxh3_64(std::as_bytes(std::span(found->frame, 1))),
                    .at = Offset(place->frame)};
}

Result<Checkpoint> StoreCore::checkpoint_at(std::optional<Position> position) const {
  if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
  Checkpoint made;
  made.log_id = log_id();
  if (!position) { return made; }
  if (*position >= visible_end({.visibility = Visibility::kDurable})) {
    return std::unexpected(Error(
        ErrorCode::kInvalidArgument,
        "there is no checkpoint at position " + std::to_string(position->value()) + ": no event is durable there"));
  }
  const auto proof = proof_at(*position);
  if (!proof) { return std::unexpected(proof.error()); }
  made.position = position;
  made.epoch = proof->epoch;
  made.check = proof->check;
  return made;
}

Status StoreCore::check_checkpoint(const Checkpoint& checkpoint) const {
  if (!checkpoint.position) {
    const bool ours = lineage().shares(checkpoint.log_id, Offset());
    return ours ? Status() : std::unexpected(unknown("it is another log's"));
  }
  const Position end = visible_end({.visibility = Visibility::kDurable});
  if (*checkpoint.position >= end) {
    if (auto damage = this->damage()) { return std::unexpected(std::move(*damage)); }
    if (checkpoint.log_id != log_id()) { return std::unexpected(unknown("it is another log's")); }
    return std::unexpected(unknown("it is at position " + std::to_string(checkpoint.position->value()) +
                                   ", and no event is known to be durable there: was the store put back to an older "
                                   "copy? (After a crash a writer's opening may know more than a read-only one)"));
  }
  const auto proof = proof_at(*checkpoint.position);
  if (!proof) { return std::unexpected(proof.error()); }
  if (!lineage().shares(checkpoint.log_id, proof->at)) { return std::unexpected(unknown("it is another log's")); }
  if (proof->epoch != checkpoint.epoch || proof->check != checkpoint.check) {
    return std::unexpected(unknown("another event stands at its position " +
                                   std::to_string(checkpoint.position->value()) +
                                   ": was the store put back to an older copy?"));
  }
  return {};
}

Status StoreCore::check_checkpoints(const Batch& batch) const {
  for (const auto& one : BatchAccess::checkpoints(batch)) {
    const Checkpoint& checkpoint = one.checkpoint;
    if (checkpoint.log_id == log_id()) {
      if (auto good = check_checkpoint(checkpoint); !good) { return good; }
    } else if (checkpoint.log_id == FileId{} && checkpoint.position &&
               *checkpoint.position >= committer_->marks().sequenced.position) {
      return std::unexpected(Error(ErrorCode::kInvalidArgument,
                                   "the checkpoint \"" + one.name + "\" is at position " +
                                       std::to_string(checkpoint.position->value()) +
                                       ", where there is no event in this store: one of another store goes with its "
                                       "log's id, as Subscription::checkpoint() gives it"));
    }
  }
  return {};
}

// What this process appended counts from the moment at which it has its place, since who asks may have appended it.
Result<std::optional<Position>> StoreCore::find_checkpoint_in_log(std::string_view name, Failed failed) const {
  const auto reach = [&](Position end, Level level) {
    auto reached = committer_->reach(end, level, {});
    return failed == Failed::kIsLeftOut && committer_->failed() ? Status() : reached;
  };
  if (committer_) {
    if (auto done = reach(committer_->marks().sequenced.position, Level::kWritten); !done) {
      return std::unexpected(std::move(done.error()));
    }
  }
  const auto last_of = [&](Position end) -> Result<std::optional<Position>> {
    const auto index = catalog_.view();
    const auto found = index->postings(index::make_key(index::KeyKind::kCheckpoint, name), end);
    if (!found) { return std::unexpected(found.error()); }
    if (found->count() == 0) { return std::nullopt; }
    Position last;
    const auto got = found->positions(found->count() - 1, std::span(&last, 1));
    if (!got) { return std::unexpected(got.error()); }
    if (*got == 0) {
      return std::unexpected(Error(ErrorCode::kDamaged, "the index tells of a checkpoint and not where it is"));
    }
    return last;
  };
  const auto durable = [&] { return visible_end({.visibility = Visibility::kDurable}); };
  if (!committer_) { return last_of(durable()); }
  auto last = last_of(committer_->written());
  if (!last || !*last || **last < durable()) { return last; }
  if (auto done = reach((*last)->next(), Level::kDurable); !done) { return std::unexpected(std::move(done.error())); }
  return last_of(durable());
}

// What a batch stored as the checkpoint of this name.
Result<Checkpoint> StoreCore::read_logged_checkpoint(std::string_view name, Position batch) const {
  const auto place = catalog_.view()->place(batch);
  if (!place) { return std::unexpected(place.error()); }
  FrameReader reader(Access::kCopied);
  const auto found = reader.read(segments_.snapshot(), *place, batch);
  if (!found) { return std::unexpected(found.error()); }
  const BodyView& body = *found->body;
  for (std::uint32_t i = 0; i < body.checkpoint_count(); ++i) {
    if (body.checkpoint_name(i) != name) { continue; }
    Checkpoint stored = body.checkpoint(i);
    if (stored.log_id != FileId{} || !stored.position || *stored.position < batch) { return stored; }
    return std::unexpected(Error(ErrorCode::kDamaged, "a checkpoint in a batch is at no position before it"));
  }
  return std::unexpected(Error(ErrorCode::kDamaged, "the index tells of a checkpoint that its batch does not hold"));
}

Result<std::optional<LiveSource::LoggedCheckpoint>> StoreCore::logged_checkpoint(
    std::string_view name, const std::optional<LoggedCheckpoint>& known) const {
  const auto at = find_checkpoint_in_log(name, Failed::kIsTold);
  if (!at) { return std::unexpected(at.error()); }
  if (!*at) { return std::nullopt; }
  if (known && known->batch.position == *at) { return known; }
  auto stored = read_logged_checkpoint(name, **at);
  if (!stored) { return std::unexpected(std::move(stored.error())); }
  auto batch = checkpoint_at(*at);
  if (!batch) { return std::unexpected(std::move(batch.error())); }
  return LoggedCheckpoint{*batch, *stored};
}

Result<std::optional<Checkpoint>> StoreCore::newest_checkpoint(std::string_view name,
                                                               const std::optional<StoredCheckpoint>& alone) const {
  const auto batch = find_checkpoint_in_log(name, Failed::kIsLeftOut);
  if (!batch) { return std::unexpected(batch.error()); }
  // A batch behind the damage may have stored a later one.
  if (*batch || !alone || alone->behind) {
    if (auto damage = this->damage()) { return std::unexpected(std::move(*damage)); }
  }
  const auto by_batch = [&]() -> Result<std::optional<Checkpoint>> {
    if (!*batch) { return std::nullopt; }
    auto stored = read_logged_checkpoint(name, **batch);
    // Of this log: where its batch stands is proof enough.
    if (stored && stored->log_id == FileId{}) { stored = checkpoint_at(stored->position); }
    if (!stored) { return std::unexpected(std::move(stored.error())); }
    return *stored;
  };
  if (!alone || (*batch && (!alone->behind || alone->behind->position < **batch))) { return by_batch(); }
  if (!alone->behind) { return alone->checkpoint; }
  // The batch that it is newer than must be there: else the store was put back to an older copy, and what the consumer
  // had appended up to then is not there either. What is there of it tells how far it was. But a reader may only not
  // see it yet.
  auto known = check_checkpoint(*alone->behind);
  if (known) { return alone->checkpoint; }
  const bool is_put_back = known.error().code() == ErrorCode::kCheckpointUnknown &&
                           (committer_ || *alone->behind->position < visible_end({.visibility = Visibility::kDurable}));
  return is_put_back && *batch ? by_batch() : std::unexpected(std::move(known.error()));
}

Result<StoreCore::OpenedCheckpoint> StoreCore::open_checkpoint(std::string_view name) const {
  auto file = CheckpointFile::open(environment_.files, folder_, name);
  if (!file) { return std::unexpected(std::move(file.error())); }
  auto newest = newest_checkpoint(name, (*file)->stored());
  if (!newest) { return std::unexpected(std::move(newest.error())); }
  if (*newest) {
    if (auto good = check_checkpoint(**newest); !good) { return std::unexpected(std::move(good.error())); }
  }
  return OpenedCheckpoint{std::move(*file), *newest};
}

Result<std::optional<Checkpoint>> StoreCore::checkpoint(std::string_view name) const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    const auto alone = read_checkpoint(environment_.files, folder_, name);
    if (!alone) { return std::unexpected(alone.error()); }
    return newest_checkpoint(name, *alone);
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Result<std::vector<NamedCheckpoint>> StoreCore::checkpoints() const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    auto stored = list_checkpoints(environment_.files, folder_);
    if (!stored) { return std::unexpected(std::move(stored.error())); }
    std::map<std::string, std::optional<StoredCheckpoint>> names;
    for (auto& one : *stored) { names.insert_or_assign(one.name, one); }
    const auto logged =
        catalog_.view()->list(index::KeyKind::kCheckpoint, {}, visible_end({.visibility = Visibility::kWritten}));
    if (!logged) { return std::unexpected(logged.error()); }
    for (const auto& one : *logged) {
      if (names.contains(one.name)) { continue; }
      // There may be a file that could not be read: then nobody knows which is newer.
      if (const auto alone = read_checkpoint(environment_.files, folder_, one.name)) {
        names.emplace(one.name, *alone);
      }
    }
    std::vector<NamedCheckpoint> all;
    for (const auto& [name, alone] : names) {
      auto newest = newest_checkpoint(name, alone);
      // One that this log does not know is stored all the same.
      if (!newest && newest.error().code() == ErrorCode::kCheckpointUnknown && alone) { newest = alone->checkpoint; }
      if (newest && *newest) { all.push_back({name, **newest}); }
    }
    return all;
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Result<bool> StoreCore::remove_checkpoint(std::string_view name) const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    return CheckpointFile::forget(environment_.files, folder_, name, [&]() -> Result<std::optional<Checkpoint>> {
      const auto batch = find_checkpoint_in_log(name, Failed::kIsTold);
      if (!batch) { return std::unexpected(batch.error()); }
      if (!*batch) { return std::nullopt; }
      auto proof = checkpoint_at(*batch);
      if (!proof) { return std::unexpected(std::move(proof.error())); }
      return *proof;
    });
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

}  // namespace engine

namespace {

constexpr std::string_view kTextBegin = "tidemark-1:";
constexpr std::size_t kIdDigits = 32;

void add_hex(std::string& text, std::uint64_t number, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    text += "0123456789abcdef"[number >> static_cast<unsigned>(shift) & 15U];
  }
}

// The part of the text before the next colon, or all that is left; the text goes on behind it.
std::string_view take_part(std::string_view& text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view part = text.substr(0, colon);
  text.remove_prefix(std::min(colon + 1, text.size()));
  return part;
}

template <class Number>
bool read_number(std::string_view text, Number& into, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into, base);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string to_string(const Checkpoint& checkpoint) {
  std::string text(kTextBegin);
  for (const std::byte b : checkpoint.log_id) { add_hex(text, std::to_integer<std::uint64_t>(b), 2); }
  text += ':';
  text += checkpoint.position ? std::to_string(checkpoint.position->value()) : "-";
  text += ':';
  text += std::to_string(checkpoint.epoch);
  text += ':';
  add_hex(text, checkpoint.check, 16);
  return text;
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
  const auto whole = text;
  const auto refused = [] {
    return std::unexpected(Error(ErrorCode::kInvalidArgument,
                                 "this is no checkpoint: one reads tidemark-1:<log id>:<position>:<epoch>:<check>, as "
                                 "to_string() gives it"));
  };
  if (!text.starts_with(kTextBegin)) { return refused(); }
  text.remove_prefix(kTextBegin.size());
  const std::string_view id = take_part(text);
  if (id.size() != kIdDigits) { return refused(); }
  Checkpoint checkpoint;
  for (std::size_t i = 0; i < checkpoint.log_id.size(); ++i) {
    std::uint8_t byte = 0;
    if (!read_number(id.substr(2 * i, 2), byte, 16)) { return refused(); }
    checkpoint.log_id[i] = std::byte{byte};
  }
  const std::string_view position = take_part(text);
  if (position != "-") {
    std::uint64_t number = 0;
    if (!read_number(position, number, 10)) { return refused(); }
    checkpoint.position = Position(number);
  }
  if (!read_number(take_part(text), checkpoint.epoch, 10) || !read_number(take_part(text), checkpoint.check, 16)) {
    return refused();
  }
  // One checkpoint has one text.
  if (to_string(checkpoint) != whole) { return refused(); }
  return checkpoint;
}

}  // namespace tidemark
