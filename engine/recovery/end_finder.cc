// SPDX-License-Identifier: Apache-2.0
#include "engine/recovery/end_finder.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "engine/format/index_file.h"
#include "engine/recovery/catalog_builder.h"

namespace tidemark::engine {

namespace {

Offset end_of(const FoundIndex& index) {
  Offset end = index.end ? index.end->point.offset : Offset(0);
  for (const IndexIsland& island : index.islands) { end = std::max(end, island.end.point.offset); }
  return end;
}

}  // namespace

EndFinder::EndFinder(const Environment& environment, std::filesystem::path folder, const Options& options,
                     Catalog& catalog, std::unique_ptr<IndexKeeper>& keeper)
    : environment_(environment), folder_(std::move(folder)), options_(options), catalog_(catalog), keeper_(keeper) {}

Result<FoundEnd> EndFinder::find(const Superblock& superblock) {
  superblock_ = superblock;
  if (auto done = find_with_index(); !done) { return std::unexpected(std::move(done.error())); }
  return std::move(found_);
}

// From where the index files end, if there are any.
Status EndFinder::find_with_index() {
  if (!environment_.index.files) { return scan_from({}); }
  auto found = find_index(environment_.files, folder_, Lineage(superblock_));
  if (!found) { return std::unexpected(std::move(found.error())); }
  index_ = std::move(*found);
  index_is_doubtful_ = options_.rebuild_index;
  // Nothing is indexed before it is durable. This stands whatever becomes of the files.
  const Offset proven = end_of(index_);
  if (options_.rebuild_index) {
    index_ = {};
    return scan_from({.durable = proven});
  }
  if (auto done = bridge_islands(); !done) { return done; }
  if (auto done = scan_from({.start = index_.end, .durable = proven}); !done || !index_.end) { return done; }
  if (found_.verdict != Verdict::kDamaged && found_.verdict != Verdict::kSuspect) { return {}; }
  // Either the log is not well, or the index is not this log's: the whole log tells. No file is removed before that
  // is known, and none is made that would stand beside them.
  index_ = {};
  index_is_doubtful_ = true;
  return scan_from({.durable = proven});
}

// A file that is lost or damaged costs the part of the log that it was about: that is read, and what is known of the
// log behind it is of use again.
Status EndFinder::bridge_islands() {
  std::vector<IndexIsland> islands = std::exchange(index_.islands, {});
  bool goes_on = true;
  for (IndexIsland& island : islands) {
    if (goes_on) {
      auto reached = read_up_to(island);
      if (!reached) { return std::unexpected(std::move(reached.error())); }
      goes_on = *reached;
    }
    if (!goes_on) {
      for (const auto& run : island.runs) { index_.leftovers.push_back(run->path()); }
    }
  }
  return {};
}

// Whether the log leads up to the island, and all before it is in runs.
Result<bool> EndFinder::read_up_to(IndexIsland& island) {
  const Position first = island.runs.front()->first();
  if (auto done = scan_from({.start = index_.end, .until = first}); !done) {
    return std::unexpected(std::move(done.error()));
  }
  const bool fits =
      last_edge_ && last_edge_->point.position == first && last_edge_->totals.last_trailer == island.trailer_before;
  if (!fits) { return false; }
  if (catalog_.newest_events() > 0 && !keeper_->close_table(*last_edge_)) { return false; }
  keeper_->durable(last_edge_->point.offset);  // for the island goes on from there, and was durable
  keeper_->work();
  const auto view = catalog_.view();
  if (view->tables().size() > 1) { return false; }  // for want of memory
  index_.runs = view->runs();
  index_.runs.insert(index_.runs.end(), island.runs.begin(), island.runs.end());
  index_.end = island.end;
  return true;
}

// Tables that are full become runs as the scan goes on. A writer makes files of them, up to what is known to be
// durable: then the scan's memory does not depend on how much of the log it reads.
Status EndFinder::scan_from(ScanOptions how) {
  catalog_.start_with(index_.runs);
  IndexKeeper* keeper = nullptr;
  if (environment_.index.files) {
    make_keeper(superblock_.log_id);
    keeper = keeper_.get();
  }
  // A few events behind the index are a writer's last ones; a part of the log that lost its files is read with care.
  const bool is_tail = how.start && !how.until;
  CatalogBuilder builder(catalog_, keeper, environment_.index.table_events,
                         is_tail ? CatalogBuilder::Trust::kFrames : CatalogBuilder::Trust::kNothing);
  if (superblock_.write_limit > 0) { how.write_limit = Offset(superblock_.write_limit); }
  last_edge_.reset();
  how.passed = [&](const ResumePoint& edge, Offset durable) {
    builder.pass(edge, durable);
    if (how.until) { last_edge_ = edge; }
  };
  auto facts = scan_log(environment_.files, folder_, superblock_, std::ref(builder), how);
  if (!facts) { return std::unexpected(std::move(facts.error())); }
  if (auto done = builder.status(); !done) { return done; }
  found_.verdict = judge(facts->tail);
  found_.facts = std::move(*facts);
  return {};
}

Status EndFinder::clear_index_files() {
  if (index_is_doubtful_) {
    if (auto done = replace_index_files(); !done) { return done; }
  }
  remove_leftovers();
  return {};
}

// They are of no use; what cannot be removed the next opening tries again. But one of them may have been made anew.
void EndFinder::remove_leftovers() {
  const auto view = catalog_.view();
  for (const auto& path : index_.leftovers) {
    const bool is_used = std::ranges::any_of(view->runs(), [&](const auto& run) { return run->path() == path; });
    if (!is_used) { (void)environment_.files.unlink(path); }
  }
}

// The log is well, and the index files are another log's or not wanted. All go before the first of the new ones
// comes.
Status EndFinder::replace_index_files() {
  auto all_gone = remove_index_files();
  if (!all_gone) { return std::unexpected(std::move(all_gone.error())); }
  if (*all_gone) {
    keeper_->keep_files();
  } else if (options_.rebuild_index) {
    return std::unexpected(
        Error(ErrorCode::kIo, "an index file cannot be removed: see to the folder's permissions").with_path(folder_));
  }
  return {};
}

// Whether there are none any more.
Result<bool> EndFinder::remove_index_files() {
  auto entries = environment_.files.list(folder_);
  if (!entries) { return std::unexpected(std::move(entries.error())); }
  bool all_gone = true;
  for (const auto& entry : *entries) {
    if (!parse_index_file_name(entry.name) && !is_temporary_index_file_name(entry.name)) { continue; }
    auto gone = environment_.files.unlink(folder_ / entry.name);
    all_gone = all_gone && (gone || gone.error().code() == ErrorCode::kNotFound);
  }
  return all_gone;
}

void EndFinder::make_keeper(const FileId& log_id) {
  keeper_ = std::make_unique<IndexKeeper>(
      environment_, folder_, log_id, catalog_,
      IndexKeeper::Options{.files = !options_.read_only && !index_is_doubtful_,
                           .merge_found = false,
                           .trailer_before = index_.end ? index_.end->totals.last_trailer : 0});
  if (lock_ != nullptr) { keeper_->guard_with(*lock_); }
}

}  // namespace tidemark::engine
