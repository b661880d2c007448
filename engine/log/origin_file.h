// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "engine/format/origin.h"
#include "platform/file_system.h"
#include "tidemark/error.hpp"
#include "tidemark/types.hpp"

namespace tidemark::engine {

// The original positions of a store that was extracted from another one. The file is written once, when the store is
// made, and opened at the first question. Safe from many threads.
class OriginFile {
 public:
  OriginFile(platform::FileSystem& files, const std::filesystem::path& folder)
      : files_(files), path_(folder / kOriginName) {}

  // Where the event at this position stood; nothing for one that was appended here, and in a store that was not
  // extracted. kDamaged, kUnsupportedFormat, kIo.
  [[nodiscard]] Result<std::optional<Position>> original(Position position);

  // Writes and syncs the file of a new store; its name is durable after sync_folder. The events from position 0 on
  // stood at these positions of that log.
  [[nodiscard]] static Status write(platform::FileSystem& files, const std::filesystem::path& folder,
                                    const FileId& log_id, std::span<const std::uint64_t> originals);
  // The same for a copy that has events below this position alone. Fine if there is none to copy, or a copy already.
  [[nodiscard]] static Status copy(platform::FileSystem& files, const std::filesystem::path& from,
                                   const std::filesystem::path& to, Position end);

 private:
  [[nodiscard]] Status open();
  [[nodiscard]] Error damaged(std::uint64_t block) const;

  platform::FileSystem& files_;
  const std::filesystem::path path_;
  std::mutex mutex_;  // guards all below; held across reads of the file
  bool opened_ = false;
  std::unique_ptr<platform::File> file_;  // none: there is no such file
  std::uint64_t count_ = 0;
  OriginBlock block_{};
  std::uint64_t block_number_ = 0;  // of block_; 0: none was read
};

}  // namespace tidemark::engine
