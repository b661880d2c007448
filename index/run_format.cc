// SPDX-License-Identifier: Apache-2.0
#include "index/run_format.h"

#include <cstring>

#include "platform/checksum.h"

namespace tidemark::index {

namespace {

std::uint32_t checksum_of(RunHeader header) {
  header.checksum = 0;
  return platform::crc32c(std::as_bytes(std::span(&header, 1)));
}

bool counts_are_possible(const RunHeader& header) {
  if (header.first >= header.end || header.event_count() > kRunEventsMax) { return false; }
  if (header.kinds != (header.checkpoints.keys == 0 ? kEventKinds : kAllKinds) || header.note_size > kRunNoteBytesMax ||
      header.id_count > header.event_count()) {
    return false;
  }
  for (std::size_t slot = 0; slot < kKindCount; ++slot) {
    const KindCounts& kind = header.of_kind(slot);
    if (kind.keys > kRunKeysMax || kind.beginning > kind.keys) { return false; }
  }
  return header.key_count() <= kRunKeysMax;
}

// Every section begins where the one before ends, on a multiple of 8, and the last one ends the file.
bool sections_fit(const RunHeader& header) {
  std::uint64_t at = kRunHeaderBytes;
  for (std::size_t i = 0; i < kSectionCount; ++i) {
    const auto name = static_cast<SectionName>(i);
    const RunSection& section = header.sections[i];
    if (section.offset != at || at > header.file_size || section.size > header.file_size - at) { return false; }
    const bool is_free = name == SectionName::kKeys || name == SectionName::kPlaces;
    const std::uint64_t implied =
        name == SectionName::kWindows ? blocks_of(at, kWindowBytes) * 8 : implied_size(header, name);
    if (!is_free && section.size != implied) { return false; }
    at = padded(at + section.size);
  }
  return at == header.file_size;
}

}  // namespace

std::uint64_t RunHeader::key_count() const {
  std::uint64_t n = 0;
  for (std::size_t slot = 0; slot < kKindCount; ++slot) { n += of_kind(slot).keys; }
  return n;
}

std::uint64_t RunHeader::block_count() const {
  std::uint64_t n = 0;
  for (std::size_t slot = 0; slot < kKindCount; ++slot) { n += blocks_of(of_kind(slot).keys, kKeysPerBlock); }
  return n;
}

TableShape key_table_shape(const RunHeader& header) {
  return TableShape::of(header.key_count(), kKeyHashBits, header.block_count());
}

TableShape id_table_shape(const RunHeader& header) {
  return TableShape::of(header.id_count, kIdHashBits, header.event_count());
}

std::uint64_t implied_size(const RunHeader& header, SectionName name) {
  switch (name) {
    case SectionName::kKeyBlocks:
      return header.block_count() * kOffset40Bytes;
    case SectionName::kKeyTable:
      return key_table_shape(header).table_bytes();
    case SectionName::kKeyBuckets:
      return key_table_shape(header).bucket_bytes();
    case SectionName::kIdTable:
      return id_table_shape(header).table_bytes();
    case SectionName::kIdBuckets:
      return id_table_shape(header).bucket_bytes();
    case SectionName::kPlaceBlocks:
      return blocks_of(header.event_count(), kPlacesPerBlock) * kOffset40Bytes;
    case SectionName::kKeys:
    case SectionName::kPlaces:
    case SectionName::kWindows:
      break;
  }
  return 0;
}

std::uint64_t hash_id(const EventId& id) { return platform::xxh3_64(id.bytes()); }

void seal_run_header(RunHeader& header) { header.checksum = checksum_of(header); }

RunHeaderState read_run_header(std::span<const std::byte> bytes, std::uint64_t file_size, RunHeader& into,
                               std::string& why) {
  const auto bad = [&why](const char* reason) {
    why = reason;
    return RunHeaderState::kBad;
  };
  if (bytes.size() < kRunHeaderBytes) { return bad("the file is shorter than the header of an index run"); }
  std::memcpy(&into, bytes.data(), sizeof into);
  if (into.magic != kRunMagic) { return bad("the file does not begin as an index run does"); }
  if (into.checksum != checksum_of(into)) { return bad("the header of the index run is damaged"); }
  if (into.format_major > kRunFormatMajor) {
    why = "the index run was written in a newer format";
    return RunHeaderState::kNewerFormat;
  }
  if (into.format_major != kRunFormatMajor) { return bad("the index run has a format that never was"); }
  if (into.file_size != file_size) { return bad("the index run is not as long as its header says"); }
  if (!counts_are_possible(into)) { return bad("the header of the index run has impossible numbers"); }
  if (!sections_fit(into)) { return bad("the sections of the index run do not fit together"); }
  return RunHeaderState::kGood;
}

}  // namespace tidemark::index
