// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/format/lineage.h"
#include "engine/log/catalog.h"
#include "engine/log/index_file_maker.h"
#include "index/run_healer.h"
#include "index/tiers.h"
#include "platform/file_system.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// Builds runs of a catalog again, from the part of the log that they are about, and puts each in the place of the
// damaged one. Who asks waits meanwhile: about as long as an opening that reads that part. The new run is in memory, a
// dozen bytes for an event and twice that while it is built, until somebody makes a file of it.
//
// Errors: what reading that part of the log says, so that what is told is the log's damage and not the index's;
// kOutOfMemory.
//
// Safe from many threads; one run is built at a time. Holds its lock while it reads, and asks the catalog under it.
class IndexHealer final : public index::RunHealer {
 public:
  // The catalog must outlive it. `healed` is called after a run was replaced, under the healer's lock.
  IndexHealer(platform::FileSystem& files, std::filesystem::path folder, const Lineage& lineage, Catalog& catalog,
              std::function<void()> healed);

  [[nodiscard]] Result<std::shared_ptr<const index::Run>> heal(
      const std::shared_ptr<const index::Run>& damaged) override;
  // The same run as the log tells it, in memory; the catalog stays as it is.
  [[nodiscard]] Result<std::shared_ptr<const index::Run>> build(const index::Run& run) const;

 private:
  using RunPointer = std::shared_ptr<const index::Run>;
  struct Healed {
    std::weak_ptr<const index::Run> damaged;
    RunPointer run;
  };

  [[nodiscard]] RunPointer known(const RunPointer& damaged);

  platform::FileSystem& files_;
  const std::filesystem::path folder_;
  const Lineage lineage_;
  Catalog& catalog_;
  const std::function<void()> healed_one_;
  std::recursive_mutex mutex_;  // what a run is built from may need another one healed: always an older one
  std::vector<Healed> healed_;  // guarded by mutex_; as long as somebody has the damaged one
};

}  // namespace tidemark::engine
