// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/store/store_core.h"
#include "platform/sim/sim_file_system.h"
#include "tests/fuzz/archive.h"
#include "tidemark/tidemark.hpp"

// A store's folder in memory, and what the targets ask of the stores in it.
namespace tidemark::fuzz {

struct Twin {
  platform::SimFileSystem files;
  platform::SimClock clock;
  platform::SimMachine machine{7};
  engine::IndexPolicy index;  // of the next opening
  const std::filesystem::path folder = "/fuzz/store";

  Twin() = default;
  explicit Twin(const Archive& archive);

  [[nodiscard]] engine::Environment environment() { return {files, clock, machine, false, index}; }
  [[nodiscard]] Result<Store> open(const OpenOptions& options);
  // Every file with its bytes, but for the lock.
  [[nodiscard]] std::vector<std::pair<std::string, std::vector<std::byte>>> snapshot() const;
  [[nodiscard]] Archive archive() const;
};

[[nodiscard]] OpenOptions to_read();
// Segments of 4 to 8 KiB, so that an append of a few kilobytes rolls; any clock.
[[nodiscard]] OpenOptions to_write();

// All that a reader sees of an event, with the length before each text so that nothing can hide.
[[nodiscard]] std::string to_text(const Event& event);

// What a reader got, each event as one text, and the error that ended it.
struct Shown {
  std::vector<std::string> events;
  std::optional<Error> error;
};
[[nodiscard]] Shown show(const Store& store, const Query& query = Query::all(), const ReadOptions& options = {});

// Reads everything in every way there is, and holds the ways against each other: positions and versions are dense,
// mapped and copied, forward and backward, the whole log and its streams say the same. Gives what the log holds.
// Reading may end in damage only if may_be_damaged.
[[nodiscard]] Shown read_everything(const Store& store, bool may_be_damaged);

[[nodiscard]] bool is_prefix(const std::vector<std::string>& shorter, const std::vector<std::string>& longer);

}  // namespace tidemark::fuzz
