// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "index/bits.h"
#include "index/run_bytes.h"
#include "index/run_format.h"
#include "tidemark/error.hpp"

namespace tidemark::index {

// One entry of a table of hashes.
struct HashedValue {
  std::uint64_t hash = 0;  // as many bits as the table goes by
  std::uint64_t value = 0;
  friend auto operator<=>(const HashedValue&, const HashedValue&) = default;
};

// An entry of a table of ids in one number, which compares as it does: the hash, then a position of the run.
inline constexpr unsigned kPackedPositionBits = 64 - kIdHashBits;
[[nodiscard]] constexpr std::uint64_t packed_id(std::uint64_t table_hash, std::uint64_t position) {
  return table_hash << kPackedPositionBits | position;
}
[[nodiscard]] constexpr HashedValue unpacked_id(std::uint64_t packed) {
  return {.hash = packed >> kPackedPositionBits, .value = packed & low_bits(kPackedPositionBits)};
}

// Packs a table whose entries come in order. The packed bytes may be taken away between entries; what says where the
// buckets begin stays until the end: 4 bytes for 32 to 64 entries.
class TableWriter {
 public:
  TableWriter(const TableShape& shape, ByteBuffer& into) : shape_(shape), bits_(into) {}
  void add(const HashedValue& entry);
  void finish();
  [[nodiscard]] const ByteBuffer& buckets() const { return buckets_; }

 private:
  void begin_buckets(std::uint64_t until);

  const TableShape shape_;
  BitWriter bits_;
  ByteBuffer buckets_;
  std::uint64_t begun_ = 0;  // buckets
  std::uint64_t added_ = 0;
};

// Reads a table of a run file.
class Table {
 public:
  // One bucket: the entries [0, count), packed from a bit on.
  struct Bucket {
    const std::byte* from = nullptr;
    std::uint64_t bit = 0;
    std::uint64_t count = 0;
    std::uint64_t first = 0;  // the number of its first entry in the table
  };

  Table(const RunBytes& bytes, const TableShape& shape, SectionName table, SectionName buckets)
      : bytes_(bytes),
        shape_(shape),
        table_(bytes.header().section(table)),
        buckets_(bytes.header().section(buckets)) {}

  [[nodiscard]] const TableShape& shape() const { return shape_; }
  [[nodiscard]] std::uint64_t bucket_count() const {
    return shape_.count == 0 ? 0 : std::uint64_t{1} << shape_.bucket_bits;
  }
  [[nodiscard]] Result<Bucket> bucket(std::uint64_t number) const;
  [[nodiscard]] Error damaged_bucket(std::uint64_t number) const;
  [[nodiscard]] std::uint64_t remainder(const Bucket& in, std::uint64_t nth) const {
    return read_bits(in.from, in.bit + nth * shape_.entry_bits(), shape_.remainder_bits);
  }
  [[nodiscard]] std::uint64_t value(const Bucket& in, std::uint64_t nth) const {
    return read_bits(in.from, in.bit + nth * shape_.entry_bits() + shape_.remainder_bits, shape_.value_bits);
  }

  // Asks the processor for what find() of this hash will look at: first where the bucket begins, then the entries.
  void prefetch_bucket(std::uint64_t hash) const {
    if (shape_.count == 0) { return; }
    bytes_.prefetch(buckets_.offset + (hash >> shape_.remainder_bits) * sizeof(std::uint32_t),
                    2 * sizeof(std::uint32_t));
  }
  void prefetch_entries(std::uint64_t hash) const;
  // The value of the first entry with this hash, if there is one; not known where something must be checked first.
  struct Seen {
    bool is_known = false;
    std::optional<std::uint64_t> value = {};
  };
  [[nodiscard]] Seen look(std::uint64_t hash) const;

  // Calls found(value) for each entry with this hash, in order, until it gives true. It gives a Result<bool>.
  template <class Found>
  [[nodiscard]] Status find(std::uint64_t hash, Found found) const {
    if (shape_.count == 0) { return {}; }
    const Result<Bucket> in = bucket(hash >> shape_.remainder_bits);
    if (!in) { return std::unexpected(in.error()); }
    const std::uint64_t wanted = hash & low_bits(shape_.remainder_bits);
    for (std::uint64_t nth = lower_bound(*in, wanted); nth < in->count && remainder(*in, nth) == wanted; ++nth) {
      Result<bool> ended = found(value(*in, nth));
      if (!ended) { return std::unexpected(std::move(ended.error())); }
      if (*ended) { break; }
    }
    return {};
  }

 private:
  // The first entry whose hash is not below, or the bucket's count.
  [[nodiscard]] std::uint64_t lower_bound(const Bucket& in, std::uint64_t wanted) const;
  // Where that is most likely: hashes lie evenly.
  [[nodiscard]] std::uint64_t guess(const Bucket& in, std::uint64_t wanted) const {
    return std::min(wanted * in.count >> shape_.remainder_bits, in.count);
  }
  [[nodiscard]] std::optional<Bucket> checked_bucket(std::uint64_t number) const;

  const RunBytes& bytes_;
  const TableShape shape_;
  const RunSection table_;
  const RunSection buckets_;
};

// Gives all entries of a table in order. A table that does not hang together is kDamaged.
class TableCursor {
 public:
  explicit TableCursor(const Table& table) : table_(&table) {}
  // False at the end.
  [[nodiscard]] Result<bool> next(HashedValue& into);

 private:
  const Table* table_;
  Table::Bucket bucket_;
  std::uint64_t next_bucket_ = 0;
  std::uint64_t nth_ = 0;  // in the bucket
};

}  // namespace tidemark::index
