// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/compare/store.h"

namespace tidemark::compare {

// SplitMix64: the same numbers from the same seed, everywhere.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15U + 1) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }

 private:
  std::uint64_t state_;
};

// All bytes of a payload, added up as words of eight: who has it right has looked at every byte.
[[nodiscard]] std::uint64_t sum_of(std::string_view payload);

// How many events, and the sum of their payloads, in whatever order they come.
struct Tally {
  std::uint64_t events = 0;
  std::uint64_t sum = 0;

  void add(std::string_view payload) {
    ++events;
    sum += sum_of(payload);
  }
  Tally& operator+=(const Tally& other) {
    events += other.events;
    sum += other.sum;
    return *this;
  }
  friend bool operator==(const Tally&, const Tally&) = default;
};

constexpr std::size_t kTypeBytes = 20;
constexpr std::size_t kStreamNameBytes = 12;

// What the caller gives a store to keep: payload, id, type and the stream's name.
[[nodiscard]] constexpr std::uint64_t content_bytes(std::size_t payload_bytes) {
  return payload_bytes + 16 + kTypeBytes + kStreamNameBytes;
}

// "acct-0000042"
[[nodiscard]] std::string stream_name(std::uint64_t number);
[[nodiscard]] std::vector<std::string> stream_names(std::uint64_t first, std::uint64_t count);

// Random bytes that payloads are cut from, so that nothing below compresses them and making one costs next to nothing.
class Pool {
 public:
  explicit Pool(std::size_t payload_bytes);

  [[nodiscard]] std::size_t payload_bytes() const { return payload_bytes_; }
  // The payload that begins at the n-th word, and its sum, which is known without looking at the bytes.
  [[nodiscard]] std::string_view payload(std::uint64_t n) const;
  [[nodiscard]] std::uint64_t payload_sum(std::uint64_t n) const;

 private:
  static constexpr std::uint64_t kWords = std::uint64_t{1} << 20U;

  std::size_t payload_bytes_;
  std::vector<std::uint64_t> words_;
  std::vector<std::uint64_t> sums_;  // of the words before
};

// Events without end, and the tally of those that were taken. The same seed gives the same events; the ids of different
// seeds differ.
class Events {
 public:
  Events(std::shared_ptr<const Pool> pool, std::uint64_t seed) : pool_(std::move(pool)), seed_(seed), numbers_(seed) {}

  EventToAppend next();
  [[nodiscard]] const Tally& taken() const { return taken_; }

 private:
  std::shared_ptr<const Pool> pool_;
  std::uint64_t seed_;
  Numbers numbers_;
  Tally taken_;
};

}  // namespace tidemark::compare
