// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tidemark/batch.hpp"
#include "tidemark/store.hpp"
#include "tidemark/ticket.hpp"
#include "tools/command/exit_codes.h"
#include "tools/command/json_text.h"
#include "tools/command/line_reader.h"
#include "tools/command/progress.h"

namespace tidemark::command {

// Appends a file's lines, batch by batch. What it appended is durable; a batch with a bad line is not begun.
//
// With recorded times of the source a batch ends where the time changes. Many batches of a few lines are then under way
// together, so that they share the disk's time; everything else waits for all of them.
class Importer {
 public:
  // recorded_field: what says when a line was recorded, see parse_import_line; empty: the store does.
  Importer(Store& store, LineReader& lines, std::uint64_t batch_events_max, Progress::Mode progress,
           std::string recorded_field = {});

  [[nodiscard]] Outcome<void> run();

  [[nodiscard]] std::uint64_t imported() const { return imported_; }
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }
  [[nodiscard]] std::uint64_t batches() const { return batches_; }
  // The batch that failed may be there nevertheless; repeating the import finds out.
  [[nodiscard]] bool in_doubt() const { return in_doubt_; }
  void wipe_progress() { progress_.wipe(); }

 private:
  struct IdHash {
    std::size_t operator()(const EventId& id) const { return std::hash<std::string_view>()(as_text(id.bytes())); }
  };

  // A batch of which the answer is not there yet.
  struct UnderWay {
    Ticket ticket;
    std::uint64_t events = 0;
    std::uint64_t first_line = 0;
    std::uint64_t last_line = 0;
    std::vector<EventId> ids;
  };

  [[nodiscard]] Outcome<void> take_all();
  [[nodiscard]] Outcome<void> take(std::string_view text);
  [[nodiscard]] EventId name_based_id(std::string_view text);
  [[nodiscard]] Outcome<bool> skip_if_known(const ImportLine& line);
  void add(const ImportLine& line, std::size_t bytes);
  [[nodiscard]] Outcome<void> flush();
  [[nodiscard]] Outcome<void> submit();
  // Until at most so many batches are under way.
  [[nodiscard]] Outcome<void> wait_until(std::size_t batches);
  [[nodiscard]] Failure failure_of(const Error& error, std::uint64_t first_line, std::uint64_t last_line);
  [[nodiscard]] std::string where() const;

  Store& store_;
  LineReader& lines_;
  const std::uint64_t batch_events_max_;
  const std::string recorded_field_;
  Progress progress_;
  Batch batch_;
  std::size_t batch_bytes_ = 0;
  std::uint64_t batch_first_line_ = 0;
  std::uint64_t batch_last_line_ = 0;
  std::optional<RecordedTime> recorded_;                           // the highest so far, of lines
  std::optional<RecordedTime> batch_recorded_;                     // of batch_
  std::vector<EventId> batch_ids_;                                 // of batch_, with batch_recorded_
  std::deque<UnderWay> under_way_;                                 // the oldest first
  std::unordered_set<EventId, IdHash> pending_ids_;                // of batch_ and of what is under way
  std::unordered_map<EventId, std::uint64_t, IdHash> lines_seen_;  // id of a line's first occurrence -> how many
  std::uint64_t imported_ = 0;
  std::uint64_t skipped_ = 0;
  std::uint64_t batches_ = 0;
  bool in_doubt_ = false;
};

}  // namespace tidemark::command
