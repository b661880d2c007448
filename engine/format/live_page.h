// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "engine/format/layout.h"
#include "tidemark/types.hpp"

// The live page: how a writer tells readers in other processes how far its log is durable. docs/format/live.md.
namespace tidemark::engine {

inline constexpr std::string_view kLivePageName = "live";
inline constexpr std::uint64_t kLivePageMagic = 0x0045'5649'4C53'4D54;  // "TMSLIVE\0"
inline constexpr std::uint64_t kLivePageBytes = 4096;

// Written once in an epoch.
struct LivePageStart {
  BlockStart start;  // its checksum is over these 64 bytes
  FileId log_id;
  FileId boot_id;  // of the machine's run in which all of this is true
  std::uint32_t epoch;
  std::uint32_t reserved[3];
};
static_assert(sizeof(LivePageStart) == 64 && offsetof(LivePageStart, log_id) == 16);
static_assert(offsetof(LivePageStart, boot_id) == 32 && offsetof(LivePageStart, epoch) == 48);

// Written each time that the durable end has moved. A reader may see a part of it for a moment: then the check fails.
struct LivePageMark {
  std::uint32_t word;  // changes with each mark, in every epoch: what sleepers sleep on
  std::uint32_t reserved;
  std::uint64_t durable_end;  // log offset: everything below is durable
  std::uint64_t check;        // XXH3 over the 16 bytes before, seeded with the epoch
};
inline constexpr std::uint64_t kLivePageMarkAt = 64;
static_assert(sizeof(LivePageMark) == 24 && offsetof(LivePageMark, durable_end) == 8);
static_assert(offsetof(LivePageMark, check) == 16);

// Seals the start.
[[nodiscard]] LivePageStart make_live_page_start(const FileId& log_id, const FileId& boot_id, std::uint32_t epoch);
[[nodiscard]] LivePageMark make_live_page_mark(std::uint32_t word, Offset durable, std::uint32_t epoch);

struct LiveMark {
  std::uint32_t epoch = 0;
  std::uint32_t word = 0;
  Offset durable;
};
// What the first bytes of a live page tell, if they are of this log and this run of the machine; nothing also if they
// are half written.
[[nodiscard]] std::optional<LiveMark> read_live_mark(std::span<const std::byte> page, const FileId& log_id,
                                                     const FileId& boot_id);

}  // namespace tidemark::engine
