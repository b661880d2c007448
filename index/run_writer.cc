// SPDX-License-Identifier: Apache-2.0
#include "index/run_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "index/guarded.h"
#include "index/run_keys.h"
#include "index/run_output.h"
#include "platform/io.h"
#include "platform/sort.h"

namespace tidemark::index {

namespace {

constexpr std::size_t kBatch = 1024;            // entries taken from the source at a time
constexpr unsigned kBlockBits = 28;             // of a key block's number
constexpr std::size_t kPackedBytes = 64 << 10;  // handed on once so many are there

Error out_of_order(const char* what) {
  return Error(ErrorCode::kDamaged, std::string("what an index run is to be written from is not in order: ") + what);
}

Error over_limit(const std::string& what) { return Error(ErrorCode::kLimitExceeded, what); }

// Hashes of keys with the numbers of their blocks, for the table, as far as there is room.
class KeyHashes {
 public:
  static constexpr std::uint64_t kEnd = std::uint64_t{1} << kKeyHashBits;

  explicit KeyHashes(std::uint64_t bytes_max) : room_(std::max<std::uint64_t>(bytes_max / sizeof(std::uint64_t), 1)) {}
  [[nodiscard]] bool is_over() const { return packed_.size() > room_; }
  void add(std::uint64_t hash, std::uint64_t block) {
    if (packed_.size() == packed_.capacity()) {
      packed_.reserve(std::min<std::uint64_t>(std::max<std::size_t>(packed_.size() * 2, 1024), room_ + 1));
    }
    packed_.push_back(hash << kBlockBits | block);
  }
  // Of those in [from, until); until is lowered to what stays. One hash is never parted, however many keys have it.
  void drop_upper_half(std::uint64_t from, std::uint64_t& until) {
    if (until - from == 1) { return; }
    const auto middle = packed_.begin() + static_cast<std::ptrdiff_t>(packed_.size() / 2);
    std::ranges::nth_element(packed_, middle);
    until = std::max(*middle >> kBlockBits, from + 1);
    std::erase_if(packed_, [until](std::uint64_t one) { return one >> kBlockBits >= until; });
  }
  void clear() { packed_.clear(); }
  [[nodiscard]] std::size_t size() const { return packed_.size(); }
  void sort() { platform::sort_numbers(packed_); }
  [[nodiscard]] HashedValue operator[](std::size_t i) const {
    return {.hash = packed_[i] >> kBlockBits, .value = packed_[i] & low_bits(kBlockBits)};
  }

 private:
  std::uint64_t room_;
  std::vector<std::uint64_t> packed_;
};

class Writer {
 public:
  Writer(RunSource& source, const RunOptions& options, RunSink& sink)
      : source_(source), options_(options), output_(sink), hashes_(options.table_bytes_max) {}

  [[nodiscard]] Result<std::uint64_t> write() {
    const auto steps = {&Writer::begin, &Writer::write_keys, &Writer::write_key_table, &Writer::write_ids,
                        &Writer::write_places};
    for (const auto step : steps) {
      if (auto done = (this->*step)(); !done) { return std::unexpected(std::move(done.error())); }
    }
    if (auto done = output_.finish(header_); !done) { return std::unexpected(std::move(done.error())); }
    return header_.file_size;
  }

 private:
  Status begin();
  Status write_keys();
  Status add_key(const RunSource::KeyHead& head);
  Status check_order(const RunSource::KeyHead& head);
  Status read_positions(std::span<std::uint32_t> into);
  Status write_list(RunKey& key);
  Status flush_block();
  Status write_key_table();
  Status write_hashes(TableWriter& table, ByteBuffer& packed);
  Status write_key_table_in_parts(TableWriter& table, ByteBuffer& packed);
  Status collect_hashes(std::uint64_t from, std::uint64_t& until);
  Status write_ids();
  Status write_places();

  void begin_section(SectionName name) { header_.section(name).offset = output_.offset(); }
  Status end_section(SectionName name) {
    RunSection& section = header_.section(name);
    section.size = output_.offset() - section.offset;
    return output_.pad();
  }
  Status write_section(SectionName name, const ByteBuffer& bytes) {
    begin_section(name);
    if (auto done = output_.append(bytes); !done) { return done; }
    return end_section(name);
  }
  Status hand_on(ByteBuffer& packed, bool all) {
    if (packed.size() < kPackedBytes && !all) { return {}; }
    auto done = output_.append(packed);
    packed.clear();
    return done;
  }
  [[nodiscard]] std::uint64_t events() const { return header_.event_count(); }

  RunSource& source_;
  const RunOptions& options_;
  RunOutput output_;
  RunHeader header_{};

  ByteBuffer block_;         // the keys of the block that is being filled
  ByteBuffer block_places_;  // where the blocks are
  std::uint64_t blocks_ = 0;
  std::uint64_t in_block_ = 0;
  std::optional<KeyKind> kind_;  // of the key before
  std::string previous_;         // its name
  std::optional<std::uint32_t> last_position_;
  KeyHashes hashes_;
  bool hashes_fit_ = true;
};

Status Writer::begin() {
  if (source_.first() >= source_.end()) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument, "an index run needs at least one event"));
  }
  if (source_.end() - source_.first() > kRunEventsMax) {
    return std::unexpected(over_limit("an index run holds at most 4,294,967,295 events"));
  }
  if (options_.note.size() > kRunNoteBytesMax) {
    return std::unexpected(over_limit("the note of an index run is at most 200 bytes long"));
  }
  header_.magic = kRunMagic;
  header_.format_major = kRunFormatMajor;
  header_.format_minor = kRunFormatMinor;
  header_.log_id = options_.log_id;
  header_.first = source_.first().value();
  header_.end = source_.end().value();
  header_.kinds = kEventKinds;
  header_.note_size = static_cast<std::uint32_t>(options_.note.size());
  std::ranges::copy(options_.note, header_.note.begin());
  return source_.start();
}

Status Writer::write_keys() {
  begin_section(SectionName::kKeys);
  RunSource::KeyHead head;
  while (true) {
    auto more = source_.next_key(head);
    if (!more) { return std::unexpected(std::move(more.error())); }
    if (!*more) { break; }
    if (auto done = add_key(head); !done) { return done; }
  }
  if (auto done = flush_block(); !done) { return done; }
  if (auto done = end_section(SectionName::kKeys); !done) { return done; }
  auto done = write_section(SectionName::kKeyBlocks, block_places_);
  block_places_ = {};
  return done;
}

Status Writer::check_order(const RunSource::KeyHead& head) {
  if (head.name.size() > kKeyNameBytesMax) {
    return std::unexpected(over_limit("a name in an index run is at most 1,024 bytes long"));
  }
  if (header_.key_count() == kRunKeysMax) {
    return std::unexpected(over_limit("an index run holds at most 4,294,967,232 keys"));
  }
  if (kind_ && (head.kind < *kind_ || (head.kind == *kind_ && head.name <= previous_))) {
    return std::unexpected(out_of_order("keys"));
  }
  if (head.count == 0 || head.count > events() || head.base >> 62U != 0) {
    return std::unexpected(out_of_order("the numbers of a key"));
  }
  return {};
}

Status Writer::add_key(const RunSource::KeyHead& head) {
  if (auto done = check_order(head); !done) { return done; }
  if (in_block_ == kKeysPerBlock || kind_ != head.kind) {
    if (auto done = flush_block(); !done) { return done; }
  }
  RunKey key{.base = head.base, .count = head.count};
  last_position_.reset();
  std::array<std::uint32_t, kPositionsPerChunk> positions;
  std::span<std::uint32_t> packed;
  if (key.is_list()) {
    if (auto done = write_list(key); !done) { return done; }
  } else {
    packed = std::span(positions).first(head.count);
    if (auto done = read_positions(packed); !done) { return done; }
  }
  encode_key(in_block_ == 0 ? std::string_view() : previous_, head.name, key, packed, events(), block_);
  KindCounts& counts = header_.of_kind(kind_slot(head.kind));
  ++counts.keys;
  if (head.kind == KeyKind::kCheckpoint) { header_.kinds = kAllKinds; }
  counts.beginning += head.base == 0 ? 1U : 0U;
  const Key hashed = make_key(head.kind, head.name, options_.hasher);
  if (hashes_fit_) { hashes_.add(key_table_hash(hashed.hash), blocks_); }
  hashes_fit_ = hashes_fit_ && !hashes_.is_over();
  kind_ = head.kind;
  previous_ = head.name;
  ++in_block_;
  return {};
}

Status Writer::read_positions(std::span<std::uint32_t> into) {
  if (auto done = source_.next_positions(into); !done) { return done; }
  for (const std::uint32_t position : into) {
    if ((last_position_ && position <= *last_position_) || position >= events()) {
      return std::unexpected(out_of_order("positions"));
    }
    last_position_ = position;
  }
  return {};
}

Status Writer::write_list(RunKey& key) {
  key.at = output_.offset() - header_.section(SectionName::kKeys).offset;
  ByteBuffer chunk;
  ByteBuffer directory;
  std::array<std::uint32_t, kPositionsPerChunk> positions;
  for (std::uint64_t left = key.count; left > 0;) {
    const auto some = std::span(positions).first(std::min(left, kPositionsPerChunk));
    if (auto done = read_positions(some); !done) { return done; }
    chunk.clear();
    key.units += encode_chunk(some, chunk);
    if (auto done = output_.append(chunk); !done) { return done; }
    put_number(directory, some.front());
    put_number(directory, static_cast<std::uint32_t>(key.units));
    left -= some.size();
  }
  key.last = *last_position_;
  return output_.append(directory);
}

Status Writer::flush_block() {
  if (in_block_ == 0) { return {}; }
  put_offset40(block_places_, output_.offset() - header_.section(SectionName::kKeys).offset);
  ByteBuffer length;
  put_varint(length, block_.size());
  if (auto done = output_.append(length); !done) { return done; }
  if (auto done = output_.append(block_); !done) { return done; }
  block_.clear();
  in_block_ = 0;
  ++blocks_;
  return {};
}

Status Writer::write_key_table() {
  ByteBuffer packed;
  TableWriter table(key_table_shape(header_), packed);
  begin_section(SectionName::kKeyTable);
  if (auto done = hashes_fit_ ? write_hashes(table, packed) : write_key_table_in_parts(table, packed); !done) {
    return done;
  }
  hashes_ = KeyHashes(0);
  table.finish();
  if (auto done = hand_on(packed, true); !done) { return done; }
  if (auto done = end_section(SectionName::kKeyTable); !done) { return done; }
  return write_section(SectionName::kKeyBuckets, table.buckets());
}

Status Writer::write_hashes(TableWriter& table, ByteBuffer& packed) {
  hashes_.sort();
  for (std::size_t i = 0; i < hashes_.size(); ++i) {
    table.add(hashes_[i]);
    if (auto done = hand_on(packed, false); !done) { return done; }
  }
  return {};
}

// Part by part: each is as long a range of hashes as there is room for.
Status Writer::write_key_table_in_parts(TableWriter& table, ByteBuffer& packed) {
  std::uint64_t written = 0;
  for (std::uint64_t from = 0; from < KeyHashes::kEnd;) {
    std::uint64_t until = KeyHashes::kEnd;
    if (auto done = collect_hashes(from, until); !done) { return done; }
    written += hashes_.size();
    if (written > header_.key_count()) { break; }
    if (auto done = write_hashes(table, packed); !done) { return done; }
    from = until;
  }
  if (written != header_.key_count()) { return std::unexpected(out_of_order("keys differ at the second look")); }
  return {};
}

// Lowers `until` as far as it must.
Status Writer::collect_hashes(std::uint64_t from, std::uint64_t& until) {
  hashes_.clear();
  if (auto done = source_.rewind_keys(); !done) { return done; }
  RunSource::KeyHead head;
  std::optional<KeyKind> kind;
  std::uint64_t block = 0;
  std::uint64_t in_block = 0;
  while (true) {
    auto more = source_.next_key(head);
    if (!more) { return std::unexpected(std::move(more.error())); }
    if (!*more) { return {}; }
    if (kind && (in_block == kKeysPerBlock || kind != head.kind)) {
      ++block;
      in_block = 0;
    }
    kind = head.kind;
    ++in_block;
    if (block >= blocks_) { return std::unexpected(out_of_order("keys differ at the second look")); }
    const std::uint64_t hash = key_table_hash(make_key(head.kind, head.name, options_.hasher).hash);
    if (hash < from || hash >= until) { continue; }
    hashes_.add(hash, block);
    if (hashes_.is_over()) { hashes_.drop_upper_half(from, until); }
  }
}

Status Writer::write_ids() {
  header_.id_count = source_.id_count();
  if (header_.id_count > events()) { return std::unexpected(out_of_order("more ids than events")); }
  ByteBuffer packed;
  TableWriter table(id_table_shape(header_), packed);
  begin_section(SectionName::kIdTable);
  std::vector<HashedValue> batch(kBatch);
  HashedValue before{};
  for (std::uint64_t left = header_.id_count; left > 0;) {
    const auto some = std::span(batch).first(std::min<std::uint64_t>(left, kBatch));
    if (auto done = source_.next_ids(some); !done) { return done; }
    for (const HashedValue& entry : some) {
      if (entry < before || entry.hash >> kIdHashBits != 0 || entry.value >= events()) {
        return std::unexpected(out_of_order("ids"));
      }
      before = entry;
      table.add(entry);
    }
    if (auto done = hand_on(packed, false); !done) { return done; }
    left -= some.size();
  }
  table.finish();
  if (auto done = hand_on(packed, true); !done) { return done; }
  if (auto done = end_section(SectionName::kIdTable); !done) { return done; }
  return write_section(SectionName::kIdBuckets, table.buckets());
}

Status Writer::write_places() {
  ByteBuffer packed;
  ByteBuffer blocks;
  begin_section(SectionName::kPlaces);
  const std::uint64_t start = header_.section(SectionName::kPlaces).offset;
  std::vector<Place> batch(kBatch);
  static_assert(kBatch % kPlacesPerBlock == 0);
  for (std::uint64_t left = events(); left > 0;) {
    const auto some = std::span(batch).first(std::min<std::uint64_t>(left, kBatch));
    if (auto done = source_.next_places(some); !done) { return done; }
    for (std::size_t i = 0; i < some.size(); i += kPlacesPerBlock) {
      put_offset40(blocks, output_.offset() - start + packed.size());
      encode_place_block(some.subspan(i, std::min<std::size_t>(kPlacesPerBlock, some.size() - i)), packed);
    }
    if (auto done = hand_on(packed, false); !done) { return done; }
    left -= some.size();
  }
  if (auto done = hand_on(packed, true); !done) { return done; }
  if (auto done = end_section(SectionName::kPlaces); !done) { return done; }
  return write_section(SectionName::kPlaceBlocks, blocks);
}

class FileSink final : public RunSink {
 public:
  explicit FileSink(platform::File& file) : file_(file) {}
  Status write(std::uint64_t offset, std::span<const std::byte> bytes) override {
    return platform::write_all(file_, bytes, offset);
  }

 private:
  platform::File& file_;
};

class MemorySink final : public RunSink {
 public:
  Status write(std::uint64_t offset, std::span<const std::byte> bytes) override {
    if (offset + bytes.size() > bytes_.size()) { bytes_.resize(offset + bytes.size()); }
    std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace

Result<std::uint64_t> write_run(RunSource& source, const RunOptions& options, platform::File& file) {
  return guarded([&] {
    FileSink sink(file);
    return Writer(source, options, sink).write();
  });
}

Result<std::vector<std::byte>> build_run(RunSource& source, const RunOptions& options) {
  return guarded([&]() -> Result<std::vector<std::byte>> {
    MemorySink sink;
    if (auto done = Writer(source, options, sink).write(); !done) { return std::unexpected(std::move(done.error())); }
    return sink.take();
  });
}

}  // namespace tidemark::index
