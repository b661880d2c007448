// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/follow/tail_reader.h"
#include "engine/format/superblock.h"
#include "engine/log/catalog.h"
#include "engine/log/environment.h"
#include "engine/log/live_page_file.h"
#include "engine/log/segment.h"
#include "engine/recovery/index_files.h"
#include "engine/recovery/scan.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// Keeps a read-only opening up with what writers in other processes make durable. It has no thread: whoever reads, or
// waits at the end, looks how far the log is durable by now, and takes in what came.
//
// How far that is the live page tells, by a word that the waiting sleep on. Where there is no page, or not of the
// writer that is there, the superblocks and the log itself are looked at from time to time. A writer that dies leaves
// all as it is; the next one is noticed by the same signs.
//
// What came is put into tables in memory, until index files lead far enough to take their place. Never writes. Safe
// from many threads.
class Follower {
 public:
  // The catalog and the segments are the opening's, which nobody else adds to, and outlive this.
  Follower(const Environment& environment, std::filesystem::path folder, const Superblock& superblock, Catalog& catalog,
           Segments& segments);

  // Goes on from what the opening shows, an edge of the log that the catalog goes up to at least. kDamaged, kIo,
  // kOutOfMemory. Before anybody reads.
  [[nodiscard]] Status start(const ScanFacts& facts, LogPoint shown);

  // What may be seen by now.
  [[nodiscard]] Position end_position();
  [[nodiscard]] LogPoint end();
  // Why it does not go on there, although the log does.
  [[nodiscard]] std::optional<Error> damage() const;
  // Why what came last could not be read. The next look tries again.
  [[nodiscard]] Status trouble() const;
  // How many times the log was opened for writing, as far as is known.
  [[nodiscard]] std::uint32_t epoch() const { return epoch_.load(std::memory_order_acquire); }

  // A number that changes when there may be more to see.
  [[nodiscard]] std::uint32_t moves() const;
  // Sleeps while it is still `seen`. May return early for no reason.
  void wait(std::uint32_t seen, const std::stop_token& stop, std::optional<platform::SteadyTime> until);
  // Wakes all who sleep, now and from now on.
  void interrupt() { ending_.request_stop(); }

 private:
  void look();
  [[nodiscard]] bool is_due(platform::SteadyTime now) const;
  void set_next_look(platform::SteadyTime now);
  [[nodiscard]] bool look_at_page();
  void look_at_store();
  void look_at_log();
  void open_page();
  void take_in();
  [[nodiscard]] Status mend_catalog();
  void use_files();
  [[nodiscard]] Result<ResumePoint> build_catalog(index::Tiers::Runs runs, Position until);
  void publish();
  void set_damage(Error error);

  const Environment environment_;
  const std::filesystem::path folder_;
  const FileId boot_id_;
  Superblock superblock_;  // guarded by mutex_ once started
  Catalog& catalog_;
  Segments& segments_;
  std::stop_source ending_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::optional<TailReader> tail_;
  Offset durable_;          // the log is known to be durable up to here
  Offset log_end_;          // when it was opened: whole frames stood up to here
  std::size_t tables_ = 0;  // in the catalog, when index files were looked for last and of no use
  std::vector<std::unique_ptr<LivePageReader>> pages_;  // the last one is in use; others may still be slept on
  std::optional<Error> damage_;
  Status trouble_;

  // Read without the lock.
  std::atomic<const LivePageReader*> page_ = nullptr;
  std::atomic<std::uint32_t> seen_;  // page_->moves() when its mark was read last
  std::atomic<std::chrono::milliseconds> look_every_{};
  std::atomic<std::int64_t> next_look_ns_ = 0;  // of the steady clock: when the store is to be looked at again
  std::atomic<std::uint64_t> end_position_ = 0;
  std::atomic<bool> is_behind_ = false;  // something kept it from taking in all that is durable
  std::atomic<std::uint32_t> epoch_;
  std::atomic<bool> is_damaged_ = false;  // mirrors damage_
  std::atomic<bool> is_troubled_ = false;
};

}  // namespace tidemark::engine
