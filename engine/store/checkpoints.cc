// SPDX-License-Identifier: Apache-2.0
// Of StoreCore: checkpoints, made, held against the log, stored.
#include <algorithm>
#include <array>
#include <charconv>
#include <new>
#include <string>
#include <utility>

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

Result<std::unique_ptr<CheckpointFile>> StoreCore::open_checkpoint(std::string_view name) const {
  auto file = CheckpointFile::open(environment_.files, folder_, name);
  if (!file || !(*file)->stored()) { return file; }
  if (auto good = check_checkpoint(*(*file)->stored()); !good) { return std::unexpected(std::move(good.error())); }
  return file;
}

Result<std::vector<NamedCheckpoint>> StoreCore::checkpoints() const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    auto stored = list_checkpoints(environment_.files, folder_);
    if (!stored) { return std::unexpected(std::move(stored.error())); }
    std::vector<NamedCheckpoint> all;
    for (auto& one : *stored) { all.push_back({std::move(one.name), one.checkpoint}); }
    return all;
  } catch (const std::bad_alloc&) { return std::unexpected(out_of_memory()); }
}

Result<bool> StoreCore::remove_checkpoint(std::string_view name) const {
  try {
    if (auto open = check_open(); !open) { return std::unexpected(std::move(open.error())); }
    return engine::remove_checkpoint(environment_.files, folder_, name);
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
