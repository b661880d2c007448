// SPDX-License-Identifier: Apache-2.0
#include "tools/command/importer.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <optional>
#include <utility>
#include <vector>

#include "tidemark/limits.hpp"
#include "tools/command/output.h"

namespace tidemark::command {
namespace {

// More than the log adds to an event's own bytes, and to those of one name or tag.
constexpr std::size_t kEventOverheadBytes = 128;
constexpr std::size_t kNameOverheadBytes = 16;
// Batches under way together; what they hold is bounded by the store.
constexpr std::size_t kUnderWayMax = 4096;

// Whether a text, well-formed UTF-8 as JSON is, holds a control character (U+0000 to U+001F, U+007F to U+009F).
bool holds_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if (byte < 0x20 || byte == 0x7F || (byte == 0xC2 && next <= 0x9F)) { return true; }
  }
  return false;
}

std::size_t payload_bytes(const ImportLine& line) {
  return ImportLine::text(line.data).size() + ImportLine::text(line.metadata).size();
}

// What a line breaks of what a store takes; the store would tell too, but not of which line of the batch.
std::optional<std::string> find_exceeded_limit(const ImportLine& line) {
  if (line.stream.empty() || line.stream.size() > limits::kStreamNameBytesMax) {
    return fmt::format("field \"stream\" must have 1 to {} bytes, not {}", limits::kStreamNameBytesMax,
                       line.stream.size());
  }
  if (line.type.empty() || line.type.size() > limits::kTypeBytesMax) {
    return fmt::format("field \"type\" must have 1 to {} bytes, not {}", limits::kTypeBytesMax, line.type.size());
  }
  for (const std::string& name : {line.stream, line.type}) {
    if (holds_control_character(name)) { return "a stream's name or type holds a control character"; }
  }
  if (line.tags.size() > limits::kTagsPerEventMax) {
    return fmt::format("field \"tags\" must have at most {} tags, not {}", limits::kTagsPerEventMax, line.tags.size());
  }
  for (const std::string& tag : line.tags) {
    if (tag.empty() || tag.size() > limits::kTagBytesMax) {
      return fmt::format("a tag must have 1 to {} bytes, not {}", limits::kTagBytesMax, tag.size());
    }
    if (holds_control_character(tag)) { return "a tag holds a control character"; }
  }
  if (payload_bytes(line) > limits::kEventBytesMax) {
    return fmt::format("data and metadata together must have at most {} MiB, not {} bytes",
                       limits::kEventBytesMax >> 20U, with_separators(payload_bytes(line)));
  }
  return std::nullopt;
}

std::size_t bytes_in_batch(const ImportLine& line) {
  std::size_t bytes =
      line.stream.size() + line.type.size() + payload_bytes(line) + kEventOverheadBytes + 2 * kNameOverheadBytes;
  for (const std::string& tag : line.tags) { bytes += tag.size() + kNameOverheadBytes; }
  return bytes;
}

// In what the stored event is not what the line says; nothing if it is.
std::optional<std::string_view> find_difference(const OwnedEvent& stored, const ImportLine& line) {
  if (stored.stream != line.stream) { return "stream"; }
  if (stored.type != line.type) { return "type"; }
  if (as_text(stored.data) != ImportLine::text(line.data)) { return "data"; }
  if (as_text(stored.metadata) != ImportLine::text(line.metadata)) { return "metadata"; }
  if (stored.tags != line.tags) { return "tags"; }
  const ValidTime by_default = std::chrono::floor<std::chrono::microseconds>(stored.recorded);
  if (stored.valid != line.valid.value_or(by_default)) { return "time"; }
  return std::nullopt;
}

}  // namespace

Importer::Importer(Store& store, LineReader& lines, std::uint64_t batch_events_max, Progress::Mode progress,
                   std::string recorded_field)
    : store_(store),
      lines_(lines),
      batch_events_max_(batch_events_max),
      recorded_field_(std::move(recorded_field)),
      progress_(progress, "events") {}

Outcome<void> Importer::run() {
  Outcome<void> done = take_all();
  while (!done && !under_way_.empty()) {
    // What is there of the rest counts, and an answer that nobody knows is told of.
    (void)wait_until(under_way_.size() - 1);
  }
  return done;
}

Outcome<void> Importer::take_all() {
  while (true) {
    auto line = lines_.next();
    if (!line) { return std::unexpected(std::move(line.error())); }
    if (!*line) { break; }
    if ((*line)->find_first_not_of(" \t") == std::string_view::npos) { continue; }
    if (auto taken = take(**line); !taken) { return taken; }
    progress_.update(lines_.bytes_read(), lines_.bytes_all(), imported_ + skipped_);
  }
  if (auto flushed = flush(); !flushed) { return flushed; }
  return wait_until(0);
}

Outcome<void> Importer::take(std::string_view text) {
  auto line = parse_import_line(text, recorded_field_);
  if (!line) { return bad_input(fmt::format("{}: column {}: {}", where(), line.error().column, line.error().reason)); }
  if (auto exceeded = find_exceeded_limit(*line)) { return bad_input(fmt::format("{}: {}", where(), *exceeded)); }
  if (!line->id) { line->id = name_based_id(text); }
  if (line->recorded) { recorded_ = std::max(recorded_.value_or(*line->recorded), *line->recorded); }
  const std::size_t bytes = bytes_in_batch(*line);
  const bool repeats = pending_ids_.contains(*line->id);
  if (repeats || batch_bytes_ + bytes > limits::kBatchBytesMax || recorded_ != batch_recorded_) {
    if (auto flushed = flush(); !flushed) { return flushed; }
  }
  if (repeats) {
    if (auto done = wait_until(0); !done) { return done; }
  }
  auto known = skip_if_known(*line);
  if (!known) { return std::unexpected(std::move(known.error())); }
  if (*known) { return {}; }
  add(*line, bytes);
  return batch_.event_count() >= batch_events_max_ ? flush() : Outcome<void>();
}

// The id of a line that brings none: the same for the same file whenever it is imported. Equal lines are told apart
// by counting them, which takes some 60 bytes of memory a line.
EventId Importer::name_based_id(std::string_view text) {
  std::string name(text);
  name += "\n0";
  const EventId first = EventId::from_name(name);
  const std::uint64_t ordinal = lines_seen_[first]++;
  if (ordinal == 0) { return first; }
  name.resize(text.size() + 1);
  return EventId::from_name(name + std::to_string(ordinal));
}

Outcome<bool> Importer::skip_if_known(const ImportLine& line) {
  Result<std::optional<OwnedEvent>> found = store_.event_by_id(*line.id);
  if (!found) { return failed(found.error()); }
  if (!*found) { return false; }
  if (const auto difference = find_difference(**found, line)) {
    return std::unexpected(
        Failure(ExitCode::kConflict,
                fmt::format("{}: id conflict: event {} is in the store already, at position {}, with another {}",
                            where(), to_string(*line.id), with_separators((*found)->position.value()), *difference)));
  }
  ++skipped_;
  return true;
}

void Importer::add(const ImportLine& line, std::size_t bytes) {
  if (batch_.empty()) {
    batch_first_line_ = lines_.line_number();
    batch_recorded_ = recorded_;
  }
  batch_.to(line.stream)
      .add({.type = line.type,
            .data = as_bytes(ImportLine::text(line.data)),
            .metadata = as_bytes(ImportLine::text(line.metadata)),
            .tags = std::vector<std::string_view>(line.tags.begin(), line.tags.end()),
            .valid = line.valid,
            .id = line.id});
  batch_bytes_ += bytes;
  batch_last_line_ = lines_.line_number();
  pending_ids_.insert(*line.id);
  if (recorded_) { batch_ids_.push_back(*line.id); }
}

Outcome<void> Importer::flush() {
  if (batch_.empty()) { return {}; }
  if (batch_recorded_) { return submit(); }
  Result<Receipt> receipt = store_.append(batch_, {.durability = Durability::kDurable});
  if (!receipt) { return std::unexpected(failure_of(receipt.error(), batch_first_line_, batch_last_line_)); }
  imported_ += batch_.event_count();
  ++batches_;
  batch_.clear();
  batch_bytes_ = 0;
  pending_ids_.clear();
  progress_.acknowledged(imported_ + skipped_);
  return {};
}

Outcome<void> Importer::submit() {
  Result<Ticket> ticket = store_.submit(batch_, {.durability = Durability::kDurable, .recorded = batch_recorded_});
  if (!ticket) { return std::unexpected(failure_of(ticket.error(), batch_first_line_, batch_last_line_)); }
  under_way_.push_back({.ticket = std::move(*ticket),
                        .events = batch_.event_count(),
                        .first_line = batch_first_line_,
                        .last_line = batch_last_line_,
                        .ids = std::exchange(batch_ids_, {})});
  batch_.clear();
  batch_bytes_ = 0;
  // By the half: whoever waits for the oldest leads, and what gathers meanwhile shares the next sync.
  return under_way_.size() < kUnderWayMax ? Outcome<void>() : wait_until(kUnderWayMax / 2);
}

Outcome<void> Importer::wait_until(std::size_t batches) {
  if (under_way_.size() <= batches) { return {}; }
  while (under_way_.size() > batches) {
    const UnderWay oldest = std::move(under_way_.front());
    under_way_.pop_front();
    const Result<Receipt> receipt = oldest.ticket.wait();
    for (const EventId& id : oldest.ids) { pending_ids_.erase(id); }
    if (!receipt) { return std::unexpected(failure_of(receipt.error(), oldest.first_line, oldest.last_line)); }
    imported_ += oldest.events;
    ++batches_;
  }
  progress_.acknowledged(imported_ + skipped_);
  return {};
}

Failure Importer::failure_of(const Error& error, std::uint64_t first_line, std::uint64_t last_line) {
  if (error.code() == ErrorCode::kOutcomeUnknown) { in_doubt_ = true; }
  Failure failure(error);
  failure.message = fmt::format("{}: lines {} to {}: {}", lines_.name(), first_line, last_line, failure.message);
  return failure;
}

std::string Importer::where() const { return fmt::format("{}:{}", lines_.name(), lines_.line_number()); }

}  // namespace tidemark::command
