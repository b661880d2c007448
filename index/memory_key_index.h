// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/arena.h"
#include "index/growing_table.h"
#include "index/hash_slots.h"
#include "index/key.h"
#include "platform/prefetch.h"
#include "tidemark/types.hpp"

namespace tidemark::index {

// Which names of a list.
struct NamePage {
  std::string_view prefix = {};  // those that begin with this
  std::string_view after = {};   // and come after this one in byte order
  std::uint64_t limit = UINT64_MAX;
};

// Key -> the positions of its events, in order, in memory.
//
// Every question names an end: positions from there on do not exist for it. One thread adds; any may ask, without a
// lock, with an end that was published to it after what lies below was added.
class MemoryKeyIndex {
 public:
  explicit MemoryKeyIndex(Arena& memory)
      : kinds_{Kind(memory), Kind(memory), Kind(memory), Kind(memory), Kind(memory)}, memory_(memory) {}

  // Adds a position, no lower than any the key has; one that it has already changes nothing. `before` is how many
  // positions the key has below this one, here and elsewhere, if who adds it knows. Gives the key's number, among those
  // of its kind. May throw std::bad_alloc; nothing is added then.
  std::uint32_t add(const Key& key, Position position, std::optional<std::uint64_t> before = std::nullopt);
  // The same for a key that is known by its number.
  void add_again(KeyKind kind, std::uint32_t number, Position position);

  // Makes room for as many keys as another one has. Of the adding thread; may throw std::bad_alloc, and then nothing is
  // lost.
  void reserve_as(const MemoryKeyIndex& other);

  // How many of the key's positions are below end.
  [[nodiscard]] std::uint64_t count(const Key& key, Position end) const { return look(key, end).count; }
  struct Look {
    std::uint64_t count = 0;
    std::optional<std::uint64_t> before;  // how many it has before those, if there are any and this was told
  };
  [[nodiscard]] Look look(const Key& key, Position end) const;
  // The key's positions from the ordinal-th on, below end: as many as fit; gives how many.
  [[nodiscard]] std::size_t positions(const Key& key, std::uint64_t ordinal, std::span<Position> into,
                                      Position end) const;

  // Ask the processor for what the two above look at: the second with what the first one asked for.
  void prefetch_slot(const Key& key) const;
  void prefetch_key(const Key& key) const;

  struct Entry {
    std::string name;
    std::uint64_t count;
    Position last;
  };
  // The keys of a kind with a position below end, in the byte order of their names.
  [[nodiscard]] std::vector<Entry> list(KeyKind kind, const NamePage& page, Position end) const;
  // How many keys of a kind have a position below end.
  [[nodiscard]] std::uint64_t key_count(KeyKind kind, Position end) const;
  // Calls visit for each of them, in no order. The names stay as long as the index.
  void for_each(KeyKind kind, Position end, const std::function<void(const Key&)>& visit) const;

  // A key's positions, rising. At least one.
  class Positions {
   public:
    [[nodiscard]] std::uint64_t size() const { return size_; }
    [[nodiscard]] Position operator[](std::uint64_t n) const { return n == 0 ? first_ : more_[n - 1]; }
    [[nodiscard]] std::optional<std::uint64_t> before() const { return before_; }
    [[nodiscard]] std::uint64_t below(Position end) const;

   private:
    friend class MemoryKeyIndex;
    Position first_;
    const Position* more_ = nullptr;  // all but the first
    std::uint64_t size_ = 0;
    std::optional<std::uint64_t> before_;  // as in Look
  };
  // All of the n-th key of a kind, in the order in which they came. Only once nobody adds any more.
  [[nodiscard]] std::uint32_t whole_count(KeyKind kind) const {
    return static_cast<std::uint32_t>(this->kind(kind).postings.size());
  }
  [[nodiscard]] Key whole_key(KeyKind kind, std::uint32_t n) const { return this->kind(kind).postings[n].key(kind); }
  void prefetch_whole(KeyKind kind, std::uint32_t n) const { platform::prefetch(&this->kind(kind).postings[n]); }
  [[nodiscard]] Positions whole_positions(KeyKind kind, std::uint32_t n) const {
    return this->kind(kind).postings[n].positions();
  }

 private:
  static constexpr std::uint64_t kNotTold = UINT64_MAX;
  // One cache line.
  struct alignas(64) Postings {
    platform::Hash128 hash{};
    const char* name = nullptr;
    std::uint32_t name_size = 0;
    std::atomic<std::uint32_t> count = 0;  // release: what it counts is there
    Position first;
    std::atomic<Position*> more = nullptr;  // the others; full ones are replaced by larger ones, and stay
    std::uint32_t room = 0;                 // there; of the adding thread
    std::uint64_t before = kNotTold;        // the first

    [[nodiscard]] bool is(const Key& key) const {
      return hash == key.hash && std::string_view(name, name_size) == key.name;
    }
    [[nodiscard]] Positions positions() const;
    [[nodiscard]] Key key(KeyKind kind) const { return {kind, {name, name_size}, hash}; }
  };
  struct Kind {
    explicit Kind(Arena& memory) : slots(memory), postings(memory) {}

    HashSlots slots;
    GrowingTable<Postings, 16> postings;
    std::atomic<std::uint32_t> count = 0;  // of postings; release

    [[nodiscard]] const Postings* find(const Key& key) const;
  };
  [[nodiscard]] const Kind& kind(KeyKind kind) const { return kinds_[static_cast<std::size_t>(kind) - 1]; }
  // Calls visit(postings) for each key of the kind.
  template <class Visit>
  void visit_kind(KeyKind kind, Visit visit) const;
  void append(Postings& postings, Position position);

  std::array<Kind, kKeyKinds.size()> kinds_;
  Arena& memory_;
};

}  // namespace tidemark::index
