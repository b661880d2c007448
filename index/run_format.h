// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "index/bits.h"
#include "index/key.h"
#include "platform/machine.h"
#include "tidemark/event.hpp"

// The bytes of an index run file. docs/format/index.md is the specification.
namespace tidemark::index {

inline constexpr std::uint64_t kRunMagic = 0x004E5552'53454D54;  // "TMESRUN\0"
inline constexpr std::uint16_t kRunFormatMajor = 1;
inline constexpr std::uint16_t kRunFormatMinor = 0;
inline constexpr std::uint64_t kRunHeaderBytes = 512;
inline constexpr std::size_t kRunNoteBytesMax = 200;

// What one checksum of the file guards.
inline constexpr std::uint64_t kWindowBytes = std::uint64_t{16} << 10U;

inline constexpr std::uint64_t kRunEventsMax = 0xFFFF'FFFF;  // positions are 32 bits wide inside a run
inline constexpr std::uint64_t kRunKeysMax = 0xFFFF'FFC0;    // of all kinds, so that blocks of keys fit into 28 bits
inline constexpr std::uint64_t kKeyNameBytesMax = 1024;      // the longest name of a stream

inline constexpr std::uint64_t kKeysPerBlock = 16;
inline constexpr std::uint64_t kPositionsPerChunk = 128;  // up to so many stand with their key
inline constexpr std::uint64_t kPlacesPerBlock = 32;

// How many bits of a hash decide the order in a table, and are kept.
inline constexpr unsigned kKeyHashBits = 32;
inline constexpr unsigned kIdHashBits = 36;

inline constexpr std::size_t kKindCount = kKeyKinds.size();
[[nodiscard]] constexpr std::size_t kind_slot(KeyKind kind) { return static_cast<std::size_t>(kind) - 1; }
// A bit for each KeyKind, by its number. A file without a checkpoint does not name their kind.
inline constexpr std::uint32_t kEventKinds = 0b11110;
inline constexpr std::uint32_t kAllKinds = 0b111110;

struct RunSection {
  std::uint64_t offset;
  std::uint64_t size;
};
static_assert(sizeof(RunSection) == 16);

// In the order in which they stand in the file.
enum class SectionName : std::uint8_t {
  kKeys,       // lists of positions, and blocks of keys
  kKeyBlocks,  // where each block is
  kKeyTable,
  kKeyBuckets,
  kIdTable,
  kIdBuckets,
  kPlaces,
  kPlaceBlocks,
  kWindows,  // the checksums
};
inline constexpr std::size_t kSectionCount = 9;

struct KindCounts {
  std::uint64_t keys;
  std::uint64_t beginning;  // keys without a position before this run
};
static_assert(sizeof(KindCounts) == 16);

struct RunHeader {
  std::uint64_t magic;
  std::uint32_t checksum;  // CRC-32C of the 512 bytes with this field zero
  std::uint16_t format_major;
  std::uint16_t format_minor;
  platform::Uuid log_id;
  std::uint64_t first;      // position
  std::uint64_t end;        // position
  std::uint64_t file_size;  // bytes
  std::uint32_t kinds;      // which kinds of keys are there: kEventKinds, kAllKinds
  std::uint32_t note_size;
  std::array<KindCounts, 4> counts;  // of all kinds but the last
  std::array<RunSection, kSectionCount> sections;
  std::uint64_t windows_checksum;  // XXH3 of the section of checksums
  std::uint64_t id_count;
  KindCounts checkpoints;  // counts of the last kind
  std::array<std::byte, kRunNoteBytesMax> note;
  std::uint64_t reserved_end;

  [[nodiscard]] const RunSection& section(SectionName name) const { return sections[static_cast<std::size_t>(name)]; }
  [[nodiscard]] RunSection& section(SectionName name) { return sections[static_cast<std::size_t>(name)]; }
  [[nodiscard]] const KindCounts& of_kind(std::size_t slot) const {
    return slot < counts.size() ? counts[slot] : checkpoints;
  }
  [[nodiscard]] KindCounts& of_kind(std::size_t slot) { return slot < counts.size() ? counts[slot] : checkpoints; }
  [[nodiscard]] std::uint64_t event_count() const { return end - first; }
  [[nodiscard]] std::uint64_t key_count() const;
  [[nodiscard]] std::uint64_t block_count() const;
};
static_assert(sizeof(RunHeader) == kRunHeaderBytes);
static_assert(offsetof(RunHeader, checksum) == 8 && offsetof(RunHeader, format_major) == 12);
static_assert(offsetof(RunHeader, format_minor) == 14 && offsetof(RunHeader, log_id) == 16);
static_assert(offsetof(RunHeader, first) == 32 && offsetof(RunHeader, end) == 40);
static_assert(offsetof(RunHeader, file_size) == 48 && offsetof(RunHeader, kinds) == 56);
static_assert(offsetof(RunHeader, note_size) == 60 && offsetof(RunHeader, counts) == 64);
static_assert(offsetof(RunHeader, sections) == 128 && offsetof(RunHeader, windows_checksum) == 272);
static_assert(offsetof(RunHeader, id_count) == 280 && offsetof(RunHeader, checkpoints) == 288);
static_assert(offsetof(RunHeader, note) == 304 && offsetof(RunHeader, reserved_end) == 504);

// How a table of hashes is laid out: entries in the order of their hash, its lowest bits and a value each, and an array
// that says where each bucket (the highest bits) begins.
struct TableShape {
  std::uint64_t count = 0;
  unsigned bucket_bits = 0;
  unsigned remainder_bits = 0;
  unsigned value_bits = 0;

  // Between 32 and 64 entries a bucket. Values are below value_end.
  static constexpr TableShape of(std::uint64_t count, unsigned hash_bits, std::uint64_t value_end) {
    const unsigned bucket_bits = std::max(bits_of(count), 6U) - 6;
    return {.count = count,
            .bucket_bits = bucket_bits,
            .remainder_bits = hash_bits - bucket_bits,
            .value_bits = value_end == 0 ? 0 : bits_of(value_end - 1)};
  }
  [[nodiscard]] constexpr unsigned entry_bits() const { return remainder_bits + value_bits; }
  [[nodiscard]] constexpr std::uint64_t table_bytes() const { return bytes_of_bits(count * entry_bits()); }
  [[nodiscard]] constexpr std::uint64_t bucket_bytes() const {
    return count == 0 ? 0 : ((std::uint64_t{1} << bucket_bits) + 1) * sizeof(std::uint32_t);
  }
};

[[nodiscard]] TableShape key_table_shape(const RunHeader& header);
[[nodiscard]] TableShape id_table_shape(const RunHeader& header);

[[nodiscard]] constexpr std::uint64_t blocks_of(std::uint64_t n, std::uint64_t per_block) {
  return n / per_block + (n % per_block == 0 ? 0 : 1);
}
[[nodiscard]] constexpr std::uint64_t padded(std::uint64_t n) { return (n + 7) / 8 * 8; }

// The sizes that follow from the counts; the header must say the same. Zero where nothing follows from them (kKeys,
// kPlaces, kWindows).
[[nodiscard]] std::uint64_t implied_size(const RunHeader& header, SectionName name);

// The bits that the hash of a key, or of an id, stands in a table by.
[[nodiscard]] constexpr std::uint64_t key_table_hash(const platform::Hash128& hash) {
  return hash.low >> (64 - kKeyHashBits);
}
using IdHasher = std::uint64_t (*)(const EventId& id);
[[nodiscard]] std::uint64_t hash_id(const EventId& id);
[[nodiscard]] constexpr std::uint64_t id_table_hash(std::uint64_t hash) { return hash >> (64 - kIdHashBits); }

// Writes the checksum into a header that is otherwise done.
void seal_run_header(RunHeader& header);

enum class RunHeaderState : std::uint8_t { kGood, kBad, kNewerFormat };
// Whether these are the first bytes of a run file of this size; all that the header says fits together then. `why` gets
// the reason if they are not.
[[nodiscard]] RunHeaderState read_run_header(std::span<const std::byte> bytes, std::uint64_t file_size, RunHeader& into,
                                             std::string& why);

}  // namespace tidemark::index
