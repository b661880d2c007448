// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <fmt/format.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "tidemark/tidemark.hpp"
#include "tools/command/json_text.h"
#include "tools/command/line_reader.h"
#include "tools/command/opening.h"
#include "tools/command/output.h"
#include "tools/command/subcommands.h"

namespace tidemark::command {
namespace {

// More than the log adds to an event's own bytes, and to those of one name or tag.
constexpr std::size_t kEventOverheadBytes = 128;
constexpr std::size_t kNameOverheadBytes = 16;

struct IdHash {
  std::size_t operator()(const EventId& id) const { return std::hash<std::string_view>()(as_text(id.bytes())); }
};

// Whether a text, well-formed UTF-8 as JSON is, holds a control character (U+0000 to U+001F, U+007F to U+009F).
bool holds_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if (byte < 0x20 || byte == 0x7F || (byte == 0xC2 && next <= 0x9F)) { return true; }
  }
  return false;
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
  if (line.data.size() + line.metadata.size() > limits::kEventBytesMax) {
    return fmt::format("data and metadata together must have at most {} MiB, not {} bytes",
                       limits::kEventBytesMax >> 20U, with_separators(line.data.size() + line.metadata.size()));
  }
  return std::nullopt;
}

std::size_t bytes_in_batch(const ImportLine& line) {
  std::size_t bytes = line.stream.size() + line.type.size() + line.data.size() + line.metadata.size() +
                      kEventOverheadBytes + 2 * kNameOverheadBytes;
  for (const std::string& tag : line.tags) { bytes += tag.size() + kNameOverheadBytes; }
  return bytes;
}

// In what the stored event is not what the line says; nothing if it is.
std::optional<std::string_view> find_difference(const OwnedEvent& stored, const ImportLine& line) {
  if (stored.stream != line.stream) { return "stream"; }
  if (stored.type != line.type) { return "type"; }
  if (as_text(stored.data) != line.data) { return "data"; }
  if (as_text(stored.metadata) != line.metadata) { return "metadata"; }
  if (stored.tags != line.tags) { return "tags"; }
  const ValidTime by_default = std::chrono::floor<std::chrono::microseconds>(stored.recorded);
  if (stored.valid != line.valid.value_or(by_default)) { return "time"; }
  return std::nullopt;
}

// Appends a file's lines, batch by batch. What it appended is durable; a batch with a bad line is not begun.
class Importer {
 public:
  Importer(Store& store, LineReader& lines, const ImportOptions& options)
      : store_(store), lines_(lines), batch_events_max_(options.batch), progress_(options.progress, "events") {}

  Outcome<void> run() {
    while (true) {
      auto line = lines_.next();
      if (!line) { return std::unexpected(std::move(line.error())); }
      if (!*line) { break; }
      if ((*line)->find_first_not_of(" \t") == std::string_view::npos) { continue; }
      if (auto taken = take(**line); !taken) { return taken; }
      progress_.update(lines_.bytes_read(), lines_.bytes_all(), imported_ + skipped_);
    }
    return flush();
  }

  [[nodiscard]] std::uint64_t imported() const { return imported_; }
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }
  [[nodiscard]] std::uint64_t batches() const { return batches_; }
  // The batch that failed may be there nevertheless; repeating the import finds out.
  [[nodiscard]] bool in_doubt() const { return in_doubt_; }
  void wipe_progress() { progress_.wipe(); }

 private:
  Outcome<void> take(std::string_view text) {
    auto line = parse_import_line(text);
    if (!line) {
      return bad_input(fmt::format("{}: column {}: {}", where(), line.error().column, line.error().reason));
    }
    if (auto exceeded = find_exceeded_limit(*line)) { return bad_input(fmt::format("{}: {}", where(), *exceeded)); }
    if (!line->id) { line->id = name_based_id(text); }
    const std::size_t bytes = bytes_in_batch(*line);
    if (pending_ids_.contains(*line->id) || batch_bytes_ + bytes > limits::kBatchBytesMax) {
      if (auto flushed = flush(); !flushed) { return flushed; }
    }
    auto known = skip_if_known(*line);
    if (!known) { return std::unexpected(std::move(known.error())); }
    if (*known) { return {}; }
    add(*line, bytes);
    return batch_.event_count() >= batch_events_max_ ? flush() : Outcome<void>();
  }

  // The id of a line that brings none: the same for the same file whenever it is imported. Equal lines are told apart
  // by counting them, which takes some 60 bytes of memory a line.
  EventId name_based_id(std::string_view text) {
    std::string name(text);
    name += "\n0";
    const EventId first = EventId::from_name(name);
    const std::uint64_t ordinal = lines_seen_[first]++;
    if (ordinal == 0) { return first; }
    name.resize(text.size() + 1);
    return EventId::from_name(name + std::to_string(ordinal));
  }

  Outcome<bool> skip_if_known(const ImportLine& line) {
    Result<std::optional<OwnedEvent>> found = store_.find(*line.id);
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

  void add(const ImportLine& line, std::size_t bytes) {
    if (batch_.empty()) { batch_first_line_ = lines_.line_number(); }
    batch_.to(line.stream)
        .add({.type = line.type,
              .data = as_bytes(line.data),
              .metadata = as_bytes(line.metadata),
              .tags = std::vector<std::string_view>(line.tags.begin(), line.tags.end()),
              .valid = line.valid,
              .id = line.id});
    batch_bytes_ += bytes;
    batch_last_line_ = lines_.line_number();
    pending_ids_.insert(*line.id);
  }

  Outcome<void> flush() {
    if (batch_.empty()) { return {}; }
    Result<Receipt> receipt = store_.append(batch_, {.durability = Durability::kDurable});
    if (!receipt) {
      in_doubt_ = receipt.error().code() == ErrorCode::kOutcomeUnknown;
      Failure failure(receipt.error());
      failure.message =
          fmt::format("{}: lines {} to {}: {}", lines_.name(), batch_first_line_, batch_last_line_, failure.message);
      return std::unexpected(std::move(failure));
    }
    imported_ += batch_.event_count();
    ++batches_;
    batch_.clear();
    batch_bytes_ = 0;
    pending_ids_.clear();
    progress_.acknowledged(imported_ + skipped_);
    return {};
  }

  [[nodiscard]] std::string where() const { return fmt::format("{}:{}", lines_.name(), lines_.line_number()); }

  Store& store_;
  LineReader& lines_;
  const std::uint64_t batch_events_max_;
  Progress progress_;
  Batch batch_;
  std::size_t batch_bytes_ = 0;
  std::uint64_t batch_first_line_ = 0;
  std::uint64_t batch_last_line_ = 0;
  std::unordered_set<EventId, IdHash> pending_ids_;                // of batch_
  std::unordered_map<EventId, std::uint64_t, IdHash> lines_seen_;  // id of a line's first occurrence -> how many
  std::uint64_t imported_ = 0;
  std::uint64_t skipped_ = 0;
  std::uint64_t batches_ = 0;
  bool in_doubt_ = false;
};

std::string summary_json(const Importer& importer, double seconds, double rate) {
  nlohmann::ordered_json json;
  json["imported"] = importer.imported();
  json["skipped"] = importer.skipped();
  json["batches"] = importer.batches();
  json["seconds"] = seconds;
  json["events_per_second"] = rate;
  return json.dump();
}

std::string summary_text(const Importer& importer, double seconds, double rate) {
  return fmt::format("{} imported in {}, {} skipped, {:.2f} s, {} a second", counted(importer.imported(), "event"),
                     with_separators(importer.batches()) + (importer.batches() == 1 ? " batch" : " batches"),
                     with_separators(importer.skipped()), seconds, counted(static_cast<std::uint64_t>(rate), "event"));
}

}  // namespace

Outcome<ExitCode> run_import(const ImportOptions& options) {
  Outcome<LineReader> lines = LineReader::open(options.file);
  if (!lines) { return std::unexpected(std::move(lines.error())); }
  Outcome<Store> store = open_to_write(options.store);
  if (!store) { return std::unexpected(std::move(store.error())); }

  const auto started = std::chrono::steady_clock::now();
  Importer importer(*store, *lines, options);
  Outcome<void> done = importer.run();
  importer.wipe_progress();
  if (!done) {
    done.error().message +=
        fmt::format("\n  {}; imported before it, and durable: {}",
                    importer.in_doubt() ? "this batch may have been imported: import again to be sure"
                                        : "nothing of this batch was imported",
                    counted(importer.imported(), "event"));
    return std::unexpected(std::move(done.error()));
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (Status closed = store->close(); !closed) { return failed(closed.error()); }

  const double rate = static_cast<double>(importer.imported()) / std::max(seconds, 1e-6);
  Output out;
  out.line(options.json ? summary_json(importer, seconds, rate) : summary_text(importer, seconds, rate));
  return out.finish(ExitCode::kWell);
}

}  // namespace tidemark::command
