// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>

#include "index/arena.h"
#include "platform/prefetch.h"

namespace tidemark::index {

// From hashes to numbers of entries that are kept elsewhere: a flat hash table of eight bytes a slot, with linear
// probing, in the memory of an arena, where outgrown ones stay. It only grows. One thread adds; any may look, without a
// lock, and finds what was added before something that was published to it.
class HashSlots {
 public:
  explicit HashSlots(Arena& memory) : memory_(memory) {}
  HashSlots(const HashSlots&) = delete;
  HashSlots& operator=(const HashSlots&) = delete;

  // The number with this hash of which is(number) is true.
  template <class Is>
  [[nodiscard]] std::optional<std::uint32_t> find(std::uint32_t hash, Is is) const {
    const Slots* const slots = current_.load(std::memory_order_acquire);
    if (slots == nullptr) { return std::nullopt; }
    for (std::uint64_t at = hash & slots->mask;; at = (at + 1) & slots->mask) {
      const std::uint64_t slot = slots->at[at].load(std::memory_order_acquire);
      if (slot == kFree) { return std::nullopt; }
      if (hash_of(slot) == hash && is(number_of(slot))) { return number_of(slot); }
    }
  }

  // Ask the processor for what find() looks at; the second gives the number that it most likely finds.
  void prefetch(std::uint32_t hash) const {
    const Slots* const slots = current_.load(std::memory_order_acquire);
    if (slots != nullptr) { platform::prefetch(&slots->at[hash & slots->mask]); }
  }
  [[nodiscard]] std::optional<std::uint32_t> look(std::uint32_t hash) const {
    return find(hash, [](std::uint32_t) { return true; });
  }

  // Sees to it that add() does not have to. These two may throw std::bad_alloc; nothing has changed then.
  void make_room() {
    if (count_ >= kNumberMax) { throw std::bad_alloc(); }
    const Slots* const slots = current_.load(std::memory_order_relaxed);
    if (slots != nullptr && fits(count_ + 1, slots->mask + 1)) { return; }
    grow(slots == nullptr ? kSlotsFirst : 2 * (slots->mask + 1));
  }
  // Makes room for so many at once.
  void reserve(std::uint64_t count) {
    const Slots* const slots = current_.load(std::memory_order_relaxed);
    const std::uint64_t now = slots == nullptr ? 0 : slots->mask + 1;
    std::uint64_t size = std::max(now, kSlotsFirst);
    while (!fits(count, size)) { size *= 2; }
    if (size > now) { grow(size); }
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }  // of the adding thread
  // After make_room(). What the number stands for is there already.
  void add(std::uint32_t hash, std::uint32_t number) {
    current_.load(std::memory_order_relaxed)
        ->put(std::uint64_t{hash} << 32U | (std::uint64_t{number} + 1), std::memory_order_release);
    ++count_;
  }

 private:
  // hash << 32 | number + 1
  static constexpr std::uint64_t kFree = 0;
  static constexpr std::uint64_t kSlotsFirst = 64;
  static constexpr std::uint64_t kNumberMax = UINT32_MAX - 1;
  static std::uint32_t hash_of(std::uint64_t slot) { return static_cast<std::uint32_t>(slot >> 32U); }
  static std::uint32_t number_of(std::uint64_t slot) { return static_cast<std::uint32_t>(slot) - 1; }

  struct Slots {
    void put(std::uint64_t slot, std::memory_order order) {
      std::uint64_t n = hash_of(slot) & mask;
      while (at[n].load(std::memory_order_relaxed) != kFree) { n = (n + 1) & mask; }
      at[n].store(slot, order);
    }
    std::uint64_t mask;
    std::atomic<std::uint64_t>* at;
  };

  static bool fits(std::uint64_t count, std::uint64_t size) { return 3 * count <= 2 * size; }
  void grow(std::uint64_t size) {
    auto* const slots = memory_.array<std::atomic<std::uint64_t>>(static_cast<std::size_t>(size));
    auto* const larger = new (memory_.room<Slots>(1)) Slots{size - 1, slots};
    if (const Slots* const before = current_.load(std::memory_order_relaxed)) {
      for (std::uint64_t at = 0; at <= before->mask; ++at) {
        const std::uint64_t slot = before->at[at].load(std::memory_order_relaxed);
        if (slot != kFree) { larger->put(slot, std::memory_order_relaxed); }
      }
    }
    current_.store(larger, std::memory_order_release);
  }

  Arena& memory_;
  std::atomic<Slots*> current_ = nullptr;
  std::uint64_t count_ = 0;
};

}  // namespace tidemark::index
