// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/events.h"

#include <array>
#include <cstdio>
#include <cstring>

namespace tidemark::compare {

namespace {

constexpr std::array<std::string_view, 8> kTypes = {
    "AccountOpened.v00001", "DepositReceived.v001", "WithdrawalMade.v0001", "TransferStarted.v001",
    "TransferSettled.v001", "InterestAccrued.v001", "AddressChanged.v0001", "AccountClosed.v00001",
};
static_assert(kTypes[0].size() == kTypeBytes && kTypes[3].size() == kTypeBytes && kTypes[7].size() == kTypeBytes);

// The word that is begun and not filled, its missing bytes zero.
std::uint64_t tail_of(std::string_view rest) {
  std::uint64_t word = 0;
  std::memcpy(&word, rest.data(), rest.size());
  return word;
}

}  // namespace

std::uint64_t sum_of(std::string_view payload) {
  // Four sums side by side, so that an addition need not wait for the one before.
  std::array<std::uint64_t, 4> sums{};
  std::array<std::uint64_t, 4> words{};
  std::size_t at = 0;
  for (; at + sizeof(words) <= payload.size(); at += sizeof(words)) {
    std::memcpy(words.data(), payload.data() + at, sizeof(words));
    for (std::size_t i = 0; i < words.size(); ++i) { sums[i] += words[i]; }
  }
  std::uint64_t sum = sums[0] + sums[1] + sums[2] + sums[3];
  for (; at + sizeof(std::uint64_t) <= payload.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, payload.data() + at, sizeof(word));
    sum += word;
  }
  return sum + tail_of(payload.substr(at));
}

std::string stream_name(std::uint64_t number) {
  std::array<char, 32> text{};
  const int length = std::snprintf(text.data(), text.size(), "acct-%07llu", static_cast<unsigned long long>(number));
  return {text.data(), static_cast<std::size_t>(length)};
}

std::vector<std::string> stream_names(std::uint64_t first, std::uint64_t count) {
  std::vector<std::string> names;
  names.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) { names.push_back(stream_name(first + i)); }
  return names;
}

Pool::Pool(std::size_t payload_bytes)
    : payload_bytes_(payload_bytes), words_(kWords + payload_bytes / sizeof(std::uint64_t) + 1) {
  Numbers numbers(2026);
  sums_.reserve(words_.size());
  std::uint64_t sum = 0;
  for (std::uint64_t& word : words_) {
    word = numbers.next();
    sums_.push_back(sum);
    sum += word;
  }
}

std::string_view Pool::payload(std::uint64_t n) const {
  return {reinterpret_cast<const char*>(words_.data() + n % kWords), payload_bytes_};
}

std::uint64_t Pool::payload_sum(std::uint64_t n) const {
  const std::uint64_t first = n % kWords;
  const std::uint64_t whole = payload_bytes_ / sizeof(std::uint64_t);
  const std::uint64_t sum = sums_[first + whole] - sums_[first];
  return sum + tail_of(payload(n).substr(whole * sizeof(std::uint64_t)));
}

EventToAppend Events::next() {
  const std::uint64_t place = numbers_.next();
  ++taken_.events;
  taken_.sum += pool_->payload_sum(place);
  EventToAppend event{.type = kTypes[place >> 61U], .payload = pool_->payload(place)};
  std::memcpy(event.id.data(), &seed_, sizeof(seed_));
  std::memcpy(event.id.data() + sizeof(seed_), &place, sizeof(place));
  return event;
}

}  // namespace tidemark::compare
