// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "engine/log/catalog.h"
#include "engine/log/environment.h"
#include "engine/log/index_file_maker.h"
#include "engine/log/index_note.h"
#include "engine/log/index_policy.h"
#include "engine/log/resume_point.h"
#include "index/memory_table.h"
#include "index/run_source.h"
#include "tidemark/error.hpp"
#include "tidemark/types.hpp"

namespace tidemark::engine {

// Moves what is known of the log out of the memory, into index files: writes the closed tables of a catalog as runs,
// and merges runs into larger ones, so that there are few of them. One of all of its own threads does this, beside
// those who append and read. No answer changes by it.
//
// A table is written once the log is durable up to its end, so that no index file is ever ahead of the log. If a file
// cannot be written, the run stays in memory, a third of what the table took, and is saved when the next table is due,
// or at the end; if there is no memory for that either, the table stays. The store never fails because of its index.
//
// A crash leaves whole files, temporary ones, and files beside the one that they were merged into (find_index).
class IndexKeeper {
 public:
  struct Options {
    bool files = true;                 // otherwise all runs stay in memory: nothing in the folder is touched
    bool merge_found = true;           // otherwise the runs that the catalog begins with are not merged before start()
    std::uint32_t trailer_before = 0;  // of the last frame that the catalog's runs are about, as in IndexNote
  };
  // The catalog must outlive it. Runs that the catalog begins with are those of find_index.
  IndexKeeper(const Environment& environment, const std::filesystem::path& folder, const FileId& log_id,
              Catalog& catalog, const Options& options);
  ~IndexKeeper();
  IndexKeeper(const IndexKeeper&) = delete;
  IndexKeeper& operator=(const IndexKeeper&) = delete;

  // Before start() and work(): see IndexFileMaker.
  void guard_with(platform::FileLock& lock) { maker_.guard_with(lock); }
  // Before start(): from now on runs are files, those that are in memory alone soon, too.
  void keep_files();
  // Starts the thread, if the environment has threads. It looks for runs to merge at once.
  void start();

  // For the thread that adds to the catalog: closes its newest table, with at least one event, at the edge of the log
  // at its end. Does no I/O. False without memory for it: then the table goes on growing.
  bool close_table(const ResumePoint& at_end);
  // By any thread: the log is durable below this log offset.
  void durable(Offset end);
  // By any thread: a run of the catalog was healed, and is in memory alone.
  void healed();

  // Without a thread: does what is due. By one thread at a time.
  void work();
  // Ends the thread; a merge that is under way is dropped. With clean, the closed tables that are durable and runs that
  // were not saved are written now, and small runs merged. Once.
  void finish(bool clean);

  // What went wrong last, if anything did.
  [[nodiscard]] Status last_error() const;
  struct Counters {
    std::uint64_t tables_written = 0;
    std::uint64_t tables_kept_in_memory = 0;  // as runs without a file
    std::uint64_t saved_later = 0;            // of those
    std::uint64_t merges = 0;
    std::uint64_t failures = 0;
    std::uint64_t bytes_written = 0;  // of finished files
  };
  [[nodiscard]] Counters counters() const;

 private:
  struct Closed {
    std::shared_ptr<const index::MemoryTable> table;
    IndexNote note;
  };
  struct Group {
    std::size_t first;
    std::size_t count;
  };

  void run(const std::stop_token& stop);
  [[nodiscard]] std::optional<Closed> oldest_due() const;
  [[nodiscard]] bool replace_table(const Closed& closed, bool also_in_memory);
  [[nodiscard]] bool save_unsaved();
  void merge();
  // As long as it is of no more than these events in all.
  void merge_some(std::uint64_t events);
  [[nodiscard]] std::optional<Group> due_group(const index::Tiers::Runs& runs, std::uint64_t events_max) const;
  [[nodiscard]] unsigned level_of(const index::Run& run) const;
  enum class Merging : std::uint8_t { kInTheBackground, kAtTheEnd, kOneAlone };
  enum class Replaced : std::uint8_t { kDone, kHealed, kFailed };  // kHealed: one of them was, look again
  [[nodiscard]] Replaced replace_runs(const index::Tiers::Runs& all, const Group& group, Merging how);
  [[nodiscard]] bool heal(const index::Tiers::Runs& inputs, const Error& error);
  [[nodiscard]] Result<std::shared_ptr<const index::Run>> make(index::RunSource& source, const IndexNote& note) const;
  [[nodiscard]] Result<std::shared_ptr<const index::Run>> write_runs(const index::Tiers::Runs& inputs, bool may_stop);
  void remove_superseded();
  bool failed(Error error);
  template <class Work>
  bool attempt(Work work);

  const IndexPolicy policy_;
  const bool threads_;
  bool files_;
  Catalog& catalog_;
  IndexFileMaker maker_;

  std::uint32_t trailer_before_;  // the newest table; of the thread that adds to the catalog

  // Of the thread that works.
  std::vector<std::filesystem::path> superseded_;  // files that are merged into others and not removed yet
  Position merge_from_;                            // runs below are not merged

  std::atomic<bool> stopping_ = false;  // relaxed: it orders nothing, the thread is joined
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Closed> closed_;  // oldest first; guarded by mutex_, like all below
  Offset durable_;
  bool wanted_ = false;  // the thread has something to look at
  bool healed_ = false;  // since it looked
  std::optional<Error> last_error_;
  Counters counters_;
  std::jthread thread_;  // last, so that it ends before what it uses
};

}  // namespace tidemark::engine
