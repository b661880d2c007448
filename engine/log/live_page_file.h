// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>

#include "engine/format/live_page.h"
#include "platform/clock.h"
#include "platform/file_system.h"
#include "platform/wait_word.h"
#include "tidemark/error.hpp"

// The file by which a writer wakes readers in other processes. It is a help and no part of the store: whatever becomes
// of it, readers find out from the log and the superblocks, later. It is written through File and never through a map,
// so that a full disk is an error and not a signal; nothing in it is a lock, so that nobody who dies holds up another.
namespace tidemark::engine {

// The page of a store that is open for writing. Safe from many threads.
class LivePageWriter {
 public:
  // Makes the file if it is not there, and says that this epoch begins. kIo, kNoSpace, …: then the store goes without.
  [[nodiscard]] static Result<std::unique_ptr<LivePageWriter>> open(platform::FileSystem& files,
                                                                    const std::filesystem::path& folder,
                                                                    const FileId& log_id, const FileId& boot_id,
                                                                    std::uint32_t epoch, Offset durable);

  // Tells all readers that the log is durable up to here, if they do not know that yet. Nothing that fails here does
  // harm.
  void announce(Offset durable);

 private:
  LivePageWriter(std::unique_ptr<platform::File> file, std::unique_ptr<platform::Mapping> mapping, std::uint32_t epoch,
                 std::uint32_t word, Offset durable);

  const std::unique_ptr<platform::File> file_;
  const std::unique_ptr<platform::Mapping> mapping_;  // sleepers are found by its address
  const platform::SharedWord shared_word_;
  const std::uint32_t epoch_;
  std::mutex mutex_;  // guards the two below, and that marks are written in order
  std::uint32_t word_;
  Offset durable_;
};

// The page as a reader has it. Safe from many threads, and from what others do to the file.
class LivePageReader {
 public:
  // kNotFound, kIo; kDamaged if the file is too short to be mapped.
  [[nodiscard]] static Result<std::unique_ptr<LivePageReader>> open(platform::FileSystem& files,
                                                                    const std::filesystem::path& folder);

  // What the page says now; see read_live_mark.
  [[nodiscard]] std::optional<LiveMark> mark(const FileId& log_id, const FileId& boot_id) const;
  // A number that is another one once mark() is.
  [[nodiscard]] std::uint32_t moves() const { return word_.load(); }
  // Sleeps while that is still `seen`; see SharedWord.
  void wait(std::uint32_t seen, const std::stop_token& stop, std::optional<platform::SteadyTime> until) const {
    word_.wait(seen, stop, until);
  }

 private:
  LivePageReader(std::unique_ptr<platform::File> file, std::unique_ptr<platform::Mapping> mapping);

  const std::unique_ptr<platform::File> file_;
  const std::unique_ptr<platform::Mapping> mapping_;  // slept on by its address, and never read
  const platform::SharedWord word_;
};

}  // namespace tidemark::engine
