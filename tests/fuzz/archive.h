// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tidemark/types.hpp"

// A folder in one input. Any bytes are an archive: what does not fit is left out.
//
//   entry, entry, …
//   entry: name u8 | size u32 | pieces u16 | piece, piece, …
//          name 255: one more byte, the name's length, and the name follow at once
//          the highest bit of size: it is a folder
//   piece: offset u32 | length u32 | bytes       (what no piece covers is zero)
namespace tidemark::fuzz {

struct ArchiveFile {
  std::string name;
  bool is_folder = false;
  std::vector<std::byte> bytes = {};
};
using Archive = std::vector<ArchiveFile>;

// All files together at most: a small input cannot ask for much memory.
inline constexpr std::uint64_t kArchiveBytesMax = std::uint64_t{1} << 20U;

// The names with a number of their own.
inline constexpr std::string_view kArchiveNames[] = {
    "super-a",
    "super-b",
    "segment-0000000001.log",
    "segment-0000000002.log",
    "segment-0000000003.log",
    "segment-0000000004.log",
    "lock",
    "rejected-2",
    "rejected-2-2",
    "super-a.tmp",
    "segment-0000000002.log.tmp",
    "segment-2.log",
    "segment-0000000000.log",
    "segment-18446744073709551615.log",
    "segment-18446744073709551616.log",
    "segment-00000000001.log",
    "notes.txt",
    "index-00000000000000000000-00000000000000000001.run",
    "index-00000000000000000001-00000000000000000004.run",
    "index-00000000000000000000-00000000000000000004.run.tmp",
};

[[nodiscard]] Archive unpack(Bytes input);
[[nodiscard]] std::vector<std::byte> pack(const Archive& archive);
// Null if there is no such file.
[[nodiscard]] ArchiveFile* find_file(Archive& archive, std::string_view name);

}  // namespace tidemark::fuzz
