// SPDX-License-Identifier: Apache-2.0
// Goal: no bytes in the two superblock files, in a segment's header or footer do more than be refused. Method: they
// are decoded alone; then the folder's superblocks are loaded and, if they can be, written on and loaded again.
#include <algorithm>

#include "engine/format/segment.h"
#include "engine/log/superblock_store.h"
#include "tests/fuzz/targets.h"
#include "tests/fuzz/twin.h"

namespace tidemark::fuzz {

namespace {

using namespace engine;

// What decodes comes back from its encoding.
template <class Record, class Encode, class Decode>
void decode_alone(Bytes block, Encode encode, Decode decode) {
  Record record{};
  if (decode(block, record) != BlockState::kGood) { return; }
  Record again{};
  const auto image = encode(record);
  require(decode(image, again) == BlockState::kGood, "an encoded block does not decode");
  again.start = record.start;
  require(std::memcmp(&again, &record, sizeof(Record)) == 0, "a block does not come back from its encoding");
}

void decode_blocks(Bytes bytes) {
  decode_alone<Superblock>(bytes, encode_superblock, decode_superblock);
  for (const Bytes sector : {bytes.first(std::min<std::size_t>(bytes.size(), kSectorBytes)),
                             bytes.last(std::min<std::size_t>(bytes.size(), kSectorBytes))}) {
    decode_alone<SegmentHeader>(sector, encode_segment_header, decode_segment_header);
    decode_alone<SegmentFooter>(sector, encode_segment_footer, decode_segment_footer);
  }
}

}  // namespace

void run_superblock(Bytes input) {
  const Archive archive = unpack(input);
  for (const ArchiveFile& file : archive) { decode_blocks(file.bytes); }
  Twin twin(archive);
  const auto before = twin.snapshot();
  const auto loaded = load_superblocks(twin.files, twin.folder);
  require(twin.snapshot() == before, "loading changed a file");
  if (!loaded || !*loaded) { return; }
  const Superblock newest = (*loaded)->newest;
  auto store = SuperblockStore::open(twin.files, twin.folder, **loaded);
  if (!store) { return; }
  const auto raise = [](Superblock& superblock) {
    superblock.state = StoreState::kClosed;
    superblock.durable_end = 0;
    superblock.highest_segment = 0;
  };
  for (std::uint64_t written = 1; written <= 2; ++written) {
    if (newest.generation + written > UINT64_MAX / 2) { return; }  // written by nobody in the life of a store
    require((*store)->write(raise).has_value(), "a loaded superblock cannot be written on");
    const auto again = load_superblocks(twin.files, twin.folder);
    require(again.has_value() && again->has_value(), "a written superblock does not load");
    require((*again)->newest.generation == newest.generation + written, "the newer superblock does not hold");
    require((*again)->newest.durable_end == newest.durable_end, "the durable end went back");
    require((*again)->newest.highest_segment == newest.highest_segment, "the highest segment went back");
    require((*again)->newest.store_id == newest.store_id, "the store has another id");
  }
  require(!load_superblocks(twin.files, twin.folder).value()->lost, "a superblock is lost after both were written");
}

}  // namespace tidemark::fuzz
