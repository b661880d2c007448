// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "engine/format/layout.h"
#include "engine/format/superblock.h"
#include "tidemark/types.hpp"

namespace tidemark::engine {

// Which log a part of a store's log was written as. A fork shares its first segments with the log that it was forked
// from, and these, with their frames and footers, say so: they bear the other's log id. All of one segment bears one.
class Lineage {
 public:
  // A log of its own.
  Lineage(const FileId& own) : own_(own) {}  // NOLINT: most logs are
  // What a superblock tells; any bytes will do.
  explicit Lineage(const Superblock& superblock);
  // The same, youngest ancestor first.
  Lineage(const FileId& own, std::vector<Ancestor> ancestors) : own_(own), ancestors_(std::move(ancestors)) {}

  [[nodiscard]] const FileId& own() const { return own_; }
  // Youngest first.
  [[nodiscard]] const std::vector<Ancestor>& ancestors() const { return ancestors_; }
  // The id of the segment that begins at this log offset.
  [[nodiscard]] const FileId& log_id_at(Offset base) const;
  // Whether the log with this id is the same as this one up to there.
  [[nodiscard]] bool shares(const FileId& log_id, Offset end) const;

  // The lineage of a fork whose own segments begin at this log offset, so that all before is this log's. Nothing if it
  // has more ancestors than a superblock holds.
  [[nodiscard]] std::optional<Lineage> fork_at(Offset own_from, const FileId& own) const;
  // Puts it into a superblock.
  void put_into(Superblock& superblock) const;

 private:
  FileId own_;
  std::vector<Ancestor> ancestors_;
};

}  // namespace tidemark::engine
