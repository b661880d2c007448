// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/log/catalog.h"
#include "engine/log/index_keeper.h"
#include "engine/recovery/scan.h"
#include "tidemark/error.hpp"
#include "tidemark/event.hpp"
#include "tidemark/types.hpp"

namespace tidemark::engine {

// Puts what a scan reads into a catalog, and closes its tables when they are full. Of the thread that scans.
class CatalogBuilder {
 public:
  // Whether a frame's versions go on where their streams ended is asked of all that is known before it, or of what the
  // scan itself has read: then a stream that begins there is taken to begin right, and its reader finds out if not.
  enum class Trust : std::uint8_t { kNothing, kFrames };
  // Without a keeper there is one table for all.
  CatalogBuilder(Catalog& catalog, IndexKeeper* keeper, std::uint64_t table_events, Trust trust)
      : catalog_(catalog), keeper_(keeper), table_events_(table_events), trust_(trust) {}

  // The scan's visitor: adds none of a frame's events unless all are right.
  bool operator()(const ScannedFrame& frame);
  // Told of the edge behind each frame that was added.
  void pass(const ResumePoint& edge, Offset durable);

  // What kept it from looking at the last frame, if it was not that frame.
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  struct Event {
    Version version;
    std::uint32_t stream;
    std::uint32_t type;
    std::size_t first_tag;
    std::size_t tags;
    std::uint32_t offset;
    EventId id;
  };
  static constexpr std::size_t kTablesLeft = 4;

  [[nodiscard]] bool are_next_versions();

  Catalog& catalog_;
  IndexKeeper* const keeper_;
  const std::uint64_t table_events_;
  const Trust trust_;
  Status status_;
  std::vector<Event> events_;
  std::vector<std::uint32_t> tags_;
  std::vector<const index::Key*> streams_;
  std::vector<std::uint64_t> before_;  // how many events they have
  std::vector<std::optional<std::uint64_t>> in_tables_;
  std::vector<std::uint64_t> next_versions_;
};

}  // namespace tidemark::engine
