// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/format/frame.h"
#include "tests/fuzz/archive.h"

// Makes the checksums of changed bytes right again, so that hostile content gets past them to the code behind.
namespace tidemark::fuzz {

struct Mending {
  bool blocks = true;    // checksums of superblocks, segment headers and footers
  bool frames = true;    // checksums of headers, tables, names, events; trailers
  bool identity = true;  // log ids, segment numbers, bases, sizes
  bool chain = true;     // what ties frames together: positions, versions, trailers, epochs, times; footers' totals
};

// Where the magics of frames stand in a segment's bytes, whatever becomes of the rest.
[[nodiscard]] std::vector<std::size_t> find_frames(Bytes segment);

// One frame at the start of bytes; gives its length, or 0 if it claims more than there is: then only its header is
// mended.
std::uint64_t mend_frame(std::span<std::byte> bytes, const engine::FramePlace& place);

// The checksums of an index file, as far as its header still says where they are.
void mend_run(std::span<std::byte> bytes);

void mend(Archive& archive, const Mending& mending);

}  // namespace tidemark::fuzz
