// SPDX-License-Identifier: Apache-2.0
#include "index/memory_key_index.h"

#include <algorithm>
#include <memory>
#include <new>
#include <ranges>

#include "platform/prefetch.h"

namespace tidemark::index {

namespace {

constexpr std::uint32_t kRoomFirst = 3;

std::uint32_t slot_hash(const Key& key) { return static_cast<std::uint32_t>(key.hash.low); }

}  // namespace

std::uint64_t MemoryKeyIndex::Positions::below(Position end) const {
  if ((*this)[size_ - 1] < end) { return size_; }
  if (first_ >= end) { return 0; }
  const std::span<const Position> rest(more_, size_ - 1);
  return 1 + static_cast<std::uint64_t>(std::ranges::lower_bound(rest, end) - rest.begin());
}

MemoryKeyIndex::Positions MemoryKeyIndex::Postings::positions() const {
  Positions all;
  all.first_ = first;
  all.size_ = count.load(std::memory_order_acquire);
  all.more_ = more.load(std::memory_order_acquire);  // in this order: whatever is there now holds so many
  if (before != kNotTold) { all.before_ = before; }
  return all;
}

const MemoryKeyIndex::Postings* MemoryKeyIndex::Kind::find(const Key& key) const {
  const auto number = slots.find(slot_hash(key), [&](std::uint32_t n) { return postings[n].is(key); });
  return number ? &postings[*number] : nullptr;
}

void MemoryKeyIndex::append(Postings& postings, Position position) {
  const std::uint32_t count = postings.count.load(std::memory_order_relaxed);
  Position* more = postings.more.load(std::memory_order_relaxed);
  if ((count == 1 ? postings.first : more[count - 2]) == position) { return; }
  const std::uint32_t used = count - 1;
  if (used == postings.room) {
    if (postings.room > UINT32_MAX / 2) { throw std::bad_alloc(); }
    const std::uint32_t room = std::max(2 * postings.room, kRoomFirst);
    auto* const larger = memory_.room<Position>(room);
    if (used > 0) { std::uninitialized_copy_n(more, used, larger); }
    postings.more.store(larger, std::memory_order_release);
    postings.room = room;
    more = larger;
  }
  new (more + used) Position(position);
  postings.count.store(count + 1, std::memory_order_release);
}

void MemoryKeyIndex::add_again(KeyKind kind, std::uint32_t number, Position position) {
  append(kinds_[static_cast<std::size_t>(kind) - 1].postings[number], position);
}

std::uint32_t MemoryKeyIndex::add(const Key& key, Position position, std::optional<std::uint64_t> before) {
  Kind& home = kinds_[static_cast<std::size_t>(key.kind) - 1];
  const std::uint32_t hash = slot_hash(key);
  const auto known = home.slots.find(hash, [&](std::uint32_t n) { return home.postings[n].is(key); });
  if (known) {
    append(home.postings[*known], position);
    return *known;
  }
  home.slots.make_room();
  Postings& postings = home.postings.next();
  const std::string_view name = memory_.copy(key.name);
  postings.hash = key.hash;
  postings.name = name.data();
  postings.name_size = static_cast<std::uint32_t>(name.size());
  postings.first = position;
  postings.before = before.value_or(kNotTold);
  postings.count.store(1, std::memory_order_relaxed);
  const auto number = static_cast<std::uint32_t>(home.postings.size());
  home.postings.add_next();
  home.slots.add(hash, number);
  home.count.store(number + 1, std::memory_order_release);
  return number;
}

void MemoryKeyIndex::reserve_as(const MemoryKeyIndex& other) {
  for (std::size_t i = 0; i < kinds_.size(); ++i) { kinds_[i].slots.reserve(other.kinds_[i].slots.count()); }
}

MemoryKeyIndex::Look MemoryKeyIndex::look(const Key& key, Position end) const {
  const Postings* const found = kind(key.kind).find(key);
  if (found == nullptr) { return {}; }
  const Positions all = found->positions();
  const std::uint64_t count = all.below(end);
  if (count == 0) { return {}; }
  return {count, all.before()};
}

std::size_t MemoryKeyIndex::positions(const Key& key, std::uint64_t ordinal, std::span<Position> into,
                                      Position end) const {
  const Postings* const found = kind(key.kind).find(key);
  if (found == nullptr) { return 0; }
  const Positions all = found->positions();
  const std::uint64_t known = all.below(end);
  if (ordinal >= known) { return 0; }
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(known - ordinal, into.size()));
  for (std::size_t i = 0; i < n; ++i) { into[i] = all[ordinal + i]; }
  return n;
}

void MemoryKeyIndex::prefetch_slot(const Key& key) const { kind(key.kind).slots.prefetch(slot_hash(key)); }

void MemoryKeyIndex::prefetch_key(const Key& key) const {
  const Kind& home = kind(key.kind);
  if (const auto number = home.slots.look(slot_hash(key))) { platform::prefetch(&home.postings[*number]); }
}

template <class Visit>
void MemoryKeyIndex::visit_kind(KeyKind which, Visit visit) const {
  const Kind& home = kind(which);
  const std::uint32_t count = home.count.load(std::memory_order_acquire);
  for (std::uint32_t n = 0; n < count; ++n) { visit(home.postings[n]); }
}

std::vector<MemoryKeyIndex::Entry> MemoryKeyIndex::list(KeyKind kind, const NamePage& page, Position end) const {
  struct Found {
    std::string_view name;
    std::uint64_t count;
    Position last;
  };
  std::vector<Found> found;
  const auto cut = [&] {
    if (found.size() <= page.limit) { return; }
    const auto last = found.begin() + static_cast<std::ptrdiff_t>(page.limit);
    std::ranges::nth_element(found, last, {}, &Found::name);
    found.erase(last, found.end());
  };
  visit_kind(kind, [&](const Postings& postings) {
    const std::string_view name(postings.name, postings.name_size);
    if (name <= page.after || !name.starts_with(page.prefix)) { return; }
    const Positions all = postings.positions();
    const std::uint64_t known = all.below(end);
    if (known > 0) { found.push_back({name, known, all[known - 1]}); }
    if (found.size() / 2 > page.limit) { cut(); }
  });
  cut();
  std::ranges::sort(found, {}, &Found::name);
  std::vector<Entry> entries;
  entries.reserve(found.size());
  for (const Found& one : found) { entries.push_back({std::string(one.name), one.count, one.last}); }
  return entries;
}

std::uint64_t MemoryKeyIndex::key_count(KeyKind kind, Position end) const {
  std::uint64_t n = 0;
  visit_kind(kind, [&](const Postings& postings) { n += postings.first < end ? 1 : 0; });
  return n;
}

void MemoryKeyIndex::for_each(KeyKind kind, Position end, const std::function<void(const Key&)>& visit) const {
  visit_kind(kind, [&](const Postings& postings) {
    if (postings.first < end) { visit(postings.key(kind)); }
  });
}

}  // namespace tidemark::index
