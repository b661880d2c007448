// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/log/body_keys.h"
#include "index/memory_table.h"
#include "index/run_healer.h"
#include "index/tiers.h"
#include "tidemark/event.hpp"
#include "tidemark/types.hpp"

namespace tidemark::engine {

// What is derived from the log: which positions a stream, category, type or tag has, which a
// consumer's checkpoint, which position an id has, where a
// position stands. One thread adds, in position order; any may take a view and ask it for what was published to it.
//
//   runs, by position | closed tables, nobody adds to them | the newest table, which grows
class Catalog {
 public:
  // Runs that lie side by side from position 0 on; what comes next follows them.
  explicit Catalog(index::Tiers::Runs runs = {});
  // As if it had been made with these. Before anybody else knows it.
  void start_with(index::Tiers::Runs runs);
  // What another catalog holds, that nobody else knows, takes the place of what this one does; views that were taken
  // before keep that. Of the adding thread.
  void take(Catalog&& from);
  // From now on a run that is found damaged while a view is asked is healed. The healer must live as long as somebody
  // asks. Before anybody else knows the catalog.
  void heal_with(index::RunHealer* healer);
  [[nodiscard]] index::RunHealer* healer() const { return healer_; }

  // Adds the events of one frame, in order: each of its names is looked for once. Of the adding thread, one at a time.
  class Frame {
   public:
    // The names must live as long as this. May throw std::bad_alloc.
    Frame(Catalog& catalog, const BodyKeys& keys);
    // The event with the next position; with its version, if every event of its stream before it is in the catalog. May
    // throw std::bad_alloc; then the same event can be added again.
    void add(const EventNames& event, const EventId& id, const index::Place& place,
             std::optional<Version> version = std::nullopt);

   private:
    void forget_numbers();
    void add_name(std::size_t number, Position position);

    Catalog& catalog_;
    const BodyKeys& keys_;
    const index::MemoryTable* table_ = nullptr;  // whose numbers are known
    bool has_begun_ = false;                     // its first event was added
  };
  // Asks the processor for what add() looks at first. Of the adding thread.
  void prefetch(const index::Key& stream, const EventId& id) const {
    newest_->keys.prefetch_slot(stream);
    newest_->ids.prefetch(id);
  }
  // Begins a new table after what was added; gives the one that nobody adds to any more. Of the adding thread; may
  // throw std::bad_alloc, and then nothing has changed.
  std::shared_ptr<const index::MemoryTable> close_table();

  // Of the adding thread.
  [[nodiscard]] Position end() const { return newest_->end(); }
  [[nodiscard]] std::uint64_t newest_events() const { return newest_->places.size(); }

  // The index as it is now. Take it after the position that its answers are to go up to.
  [[nodiscard]] std::shared_ptr<const index::Tiers> view() const;

  // These two are for one thread at a time, beside the one that adds. What is replaced holds the same positions; views
  // that were taken before keep it. May throw std::bad_alloc, and then nothing has changed.
  // The oldest closed table becomes a run.
  void replace_oldest_table(std::shared_ptr<const index::Run> run);
  // Some runs, from the n-th on, become one.
  void replace_runs(std::size_t n, std::size_t count, std::shared_ptr<const index::Run> run);
  // The same for one run, by any thread; false if it is not in the catalog any more.
  bool replace_run(const std::shared_ptr<const index::Run>& old, std::shared_ptr<const index::Run> run);

 private:
  void set_view(index::Tiers::Runs runs, index::Tiers::Tables tables);

  index::RunHealer* healer_ = nullptr;
  std::shared_ptr<index::MemoryTable> newest_;  // of the adding thread
  std::vector<std::uint32_t> numbers_;  // in it, of the names of the frame that is being added: streams, then names
  mutable std::mutex mutex_;
  std::shared_ptr<const index::Tiers> view_;  // guarded by mutex_
};

}  // namespace tidemark::engine
