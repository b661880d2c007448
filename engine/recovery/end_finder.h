// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "engine/format/superblock.h"
#include "engine/log/catalog.h"
#include "engine/log/environment.h"
#include "engine/log/index_keeper.h"
#include "engine/log/resume_point.h"
#include "engine/recovery/index_files.h"
#include "engine/recovery/plan.h"
#include "engine/recovery/scan.h"
#include "platform/file_system.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

struct FoundEnd {
  ScanFacts facts;
  Verdict verdict = Verdict::kCleanEnd;
};

// Finds where a store's log ends, with the help of its index files: the log is read from where they end. What they and
// the log tell goes into a catalog. Nothing that it finds is changed before clear_index_files(); a writer's may make
// index files of what is known to be durable.
class EndFinder {
 public:
  struct Options {
    bool read_only = false;
    bool rebuild_index = false;  // no index file is used, and all go
  };
  // The catalog, and the place for its keeper, are the store's and outlive this. The catalog must be able to heal
  // itself by now.
  EndFinder(const Environment& environment, std::filesystem::path folder, const Options& options, Catalog& catalog,
            std::unique_ptr<IndexKeeper>& keeper);

  // A writer's lock: see IndexFileMaker.
  void guard_with(platform::FileLock& lock) { lock_ = &lock; }

  // superblock: as load_superblocks gives it.
  [[nodiscard]] Result<FoundEnd> find(const Superblock& superblock);

  // For a writer, after find(), once its log is well: what is of no use goes.
  [[nodiscard]] Status clear_index_files();

  // The keeper for a log in which nothing is found, or in the place of the one before.
  void make_keeper(const FileId& log_id);

 private:
  [[nodiscard]] Status find_with_index();
  [[nodiscard]] Status bridge_islands();
  [[nodiscard]] Result<bool> read_up_to(IndexIsland& island);
  [[nodiscard]] Status scan_from(ScanOptions how);
  [[nodiscard]] Status replace_index_files();
  [[nodiscard]] Result<bool> remove_index_files();
  void remove_leftovers();

  const Environment environment_;
  const std::filesystem::path folder_;
  const Options options_;
  Catalog& catalog_;
  std::unique_ptr<IndexKeeper>& keeper_;
  platform::FileLock* lock_ = nullptr;

  Superblock superblock_{};
  FoundIndex index_;
  bool index_is_doubtful_ = false;        // there are index files, and none of them was used
  std::optional<ResumePoint> last_edge_;  // that a scan up to a position passed
  FoundEnd found_;
};

}  // namespace tidemark::engine
