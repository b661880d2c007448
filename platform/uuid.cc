// SPDX-License-Identifier: Apache-2.0
#include "platform/uuid.h"

#include <algorithm>
#include <atomic>
#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>
#include <chrono>
#include <cstdint>
#include <pthread.h>

#include "platform/clock.h"

namespace tidemark::platform {

namespace {

// The name space of uuid_from_name, drawn once at random: 5b5334f1-e1bd-4443-b1b1-ff5c011681f5.
constexpr boost::uuids::uuid kNameSpace = {
    {0x5b, 0x53, 0x34, 0xf1, 0xe1, 0xbd, 0x44, 0x43, 0xb1, 0xb1, 0xff, 0x5c, 0x01, 0x16, 0x81, 0xf5}};

std::atomic<std::uint32_t> forks = 0;

// How often this process was forked off another, all the way up. Counts from the first call on.
std::uint32_t fork_count() {
  static const int registered =
      ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(registered);
  return forks.load(std::memory_order_relaxed);
}

// Random bytes of one thread, fetched some ids ahead: a system call an id would cost more than the rest of it. A
// forked child has the same bytes in its memory and must not use them.
class RandomSupply {
 public:
  void take(std::span<std::byte> into) {
    if (const std::uint32_t now = fork_count(); now != forks_ || left_ < into.size()) {
      real_machine().fill_random(bytes_);
      left_ = bytes_.size();
      forks_ = now;
    }
    std::ranges::copy(std::span(bytes_).subspan(bytes_.size() - left_, into.size()), into.begin());
    left_ -= into.size();
  }

 private:
  std::array<std::byte, 480> bytes_{};
  std::size_t left_ = 0;
  std::uint32_t forks_ = 0;
};

}  // namespace

Uuid make_uuid_v7() {
  thread_local RandomSupply supply;
  const auto since_epoch = real_clock().now().time_since_epoch();
  const auto milliseconds = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::floor<std::chrono::milliseconds>(since_epoch).count()));
  Uuid uuid{};
  for (std::size_t i = 0; i < 6; ++i) uuid[i] = static_cast<std::byte>(milliseconds >> (40 - 8 * i) & 0xFF);
  supply.take(std::span(uuid).subspan(6));
  uuid[6] = (uuid[6] & std::byte{0x0F}) | std::byte{0x70};
  uuid[8] = (uuid[8] & std::byte{0x3F}) | std::byte{0x80};
  return uuid;
}

Uuid uuid_from_name(std::string_view name) {
  const boost::uuids::name_generator_sha1 generate(kNameSpace);
  const boost::uuids::uuid made = generate(name.data(), name.size());
  Uuid uuid{};
  std::transform(made.begin(), made.end(), uuid.begin(), [](auto byte) { return static_cast<std::byte>(byte); });
  return uuid;
}

}  // namespace tidemark::platform
