// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/key.h"
#include "index/run_source.h"
#include "platform/file_system.h"
#include "platform/machine.h"
#include "tidemark/error.hpp"

namespace tidemark::index {

struct RunOptions {
  platform::Uuid log_id{};
  std::span<const std::byte> note = {};  // at most kRunNoteBytesMax, given back by Run::note()
  KeyHasher hasher = platform::xxh3_128;
  // What the table of keys may take while it is made. If it needs more, the source's keys are gone through again.
  std::uint64_t table_bytes_max = std::uint64_t{16} << 20U;
};

// Writes a run over what the file holds from its start, and gives its size: the file must not be longer. The header
// goes last, so a file whose writing was cut short is none. Nothing is synced.
//
// One source makes one run, byte for byte. Memory, beside the source's: one and a half times table_bytes_max, 2 MiB,
// and for each part of the file in turn 5 bytes for 16 keys, 4 bytes for 32 ids or 5 bytes for 32 events; 8 bytes for
// 128 positions of one key and for 16 KiB of the file.
//
// kLimitExceeded for more than kRunEventsMax events, kRunKeysMax keys, or a name over kKeyNameBytesMax; kDamaged if the
// source is not in order; what the file and the source say.
[[nodiscard]] Result<std::uint64_t> write_run(RunSource& source, const RunOptions& options, platform::File& file);
// The same in memory.
[[nodiscard]] Result<std::vector<std::byte>> build_run(RunSource& source, const RunOptions& options);

}  // namespace tidemark::index
