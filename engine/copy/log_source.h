// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "engine/format/superblock.h"
#include "engine/log/checkpoint_store.h"
#include "engine/log/log_point.h"
#include "engine/log/segment.h"

namespace tidemark::engine {

// The part of a store's log that is copied: what is durable at one moment, so that it never changes, whatever its
// writer does meanwhile.
struct LogSource {
  std::filesystem::path folder;
  Superblock superblock;  // for what the store is
  std::shared_ptr<const SegmentList> segments;
  LogPoint end;                              // an edge between frames; all below it is durable
  std::vector<CheckpointBytes> checkpoints;  // that go along
};

}  // namespace tidemark::engine
