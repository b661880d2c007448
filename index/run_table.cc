// SPDX-License-Identifier: Apache-2.0
#include "index/run_table.h"

namespace tidemark::index {

namespace {

// An entry is seldom further from where it was guessed: of 64 even ones, one in thirty.
constexpr std::uint64_t kGuessError = 8;

}  // namespace

void TableWriter::begin_buckets(std::uint64_t until) {
  while (begun_ <= until) {
    put_number(buckets_, static_cast<std::uint32_t>(added_));
    ++begun_;
  }
}

void TableWriter::add(const HashedValue& entry) {
  begin_buckets(entry.hash >> shape_.remainder_bits);
  bits_.add(entry.hash & low_bits(shape_.remainder_bits), shape_.remainder_bits);
  bits_.add(entry.value, shape_.value_bits);
  ++added_;
}

void TableWriter::finish() {
  if (shape_.count > 0) { begin_buckets(std::uint64_t{1} << shape_.bucket_bits); }
  bits_.flush();
}

Result<Table::Bucket> Table::bucket(std::uint64_t number) const {
  const std::uint64_t at = buckets_.offset + number * sizeof(std::uint32_t);
  auto where = bytes_.view(at, 2 * sizeof(std::uint32_t));
  if (!where) { return std::unexpected(std::move(where.error())); }
  const std::uint64_t begin = load_number<std::uint32_t>(*where);
  const std::uint64_t end = load_number<std::uint32_t>(*where + sizeof(std::uint32_t));
  if (begin > end || end > shape_.count) { return std::unexpected(damaged_bucket(number)); }
  const std::uint64_t first_bit = begin * shape_.entry_bits();
  const std::uint64_t first_byte = first_bit / 8;
  auto from = bytes_.view(table_.offset + first_byte, bytes_of_bits(end * shape_.entry_bits()) - first_byte);
  if (!from) { return std::unexpected(std::move(from.error())); }
  return Bucket{.from = *from, .bit = first_bit % 8, .count = end - begin, .first = begin};
}

Error Table::damaged_bucket(std::uint64_t number) const {
  return bytes_.damaged(buckets_.offset + number * sizeof(std::uint32_t), "a bucket of the index run is in disorder");
}

std::optional<Table::Bucket> Table::checked_bucket(std::uint64_t number) const {
  const std::byte* const where =
      bytes_.checked_view(buckets_.offset + number * sizeof(std::uint32_t), 2 * sizeof(std::uint32_t));
  if (where == nullptr) { return std::nullopt; }
  const std::uint64_t begin = load_number<std::uint32_t>(where);
  const std::uint64_t end = load_number<std::uint32_t>(where + sizeof(std::uint32_t));
  if (begin > end || end > shape_.count) { return std::nullopt; }
  const std::uint64_t first_bit = begin * shape_.entry_bits();
  const std::uint64_t first_byte = first_bit / 8;
  const std::byte* const from =
      bytes_.checked_view(table_.offset + first_byte, bytes_of_bits(end * shape_.entry_bits()) - first_byte);
  if (from == nullptr) { return std::nullopt; }
  return Bucket{.from = from, .bit = first_bit % 8, .count = end - begin, .first = begin};
}

void Table::prefetch_entries(std::uint64_t hash) const {
  if (shape_.count == 0) { return; }
  const auto in = checked_bucket(hash >> shape_.remainder_bits);
  if (!in) { return; }
  const std::uint64_t near = guess(*in, hash & low_bits(shape_.remainder_bits));
  const std::uint64_t first = in->first + near - std::min(near, kGuessError / 2);
  const std::uint64_t last = in->first + std::min(near + kGuessError / 2, in->count);
  const std::uint64_t begin = first * shape_.entry_bits() / 8;
  bytes_.prefetch(table_.offset + begin, bytes_of_bits(last * shape_.entry_bits()) - begin);
}

Table::Seen Table::look(std::uint64_t hash) const {
  if (shape_.count == 0) { return {.is_known = true}; }
  const auto in = checked_bucket(hash >> shape_.remainder_bits);
  if (!in) { return {}; }
  const std::uint64_t wanted = hash & low_bits(shape_.remainder_bits);
  const std::uint64_t nth = lower_bound(*in, wanted);
  if (nth == in->count || remainder(*in, nth) != wanted) { return {.is_known = true}; }
  return {.is_known = true, .value = value(*in, nth)};
}

std::uint64_t Table::lower_bound(const Bucket& in, std::uint64_t wanted) const {
  std::uint64_t from = 0;
  std::uint64_t until = in.count;
  // Mostly it is near the guess: that is less memory to wait for than halving from the middle.
  const std::uint64_t near = guess(in, wanted);
  if (near > kGuessError && remainder(in, near - kGuessError - 1) < wanted) { from = near - kGuessError; }
  if (in.count - near > kGuessError && remainder(in, near + kGuessError) >= wanted) { until = near + kGuessError; }
  for (std::uint64_t n = until - from; n > 0;) {
    const std::uint64_t half = n / 2;
    const bool below = remainder(in, from + half) < wanted;
    from = below ? from + half + 1 : from;
    n = below ? n - half - 1 : half;
  }
  return from;
}

Result<bool> TableCursor::next(HashedValue& into) {
  while (nth_ == bucket_.count) {
    const std::uint64_t passed = bucket_.first + bucket_.count;
    if (next_bucket_ == table_->bucket_count()) { return false; }
    auto bucket = table_->bucket(next_bucket_);
    if (!bucket) { return std::unexpected(std::move(bucket.error())); }
    const bool is_last = next_bucket_ + 1 == table_->bucket_count();
    if (bucket->first != passed || (is_last && bucket->first + bucket->count != table_->shape().count)) {
      return std::unexpected(table_->damaged_bucket(next_bucket_));
    }
    bucket_ = *bucket;
    ++next_bucket_;
    nth_ = 0;
  }
  into.hash = (next_bucket_ - 1) << table_->shape().remainder_bits | table_->remainder(bucket_, nth_);
  into.value = table_->value(bucket_, nth_);
  ++nth_;
  return true;
}

}  // namespace tidemark::index
