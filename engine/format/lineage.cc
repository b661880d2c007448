// SPDX-License-Identifier: Apache-2.0
#include "engine/format/lineage.h"

#include <algorithm>

namespace tidemark::engine {

Lineage::Lineage(const Superblock& superblock) : own_(superblock.log_id) {
  if (superblock.parent_log_id == FileId{}) { return; }
  ancestors_.push_back({superblock.parent_log_id, superblock.parent_end});
  for (const Ancestor& older : superblock.older) {
    if (older.log_id == FileId{}) { break; }
    ancestors_.push_back(older);
  }
}

const FileId& Lineage::log_id_at(Offset base) const {
  const FileId* found = &own_;
  for (const Ancestor& ancestor : ancestors_) {
    if (base < Offset(ancestor.end)) { found = &ancestor.log_id; }
  }
  return *found;
}

bool Lineage::shares(const FileId& log_id, Offset end) const {
  return log_id == own_ || std::ranges::any_of(ancestors_, [&](const Ancestor& ancestor) {
           return ancestor.log_id == log_id && end <= Offset(ancestor.end);
         });
}

std::optional<Lineage> Lineage::fork_at(Offset own_from, const FileId& own) const {
  std::vector<Ancestor> ancestors{{own_, own_from.value()}};
  for (const Ancestor& older : ancestors_) {
    const std::uint64_t end = std::min(older.end, own_from.value());
    // One of which no segment is left is of no use, unless it is the parent.
    if (ancestors.size() > 1 && ancestors.back().end == end) { ancestors.pop_back(); }
    if (end > 0) { ancestors.push_back({older.log_id, end}); }
  }
  if (ancestors.size() > 1 + Superblock{}.older.size()) { return std::nullopt; }
  return Lineage(own, std::move(ancestors));
}

void Lineage::put_into(Superblock& superblock) const {
  superblock.log_id = own_;
  superblock.parent_log_id = ancestors_.empty() ? FileId{} : ancestors_.front().log_id;
  superblock.parent_end = ancestors_.empty() ? 0 : ancestors_.front().end;
  superblock.older = {};
  for (std::size_t i = 1; i < ancestors_.size() && i <= superblock.older.size(); ++i) {
    superblock.older[i - 1] = ancestors_[i];
  }
}

}  // namespace tidemark::engine
