// SPDX-License-Identifier: Apache-2.0
#include "engine/format/group_file.h"

#include <algorithm>
#include <utility>

#include "engine/format/hashed_name.h"
#include "platform/checksum.h"
#include "tidemark/limits.hpp"

namespace tidemark::engine {

namespace {

constexpr std::string_view kPrefix = "group-";

class BodyWriter {
 public:
  void number(std::uint64_t n) {
    bytes_.resize(bytes_.size() + sizeof n);
    store_as(bytes_.data() + bytes_.size() - sizeof n, n);
  }
  void text(std::string_view text) {
    number(text.size());
    const Bytes more = as_bytes(text);
    bytes_.insert(bytes_.end(), more.begin(), more.end());
  }
  void texts(const std::vector<std::string>& all) {
    number(all.size());
    for (const auto& one : all) { text(one); }
  }
  // Behind a header that tells of it.
  [[nodiscard]] std::vector<std::byte> sealed(GroupBlock header, std::uint64_t magic) const {
    header.body_bytes = bytes_.size();
    header.body_check = platform::xxh3_64(bytes_);
    std::vector<std::byte> file(sizeof header);
    store_as(file.data(), header);
    seal_block(file, magic);
    file.insert(file.end(), bytes_.begin(), bytes_.end());
    return file;
  }

 private:
  std::vector<std::byte> bytes_;
};

// Of hostile bytes: what is not there reads as nothing, and good() says so.
class BodyReader {
 public:
  explicit BodyReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  std::uint64_t number() {
    if (rest_.size() < sizeof(std::uint64_t)) { return fail(); }
    const auto n = load_as<std::uint64_t>(rest_.data());
    rest_ = rest_.subspan(sizeof n);
    return n;
  }
  std::string text() {
    const std::uint64_t length = number();
    if (length > rest_.size()) {
      fail();
      return {};
    }
    std::string text(as_text(rest_.first(static_cast<std::size_t>(length))));
    rest_ = rest_.subspan(static_cast<std::size_t>(length));
    return text;
  }
  std::vector<std::string> texts() {
    std::vector<std::string> all;
    for (std::uint64_t left = number(); good_ && left > 0; --left) { all.push_back(text()); }
    return all;
  }
  // Whether all was there, and nothing more.
  [[nodiscard]] bool is_through() const { return good_ && rest_.empty(); }
  [[nodiscard]] bool good() const { return good_; }

 private:
  std::uint64_t fail() {
    good_ = false;
    rest_ = {};
    return 0;
  }

  std::span<const std::byte> rest_;
  bool good_ = true;
};

// The header, and the body behind it. A file may be longer: a slot is.
BlockState open_block(std::span<const std::byte> bytes, std::uint64_t magic, GroupBlock& header,
                      std::span<const std::byte>& body) {
  if (bytes.size() < sizeof header) { return all_zero(bytes) ? BlockState::kEmpty : BlockState::kBad; }
  const BlockState state = check_block(bytes.first(sizeof header), magic);
  if (state != BlockState::kGood) { return state; }
  header = load_as<GroupBlock>(bytes.data());
  bytes = bytes.subspan(sizeof header);
  if (header.body_bytes > bytes.size()) { return BlockState::kBad; }
  body = bytes.first(static_cast<std::size_t>(header.body_bytes));
  return platform::xxh3_64(body) == header.body_check ? BlockState::kGood : BlockState::kBad;
}

void write_query(BodyWriter& body, const Query& query) {
  body.number(static_cast<std::uint64_t>(query.scope()));
  body.text(query.scope_name());
  body.number(query.items().size());
  for (const QueryItem& item : query.items()) {
    body.texts(item.types);
    body.texts(item.tags);
  }
}

Query read_query(BodyReader& body) {
  const std::uint64_t scope = body.number();
  const std::string name = body.text();
  Query query = scope == static_cast<std::uint64_t>(Query::Scope::kStream)     ? Query::stream(name)
                : scope == static_cast<std::uint64_t>(Query::Scope::kCategory) ? Query::category(name)
                                                                               : Query::all();
  std::vector<QueryItem> items;
  for (std::uint64_t left = body.number(); body.good() && left > 0; --left) {
    QueryItem item;
    item.types = body.texts();
    item.tags = body.texts();
    items.push_back(std::move(item));
  }
  return items.empty() ? query : query.any_of(std::move(items));
}

bool is_of(const GroupBlock& header, const PartitionName& of) {
  return header.group_id == of.group_id && header.partition == of.partition;
}

}  // namespace

std::vector<std::byte> encode_group(const GroupDefinition& group) {
  BodyWriter body;
  body.text(group.name);
  write_query(body, group.query);
  GroupBlock header{};
  header.log_id = group.log_id;
  header.group_id = group.group_id;
  header.next = group.first.value();
  header.partition = group.partitions;
  return body.sealed(header, kGroupMagic);
}

BlockState decode_group(std::span<const std::byte> file, GroupDefinition& into) {
  GroupBlock header{};
  std::span<const std::byte> bytes;
  const BlockState state = open_block(file, kGroupMagic, header, bytes);
  if (state != BlockState::kGood) { return state; }
  BodyReader body(bytes);
  into.log_id = header.log_id;
  into.group_id = header.group_id;
  into.partitions = header.partition;
  into.first = Position(header.next);
  into.name = body.text();
  into.query = read_query(body);
  const bool good = into.partitions > 0 && into.partitions <= limits::kGroupPartitionsMax;
  return good && body.is_through() ? BlockState::kGood : BlockState::kBad;
}

std::vector<std::byte> encode_partition(const PartitionName& of, const PartitionProgress& progress) {
  BodyWriter body;
  for (const PartitionEntry& entry : progress.entries) {
    body.number(entry.position);
    body.number(std::uint64_t{entry.done} << 32U | entry.tries);
  }
  GroupBlock header{};
  constexpr std::size_t kNoteBytes = 3 * sizeof(std::uint64_t);
  std::size_t room = kGroupStateSlotBytes - kSectorBytes - progress.entries.size() * sizeof(PartitionEntry);
  for (const PartitionNote& note : progress.notes) {
    if (room < kNoteBytes) { break; }
    const std::size_t reason = kNoteBytes + note.reason.size() <= room ? note.reason.size() : 0;
    body.number(note.position);
    body.number(static_cast<std::uint64_t>(note.due.time_since_epoch().count()));
    body.text(std::string_view(note.reason).substr(0, reason));
    room -= kNoteBytes + reason;
    ++header.notes;
  }
  header.log_id = progress.proof.log_id;
  header.group_id = of.group_id;
  header.generation = progress.generation;
  header.next = progress.next.value();
  header.proof_position = progress.proof.position.value_or(Position()).value();
  header.proof_check = progress.proof.check;
  header.proof_epoch = progress.proof.epoch;
  header.has_proof = progress.proof.position ? 1 : 0;
  header.partition = of.partition;
  header.count = static_cast<std::uint32_t>(progress.entries.size());
  header.replayed = progress.replayed;
  return body.sealed(header, kGroupStateMagic);
}

BlockState decode_partition(std::span<const std::byte> slot, const PartitionName& of, PartitionProgress& into) {
  GroupBlock header{};
  std::span<const std::byte> bytes;
  const BlockState state = open_block(slot, kGroupStateMagic, header, bytes);
  if (state != BlockState::kGood) { return state; }
  if (!is_of(header, of) || header.count > kPartitionEntriesMax || header.has_proof > 1 ||
      bytes.size() < header.count * sizeof(PartitionEntry)) {
    return BlockState::kBad;
  }
  BodyReader body(bytes);
  into.generation = header.generation;
  into.replayed = header.replayed;
  into.next = Position(header.next);
  into.proof = {.log_id = header.log_id,
                .position = header.has_proof == 1 ? std::optional(Position(header.proof_position)) : std::nullopt,
                .epoch = header.proof_epoch,
                .check = header.proof_check};
  into.entries.clear();
  for (std::uint32_t i = 0; i < header.count; ++i) {
    const std::uint64_t position = body.number();
    const std::uint64_t rest = body.number();
    const bool rises = position >= (into.entries.empty() ? header.next : into.entries.back().position + 1);
    if (!rises || rest >> 32U > 1) { return BlockState::kBad; }
    into.entries.push_back({position, static_cast<std::uint32_t>(rest), static_cast<std::uint32_t>(rest >> 32U)});
  }
  into.notes.clear();
  for (std::uint64_t left = header.notes; body.good() && left > 0; --left) {
    PartitionNote note;
    note.position = body.number();
    note.due = RecordedTime(std::chrono::nanoseconds(static_cast<std::int64_t>(body.number())));
    note.reason = body.text();
    if (note.position < (into.notes.empty() ? header.next : into.notes.back().position + 1)) {
      return BlockState::kBad;
    }
    into.notes.push_back(std::move(note));
  }
  return body.is_through() ? BlockState::kGood : BlockState::kBad;
}

std::vector<std::byte> encode_parked(const PartitionName& of, const std::vector<ParkedEntry>& entries) {
  BodyWriter body;
  for (const ParkedEntry& entry : entries) {
    body.number(entry.position.value());
    body.number(static_cast<std::uint64_t>(entry.parked.time_since_epoch().count()));
    body.number(std::uint64_t{entry.wanted ? 1U : 0U} << 32U | entry.tries);
    body.text(entry.stream);
    body.text(entry.reason);
  }
  GroupBlock header{};
  header.group_id = of.group_id;
  header.partition = of.partition;
  header.count = static_cast<std::uint32_t>(entries.size());
  return body.sealed(header, kGroupParkedMagic);
}

BlockState decode_parked(std::span<const std::byte> file, const PartitionName& of, std::vector<ParkedEntry>& into) {
  GroupBlock header{};
  std::span<const std::byte> bytes;
  const BlockState state = open_block(file, kGroupParkedMagic, header, bytes);
  if (state != BlockState::kGood) { return state; }
  if (!is_of(header, of) || header.count > kParkedEntriesMax) { return BlockState::kBad; }
  BodyReader body(bytes);
  into.clear();
  for (std::uint32_t i = 0; body.good() && i < header.count; ++i) {
    ParkedEntry entry;
    entry.position = Position(body.number());
    entry.parked = RecordedTime(std::chrono::nanoseconds(static_cast<std::int64_t>(body.number())));
    const std::uint64_t rest = body.number();
    entry.tries = static_cast<std::uint32_t>(rest);
    entry.wanted = rest >> 32U != 0;
    entry.stream = body.text();
    entry.reason = body.text();
    if (!into.empty() && into.back().position >= entry.position) { return BlockState::kBad; }
    into.push_back(std::move(entry));
  }
  return body.is_through() ? BlockState::kGood : BlockState::kBad;
}

ReplayRequestImage encode_replay_request(const FileId& group_id, std::uint64_t request) {
  GroupBlock header{};
  header.group_id = group_id;
  header.generation = request;
  header.body_check = platform::xxh3_64({});
  ReplayRequestImage image{};
  store_as(image.data(), header);
  seal_block(image, kGroupReplayMagic);
  return image;
}

BlockState decode_replay_request(std::span<const std::byte> sector, const FileId& group_id, std::uint64_t& into) {
  GroupBlock header{};
  std::span<const std::byte> body;
  const BlockState state = open_block(sector, kGroupReplayMagic, header, body);
  if (state != BlockState::kGood) { return state; }
  if (header.group_id != group_id) { return BlockState::kBad; }
  into = header.generation;
  return BlockState::kGood;
}

bool is_group_file_name(std::string_view file) {
  if (file == kGroupDefinitionName || file == kGroupStateName || file == kGroupReplayName) { return true; }
  for (std::uint32_t partition = 0; partition < limits::kGroupPartitionsMax; ++partition) {
    if (file == parked_file_name(partition)) { return true; }
  }
  return false;
}

bool is_group_temporary_name(std::string_view file) {
  return file.ends_with(kGroupTemporarySuffix) &&
         is_group_file_name(file.substr(0, file.size() - kGroupTemporarySuffix.size()));
}

std::string parked_file_name(std::uint32_t partition) { return "parked-" + std::to_string(partition); }

std::string group_folder_name(std::string_view group) { return hashed_name(kPrefix, group); }

bool is_group_folder_name(std::string_view folder) { return is_hashed_name(kPrefix, folder); }

}  // namespace tidemark::engine
