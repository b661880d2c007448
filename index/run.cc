// SPDX-License-Identifier: Apache-2.0
#include "index/run.h"

#include <algorithm>
#include <array>
#include <utility>

#include "index/guarded.h"
#include "index/run_positions.h"

namespace tidemark::index {

namespace {

Error not_in_this_run(const RunBytes& bytes) {
  return Error(ErrorCode::kInvalidArgument, "the index run does not reach to this position").with_path(bytes.path());
}

// How a name that is looked for compares to the names of a block, one after the other, without putting them together.
class NameMatch {
 public:
  explicit NameMatch(std::string_view wanted) : wanted_(wanted) {}

  enum class Order : std::uint8_t { kBefore, kHere, kAfter };
  // Where the entry's name stands, if all names before it stood before.
  Order step(std::uint64_t shared, std::string_view suffix) {
    if (shared > matched_) { return Order::kBefore; }  // differs where the one before did
    if (shared < matched_) { return Order::kAfter; }   // differs earlier, and names rise
    const std::string_view rest = wanted_.substr(matched_);
    const auto same = std::ranges::mismatch(suffix, rest);
    matched_ += static_cast<std::uint64_t>(same.in2 - rest.begin());
    if (same.in1 == suffix.end()) { return same.in2 == rest.end() ? Order::kHere : Order::kBefore; }
    if (same.in2 == rest.end()) { return Order::kAfter; }
    const bool below = static_cast<unsigned char>(*same.in1) < static_cast<unsigned char>(*same.in2);
    return below ? Order::kBefore : Order::kAfter;
  }

 private:
  std::string_view wanted_;
  std::uint64_t matched_ = 0;  // bytes that the name before has in common with it
};

}  // namespace

Run::Run(std::unique_ptr<RunBytes> opened)
    : owned_(std::move(opened)),
      bytes_(*owned_),
      blocks_(bytes_.header()),
      keys_(bytes_, key_table_shape(bytes_.header()), SectionName::kKeyTable, SectionName::kKeyBuckets),
      ids_(bytes_, id_table_shape(bytes_.header()), SectionName::kIdTable, SectionName::kIdBuckets) {}

Result<std::shared_ptr<const Run>> Run::make(std::span<const std::byte> bytes,
                                             std::unique_ptr<platform::Mapping> mapping, std::filesystem::path path) {
  return guarded([&]() -> Result<std::shared_ptr<const Run>> {
    auto opened = std::make_unique<RunBytes>(bytes, std::move(mapping), std::move(path));
    if (auto done = opened->open(); !done) { return std::unexpected(std::move(done.error())); }
    return std::make_shared<const Run>(std::move(opened));
  });
}

Result<std::shared_ptr<const Run>> Run::open(std::unique_ptr<platform::Mapping> mapping, std::filesystem::path path) {
  const std::span<const std::byte> bytes = mapping->bytes();
  return make(bytes, std::move(mapping), std::move(path));
}

Result<std::shared_ptr<const Run>> Run::open(platform::File& file, std::filesystem::path path) {
  auto mapping = file.map();
  if (!mapping) { return std::unexpected(std::move(mapping.error())); }
  return open(std::move(*mapping), std::move(path));
}

Result<std::shared_ptr<const Run>> Run::over(std::span<const std::byte> bytes) { return make(bytes, nullptr, {}); }

Result<std::optional<RunKey>> Run::find(const Key& key) const {
  std::optional<RunKey> found;
  std::uint64_t looked_into = blocks_.end();  // entries of one hash come in the order of their blocks
  auto done = keys_.find(key_table_hash(key.hash), [&](std::uint64_t block) -> Result<bool> {
    if (block < blocks_.begin(key.kind) || block >= blocks_.end(key.kind) || block == looked_into) { return false; }
    looked_into = block;
    auto here = find_in_block(key, block);
    if (!here) { return std::unexpected(std::move(here.error())); }
    found = *here;
    return found.has_value();
  });
  if (!done) { return std::unexpected(std::move(done.error())); }
  return found;
}

Result<std::optional<RunKey>> Run::find_in_block(const Key& key, std::uint64_t block) const {
  auto open = KeyBlock::open(bytes_, block);
  if (!open) { return std::unexpected(std::move(open.error())); }
  NameMatch match(key.name);
  KeyBlock::Entry entry;
  for (std::uint64_t left = blocks_.keys_in(block); left > 0; --left) {
    if (!open->next(entry)) {
      return std::unexpected(bytes_.damaged(open->offset(), "a block of keys makes no sense"));
    }
    const NameMatch::Order order = match.step(entry.shared, entry.suffix);
    if (order == NameMatch::Order::kHere) { return entry.key; }
    if (order == NameMatch::Order::kAfter) { break; }
  }
  return std::nullopt;
}

Result<std::size_t> Run::positions(const RunKey& key, std::uint64_t ordinal, std::span<Position> into) const {
  if (ordinal < key.base) { return std::unexpected(not_in_this_run(bytes_)); }
  return read_positions(bytes_, key, ordinal - key.base, into);
}

Result<std::uint64_t> Run::count_below(const RunKey& key, Position end) const {
  return count_positions_below(bytes_, key, end);
}

Result<Position> Run::last(const RunKey& key) const { return last_position(bytes_, key); }

Status Run::candidates(const EventId& id, std::vector<Position>& into, IdHasher hasher) const {
  return guarded([&] {
    return ids_.find(id_table_hash(hasher(id)), [&](std::uint64_t position) -> Result<bool> {
      if (position >= header().event_count()) {
        return std::unexpected(bytes_.damaged(header().section(SectionName::kIdTable).offset,
                                              "an id in the index run has a position that is not in it"));
      }
      into.push_back(first() + position);
      return false;
    });
  });
}

Result<Place> Run::place(Position position) const {
  if (position < first() || position >= end()) { return std::unexpected(not_in_this_run(bytes_)); }
  const std::uint64_t nth = position - first();
  auto block = place_block(nth / kPlacesPerBlock);
  if (!block) { return std::unexpected(std::move(block.error())); }
  Place place;
  if (!decode_place(block->bytes, block->size, block->count, nth % kPlacesPerBlock, place)) {
    return std::unexpected(senseless(*block));
  }
  return place;
}

void Run::prefetch_place_offset(Position position) const {
  const std::uint64_t number = (position - first()) / kPlacesPerBlock;
  bytes_.prefetch(header().section(SectionName::kPlaceBlocks).offset + number * kOffset40Bytes, kOffset40Bytes);
}

void Run::prefetch_place(Position position) const {
  const std::uint64_t number = (position - first()) / kPlacesPerBlock;
  const std::uint64_t entry = header().section(SectionName::kPlaceBlocks).offset + number * kOffset40Bytes;
  const std::byte* const offset = bytes_.checked_view(entry, kOffset40Bytes);
  if (offset == nullptr) { return; }
  bytes_.prefetch(header().section(SectionName::kPlaces).offset + load_offset40(offset), kPlaceBlockBytesUsual);
}

Status Run::places(Position from, std::span<Place> into) const {
  if (from < first() || from > end() || into.size() > end() - from) { return std::unexpected(not_in_this_run(bytes_)); }
  std::array<Place, kPlacesPerBlock> places;
  for (std::uint64_t nth = from - first(); !into.empty();) {
    auto block = place_block(nth / kPlacesPerBlock);
    if (!block) { return std::unexpected(std::move(block.error())); }
    const std::uint64_t skipped = nth % kPlacesPerBlock;
    const std::uint64_t n = std::min<std::uint64_t>(kPlacesPerBlock - skipped, into.size());
    if (!decode_place_block(block->bytes, block->size, block->count, std::span(places).first(skipped + n))) {
      return std::unexpected(senseless(*block));
    }
    std::copy_n(places.begin() + static_cast<std::ptrdiff_t>(skipped), n, into.begin());
    into = into.subspan(n);
    nth += n;
  }
  return {};
}

Result<Run::PlaceBlock> Run::place_block(std::uint64_t number) const {
  const RunSection& data = header().section(SectionName::kPlaces);
  const RunSection& where = header().section(SectionName::kPlaceBlocks);
  const std::uint64_t events = header().event_count();
  const std::uint64_t entry = where.offset + number * kOffset40Bytes;
  const bool is_last = number + 1 == blocks_of(events, kPlacesPerBlock);
  auto offsets = bytes_.view(entry, is_last ? kOffset40Bytes : 2 * kOffset40Bytes);
  if (!offsets) { return std::unexpected(std::move(offsets.error())); }
  const std::uint64_t begin = load_offset40(*offsets);
  const std::uint64_t end = is_last ? data.size : load_offset40(*offsets + kOffset40Bytes);
  if (begin >= end || end > data.size || end - begin > kPlaceBlockBytesMax) {
    return std::unexpected(bytes_.damaged(entry, "a block of places has an impossible length"));
  }
  auto bytes = bytes_.view(data.offset + begin, end - begin);
  if (!bytes) { return std::unexpected(std::move(bytes.error())); }
  return PlaceBlock{.bytes = *bytes,
                    .size = end - begin,
                    .count = std::min(kPlacesPerBlock, events - number * kPlacesPerBlock),
                    .offset = data.offset + begin};
}

Error Run::senseless(const PlaceBlock& block) const {
  return bytes_.damaged(block.offset, "a block of places makes no sense");
}

Result<std::vector<Run::Listed>> Run::list(KeyKind kind, std::optional<std::string_view> after, std::string_view prefix,
                                           std::uint64_t limit) const {
  return guarded([&]() -> Result<std::vector<Listed>> {
    std::vector<Listed> listed;
    RunKeyCursor cursor(*this, kind);
    if (auto done = cursor.seek(kind, after ? std::max(*after, prefix) : prefix); !done) {
      return std::unexpected(std::move(done.error()));
    }
    while (listed.size() < limit) {
      auto more = cursor.next();
      if (!more) { return std::unexpected(std::move(more.error())); }
      if (!*more || !cursor.name().starts_with(prefix)) { break; }
      if (after && cursor.name() <= *after) { continue; }
      auto last_one = last(cursor.key());
      if (!last_one) { return std::unexpected(std::move(last_one.error())); }
      listed.push_back({.name = cursor.name(), .key = cursor.key(), .last = *last_one});
    }
    return listed;
  });
}

RunSearch::RunSearch(const Run& run, const Key& key) : run_(&run), hash_(key_table_hash(key.hash)) {
  run.keys_.prefetch_bucket(hash_);
}

void RunSearch::to_entries() { run_->keys_.prefetch_entries(hash_); }

void RunSearch::to_block() {
  const Table::Seen seen = run_->keys_.look(hash_);
  if (!seen.is_known) { return; }
  seen_ = seen.value ? Seen::kBlock : Seen::kAbsent;
  block_ = seen.value.value_or(0);
  if (seen_ == Seen::kBlock) { KeyBlock::prefetch_offset(run_->bytes_, block_); }
}

void RunSearch::to_keys() {
  if (seen_ == Seen::kBlock) { KeyBlock::prefetch(run_->bytes_, block_); }
}

Result<std::optional<RunKey>> RunSearch::find(const Key& key) const {
  if (seen_ == Seen::kAbsent) { return std::nullopt; }
  if (seen_ == Seen::kBlock && block_ >= run_->blocks_.begin(key.kind) && block_ < run_->blocks_.end(key.kind)) {
    auto found = run_->find_in_block(key, block_);
    if (!found || *found) { return found; }
  }
  return run_->find(key);  // another key may have the same hash
}

RunKeyCursor::RunKeyCursor(const Run& run) : run_(&run), next_block_(0), end_block_(run.blocks().end()) {}

RunKeyCursor::RunKeyCursor(const Run& run, KeyKind kind)
    : run_(&run), next_block_(run.blocks().begin(kind)), end_block_(run.blocks().end(kind)) {}

Error RunKeyCursor::in_disorder() const {
  return run_->bytes().damaged(block_->offset(), "the keys of the index run are in disorder");
}

Status RunKeyCursor::seek(KeyKind kind, std::string_view name) {
  // The last block whose first name is not above it, or the first block.
  next_block_ = run_->blocks().begin(kind);
  end_block_ = run_->blocks().end(kind);
  KeyBlock::Entry entry;
  for (std::uint64_t n = end_block_ - next_block_; n > 1;) {
    const std::uint64_t half = n / 2;
    auto block = KeyBlock::open(run_->bytes(), next_block_ + half);
    if (!block) { return std::unexpected(std::move(block.error())); }
    if (!block->next(entry) || entry.shared != 0) {
      return std::unexpected(run_->bytes().damaged(block->offset(), "a block of keys makes no sense"));
    }
    const bool above = entry.suffix > name;
    next_block_ += above ? 0 : half;
    n = above ? half : n - half;
  }
  left_ = 0;
  has_key_ = false;
  was_sought_ = false;
  lists_from_ = 0;
  while (true) {
    auto more = next();
    if (!more) { return std::unexpected(std::move(more.error())); }
    if (!*more) { return {}; }
    if (name_ >= name) { break; }
  }
  was_sought_ = true;
  return {};
}

Result<bool> RunKeyCursor::next() {
  if (std::exchange(was_sought_, false)) { return true; }
  if (left_ == 0) {
    if (next_block_ >= end_block_) { return false; }
    if (auto done = enter_block(); !done) { return std::unexpected(std::move(done.error())); }
  }
  KeyBlock::Entry entry;
  if (!block_->next(entry)) { return std::unexpected(in_disorder()); }
  if (auto done = take(entry); !done) { return std::unexpected(std::move(done.error())); }
  --left_;
  return true;
}

Status RunKeyCursor::enter_block() {
  auto block = KeyBlock::open(run_->bytes(), next_block_);
  if (!block) { return std::unexpected(std::move(block.error())); }
  block_ = *block;
  const KeyKind kind = run_->blocks().kind_of(next_block_);
  has_key_ = has_key_ && kind == kind_;
  kind_ = kind;
  in_first_ = true;
  left_ = run_->blocks().keys_in(next_block_);
  ++next_block_;
  return {};
}

Status RunKeyCursor::take(const KeyBlock::Entry& entry) {
  if (std::exchange(in_first_, false)) {
    if (entry.shared != 0 || (has_key_ && entry.suffix <= name_)) { return std::unexpected(in_disorder()); }
    name_ = entry.suffix;
  } else {
    // Names rise, and each shares as much as it can with the one before.
    const bool rises = entry.shared <= name_.size() && !entry.suffix.empty() &&
                       (entry.shared == name_.size() ||
                        static_cast<unsigned char>(entry.suffix[0]) > static_cast<unsigned char>(name_[entry.shared]));
    if (!rises) { return std::unexpected(in_disorder()); }
    name_.resize(entry.shared);
    name_ += entry.suffix;
  }
  key_ = entry.key;
  has_key_ = true;
  if (key_.is_list()) {
    if (key_.at < lists_from_ || key_.at + list_bytes(key_) > block_->offset()) {
      return std::unexpected(in_disorder());
    }
    lists_from_ = key_.at + list_bytes(key_);
  }
  if (left_ == 1) { lists_from_ = std::max(lists_from_, block_->end()); }
  return {};
}

}  // namespace tidemark::index
