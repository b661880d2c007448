// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of the engine share: a world in memory to open stores in, short ways to append and to read, and
// results that tell in a failed test why they failed.

#include <condition_variable>
#include <filesystem>
#include <gtest/gtest.h>
#include <mutex>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/store/store_core.h"
#include "platform/sim/sim_file_system.h"
#include "tests/temporary_folder.h"
#include "tidemark/tidemark.hpp"

namespace tidemark {

// How GoogleTest shows our types.
inline void PrintTo(ErrorCode code, std::ostream* out) { *out << to_string(code); }
inline void PrintTo(RecoveryKind kind, std::ostream* out) { *out << to_string(kind); }
inline void PrintTo(const Conflict& conflict, std::ostream* out) {
  *out << conflict.stream << " expected " << to_string(conflict.expected) << " actual "
       << (conflict.actual ? std::to_string(conflict.actual->value()) : "none");
}
inline void PrintTo(const MatchConflict& conflict, std::ostream* out) {
  *out << "condition " << conflict.condition << " at " << conflict.position.value();
}
namespace detail {
template <class Tag>
void PrintTo(Number<Tag> number, std::ostream* out) {
  *out << number.value();
}
}  // namespace detail

}  // namespace tidemark

namespace tidemark::test {

template <class T>
[[nodiscard]] testing::AssertionResult ok(const Result<T>& result) {
  if (result) { return testing::AssertionSuccess(); }
  return testing::AssertionFailure() << to_string(result.error());
}

template <class T>
[[nodiscard]] testing::AssertionResult fails_with(const Result<T>& result, ErrorCode code) {
  if (result) { return testing::AssertionFailure() << "it went well, instead of: " << to_string(code); }
  if (result.error().code() != code) { return testing::AssertionFailure() << to_string(result.error()); }
  return testing::AssertionSuccess();
}

// The value of a result; a test that gets an error ends with its message.
template <class T>
T must(Result<T> result) {
  if (!result) { throw std::runtime_error(to_string(result.error())); }
  if constexpr (!std::is_void_v<T>) { return std::move(*result); }
}

using TempFolder = TemporaryFolder;

// A machine in memory with one folder for a store. Without threads everything happens in a fixed order.
struct World {
  explicit World(bool with_threads = false) : threads(with_threads) {}

  platform::SimFileSystem files;
  platform::SimClock clock;
  platform::SimMachine machine{7};
  const std::filesystem::path folder = "/sim/store";
  const bool threads;
  engine::IndexPolicy index{};
  std::uint64_t write_ahead = engine::kWriteAheadBytes;

  [[nodiscard]] engine::Environment environment() { return {files, clock, machine, threads, index, write_ahead}; }

  [[nodiscard]] Result<Store> try_open(const OpenOptions& options = {}) {
    auto core = engine::open_store(folder, options, environment());
    if (!core) { return std::unexpected(std::move(core.error())); }
    return Store(std::move(*core));
  }
  [[nodiscard]] Store open(const OpenOptions& options = {}) { return must(try_open(options)); }

  [[nodiscard]] std::filesystem::path segment(std::uint64_t number) const {
    return folder / engine::segment_file_name(SegmentNumber(number));
  }
  [[nodiscard]] std::vector<std::byte> contents(const std::filesystem::path& path) const {
    auto bytes = files.contents(path);
    if (!bytes) { throw std::runtime_error("there is no file " + path.string()); }
    return std::move(*bytes);
  }
  // Changes one byte of a file, past the seam.
  void flip(const std::filesystem::path& path, std::uint64_t offset) {
    auto bytes = contents(path);
    bytes.at(offset) ^= std::byte{0x40};
    files.set_contents(path, bytes);
  }
  // Every file but the lock, with its bytes.
  [[nodiscard]] std::vector<std::pair<std::string, std::vector<std::byte>>> snapshot() const {
    std::vector<std::pair<std::string, std::vector<std::byte>>> all;
    for (const auto& path : files.files()) {
      if (path.filename() != engine::kLockName) { all.emplace_back(path.string(), contents(path)); }
    }
    return all;
  }
  using Kind = platform::SeamCall::Kind;
  // How many calls were made that change something on the disk, or take a lock.
  [[nodiscard]] std::uint64_t writing_calls() const {
    std::uint64_t n = 0;
    for (const Kind kind : {Kind::kPwritev, Kind::kDatasync, Kind::kAllocate, Kind::kWriteZeros, Kind::kRename,
                            Kind::kLink, Kind::kUnlink, Kind::kMakeFolder, Kind::kSyncFolder, Kind::kLock}) {
      n += files.calls(kind);
    }
    return n;
  }
};

// Small segments, so that a few events fill several.
inline OpenOptions tiny_segments() { return {.segment_bytes_first = 4096, .segment_bytes_largest = 4096}; }

inline NewEvent event(std::string_view type, std::string_view data = {}) {
  return {.type = type, .data = as_bytes(data)};
}

inline Result<Receipt> append(Store& store, std::string_view stream, std::string_view data,
                              Expect expect = Expect::any(), const AppendOptions& options = {}) {
  return store.append(stream, expect, {event("T", data)}, options);
}

inline std::vector<OwnedEvent> events_of(Cursor cursor) {
  std::vector<OwnedEvent> events;
  must(cursor.for_each([&](const Event& e) { events.emplace_back(e); }));
  return events;
}

inline std::vector<OwnedEvent> read(const Store& store, const Query& query = Query::all(),
                                    const ReadOptions& options = {}) {
  return events_of(store.read(query, options));
}

// "position stream@version data", one for each event.
inline std::vector<std::string> lines_of(const std::vector<OwnedEvent>& events) {
  std::vector<std::string> lines;
  for (const OwnedEvent& e : events) {
    lines.push_back(std::to_string(e.position.value()) + " " + e.stream + "@" + std::to_string(e.version.value()) +
                    " " + std::string(as_text(e.data)));
  }
  return lines;
}
inline std::vector<std::string> lines(const Store& store, const Query& query = Query::all(),
                                      const ReadOptions& options = {}) {
  return lines_of(read(store, query, options));
}
using Lines = std::vector<std::string>;

// A place where threads wait until a test lets them go on.
class Gate {
 public:
  // Blocks until the gate is open.
  void pass() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  // Until so many have come.
  void wait_for(unsigned arrivals) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived_ >= arrivals; });
  }
  void open() {
    const std::scoped_lock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  unsigned arrived_ = 0;
};

}  // namespace tidemark::test
