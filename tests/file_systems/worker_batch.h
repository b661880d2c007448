// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tidemark/tidemark.hpp"

// What the workers of these tests append: everything in a batch follows from the worker's thread and the batch's number
// there, so that whoever finds an event can tell whether it is as it was appended, and which others belong to it.
namespace tidemark::file_systems {

struct WorkerEvent {
  std::string stream;
  std::string data;  // "<thread>/<number>/<index>/<count>/" and filling
};

[[nodiscard]] std::vector<WorkerEvent> worker_events(std::uint64_t thread, std::uint64_t number);

// What an append said.
struct Acknowledged {
  std::uint64_t flushes = 0;  // that the disk had counted when it was said
  std::uint64_t thread = 0;
  std::uint64_t number = 0;
  std::uint64_t position = 0;
};
// One a line; a last line without an end is left out.
[[nodiscard]] std::string to_line(const Acknowledged& acknowledged);
[[nodiscard]] std::vector<Acknowledged> read_lines(const std::string& text);

// What a store shows.
struct Shown {
  std::uint64_t events = 0;
  std::map<std::uint64_t, std::uint64_t> next;  // of each thread, the number after its last batch
};
// Reads the whole store: positions and versions without a gap, every batch whole, each thread's batches in order, all
// as they were appended, every acknowledged one at its position; the last event is found by its id. Gives what is
// wrong.
[[nodiscard]] std::optional<std::string> check_shown(const Store& store, const std::vector<Acknowledged>& acknowledged,
                                                     Access access, Shown& shown, Status* ended = nullptr);

}  // namespace tidemark::file_systems
