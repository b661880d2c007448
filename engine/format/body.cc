// SPDX-License-Identifier: Apache-2.0
#include "engine/format/body.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/checksum.h"
#include "platform/prefetch.h"

namespace tidemark::engine {

std::size_t varint_bytes(std::uint64_t value) {
  std::size_t n = 1;
  while (value >= 0x80) {
    value >>= 7U;
    ++n;
  }
  return n;
}

std::byte* put_varint(std::byte* to, std::uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<std::byte>(value | 0x80U);
    value >>= 7U;
  }
  *to++ = static_cast<std::byte>(value);
  return to;
}

namespace {

// Takes values off the front of some bytes. After the first that is not there, everything fails.
class Taker {
 public:
  explicit Taker(Bytes bytes) : bytes_(bytes) {}

  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::size_t taken() const { return at_; }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at_ < bytes_.size(); shift += 7) {
      const auto byte = static_cast<std::uint8_t>(bytes_[at_++]);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) { return value; }
    }
    failed_ = true;
    return 0;
  }
  // A varint below a bound.
  std::uint32_t index(std::uint32_t bound) {
    const std::uint64_t value = varint();
    if (value >= bound) { failed_ = true; }
    return failed_ ? 0 : static_cast<std::uint32_t>(value);
  }
  Bytes bytes(std::uint64_t count) {
    if (failed_ || count > bytes_.size() - at_) {
      failed_ = true;
      return {};
    }
    const Bytes result = bytes_.subspan(at_, count);
    at_ += count;
    return result;
  }
  template <class T>
  T fixed() {
    const Bytes raw = bytes(sizeof(T));
    return failed_ ? T{} : load_as<T>(raw.data());
  }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

std::uint32_t check_of(Bytes bytes) { return static_cast<std::uint32_t>(platform::xxh3_64(bytes)); }

}  // namespace

std::optional<BodyView> BodyView::open(const FrameHeader& header, Bytes table, Bytes body, bool check_names) {
  BodyView view;
  view.table_ = table;
  view.body_ = body;
  view.event_checks_ = (header.flags & frame_flags::kEventChecks) != 0;
  const bool has_checkpoints = (header.flags & frame_flags::kCheckpoints) != 0;
  const std::uint64_t ends_begin = kBodyStartBytes + (has_checkpoints ? kCheckpointCountBytes : 0);
  if (body.size() < ends_begin) { return std::nullopt; }
  const std::uint64_t streams = table.size() / kTableEntryBytes;
  const std::uint64_t types = load_as<std::uint32_t>(body.data());
  const std::uint64_t tags = load_as<std::uint32_t>(body.data() + 4);
  const std::uint64_t checkpoints = has_checkpoints ? load_as<std::uint32_t>(body.data() + kBodyStartBytes) : 0;
  const std::uint64_t names = streams + types + tags + checkpoints;
  const std::uint64_t names_begin = ends_begin + 4 * names;
  if (names_begin > body.size() || checkpoints > UINT16_MAX) { return std::nullopt; }
  view.stream_count_ = static_cast<std::uint32_t>(streams);
  view.type_count_ = static_cast<std::uint32_t>(types);
  view.tag_count_ = static_cast<std::uint32_t>(tags);
  view.checkpoint_count_ = static_cast<std::uint16_t>(checkpoints);
  view.names_begin_ = static_cast<std::uint32_t>(names_begin);
  const std::uint64_t names_bytes = names == 0 ? 0 : load_as<std::uint32_t>(body.data() + names_begin - 4);
  const std::uint64_t names_end = names_begin + names_bytes;
  const std::uint64_t checked_end = names_end + sizeof(CheckpointRecord) * checkpoints;
  const std::uint64_t events_begin = checked_end + (view.event_checks_ ? kCheckBytes : 0);
  if (events_begin > body.size()) { return std::nullopt; }
  if (check_names && view.event_checks_ &&
      load_as<std::uint32_t>(body.data() + checked_end) != check_of(body.first(checked_end))) {
    return std::nullopt;
  }
  view.events_begin_ = static_cast<std::uint32_t>(events_begin);
  if (check_names && !view.names_are_right()) { return std::nullopt; }
  return view;
}

// A stream that is named twice would have two counts of its versions, and an empty name is none that a store takes.
bool BodyView::names_are_right() const {
  std::uint64_t begin = 0;
  for (std::uint64_t i = 0; i < name_count(); ++i) {
    const std::uint64_t end = load_as<std::uint32_t>(name_ends() + 4 * i);
    if (end <= begin) { return false; }
    begin = end;
  }
  return stream_count_ < 2 || streams_differ();
}

// Two names are the same only if their hashes lead to one bit, which is seldom; those that do are compared, sorted, so
// that nobody can make this slow.
bool BodyView::streams_differ() const {
  static constexpr std::uint64_t kBitsPerStream = 16;
  static constexpr std::uint64_t kWordBits = 64;
  const std::uint64_t words = std::bit_ceil(stream_count_ * kBitsPerStream / kWordBits + 1);
  struct Word {
    std::uint64_t once = 0;
    std::uint64_t twice = 0;
  };
  std::vector<Word> bits(words);
  std::vector<std::uint64_t> hashes(stream_count_);
  const auto word_of = [&](std::uint64_t hash) -> Word& { return bits[hash / kWordBits & (words - 1)]; };
  const auto bit_of = [](std::uint64_t hash) { return std::uint64_t{1} << hash % kWordBits; };
  for (std::uint32_t i = 0; i < stream_count_; ++i) {
    hashes[i] = platform::xxh3_64(as_bytes(stream_name(i)));
    Word& word = word_of(hashes[i]);
    word.twice |= word.once & bit_of(hashes[i]);
    word.once |= bit_of(hashes[i]);
  }
  std::vector<std::string_view> doubtful;
  for (std::uint32_t i = 0; i < stream_count_; ++i) {
    if ((word_of(hashes[i]).twice & bit_of(hashes[i])) != 0) { doubtful.push_back(stream_name(i)); }
  }
  std::ranges::sort(doubtful);
  return std::ranges::adjacent_find(doubtful) == doubtful.end();
}

Version BodyView::first_version(std::uint32_t stream) const {
  return Version(load_as<std::uint64_t>(table_.data() + kTableEntryBytes * stream) - 1);
}

Checkpoint BodyView::checkpoint(std::uint32_t index) const {
  const auto record = load_as<CheckpointRecord>(body_.data() + names_end() + sizeof(CheckpointRecord) * index);
  Checkpoint checkpoint{.log_id = record.log_id, .epoch = record.epoch, .check = record.check};
  if (record.position != 0) { checkpoint.position = Position(record.position - 1); }
  return checkpoint;
}

std::string_view BodyView::name(std::uint32_t index) const {
  const std::byte* ends = name_ends();
  const std::uint64_t begin = index == 0 ? 0 : load_as<std::uint32_t>(ends + 4 * (std::uint64_t{index} - 1));
  const std::uint64_t end = load_as<std::uint32_t>(ends + 4 * std::uint64_t{index});
  // A hostile directory may run backward or past the names; such a name is empty.
  if (begin > end || names_begin_ + end > names_end()) { return {}; }
  return as_text(body_.subspan(names_begin_ + begin, end - begin));
}

std::optional<std::uint32_t> BodyView::stream_at(std::uint32_t offset) const {
  if (offset < events_begin_ || std::uint64_t{offset} + 1 >= body_.size()) { return std::nullopt; }
  Taker take(body_.subspan(offset + 1));
  const std::uint32_t stream = take.index(stream_count_);
  return take.failed() ? std::nullopt : std::optional(stream);
}

void BodyView::prefetch_stream(std::uint32_t stream) const {
  platform::prefetch(table_.data() + kTableEntryBytes * stream);
  platform::prefetch(name_ends() + 4 * std::uint64_t{stream});
}

void BodyView::prefetch_stream_name(std::uint32_t stream) const {
  const std::string_view it = stream_name(stream);
  platform::prefetch(reinterpret_cast<const std::byte*>(it.data()), std::min(it.size(), std::size_t{64}));
}

std::optional<std::uint32_t> BodyView::event_at(std::uint32_t offset, bool check_event, EventRecord& into) const {
  if (offset < events_begin_ || offset >= body_.size()) { return std::nullopt; }
  Taker take(body_.subspan(offset));
  const auto flags = take.fixed<std::uint8_t>();
  if ((flags & ~event_flags::kKnown) != 0) { return std::nullopt; }
  into.stream = take.index(stream_count_);
  into.ordinal = take.index(UINT32_MAX);
  into.type = take.index(type_count_);
  into.id = EventId(take.fixed<FileId>());
  into.id_made = (flags & event_flags::kIdMade) != 0;
  into.lost = (flags & event_flags::kLost) != 0;
  into.valid.reset();
  if ((flags & event_flags::kValid) != 0) {
    into.valid = ValidTime(std::chrono::microseconds(take.fixed<std::int64_t>()));
  }
  into.tags.clear();
  if ((flags & event_flags::kTags) != 0) {
    const std::uint64_t count = take.varint();
    for (std::uint64_t i = 0; i < count && !take.failed(); ++i) { into.tags.push_back(take.index(tag_count_)); }
  }
  const std::uint64_t data_bytes = take.varint();
  const std::uint64_t metadata_bytes = (flags & event_flags::kMetadata) != 0 ? take.varint() : 0;
  into.data = take.bytes(data_bytes);
  into.metadata = take.bytes(metadata_bytes);
  const std::size_t record_bytes = take.taken();
  if (event_checks_) {
    const auto check = take.fixed<std::uint32_t>();
    if (check_event && !take.failed() && check != check_of(body_.subspan(offset, record_bytes))) {
      return std::nullopt;
    }
  }
  if (take.failed()) { return std::nullopt; }
  return offset + static_cast<std::uint32_t>(take.taken());
}

}  // namespace tidemark::engine
