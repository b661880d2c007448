// SPDX-License-Identifier: Apache-2.0
// Goal: ids of version 7 are well-formed, ordered by time and unique over threads and forks; version 5 never changes.
// Method: bits by RFC 9562; the values of version 5 are from another implementation (Python's uuid module).
#include "platform/uuid.h"

#include <chrono>
#include <gtest/gtest.h>
#include <mutex>
#include <set>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace tidemark::platform {
namespace {

std::int64_t now_ms() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()).time_since_epoch().count();
}

std::int64_t time_in(const Uuid& uuid) {
  std::int64_t ms = 0;
  for (std::size_t i = 0; i < 6; ++i) ms = ms << 8 | std::to_integer<std::int64_t>(uuid[i]);
  return ms;
}

Uuid from_hex(std::string_view digits) {
  Uuid uuid{};
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    uuid[i] = static_cast<std::byte>(std::stoi(std::string(digits.substr(2 * i, 2)), nullptr, 16));
  }
  return uuid;
}

TEST(UuidV7, HasVersionVariantAndTime) {
  const std::int64_t before = now_ms();
  const Uuid uuid = make_uuid_v7();
  const std::int64_t after = now_ms();
  EXPECT_EQ(uuid[6] >> 4, std::byte{7});
  EXPECT_EQ(uuid[8] >> 6, std::byte{2});
  EXPECT_GE(time_in(uuid), before);
  EXPECT_LE(time_in(uuid), after);
}

TEST(UuidV7, LaterOnesAreGreater) {
  Uuid last = make_uuid_v7();
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const Uuid next = make_uuid_v7();
    EXPECT_LT(last, next);
    last = next;
  }
}

TEST(UuidV7, UniqueOverThreads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 5000;
  std::mutex mutex;
  std::set<Uuid> seen;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        std::vector<Uuid> made(kEach);
        for (Uuid& uuid : made) uuid = make_uuid_v7();
        const std::lock_guard guard(mutex);
        seen.insert(made.begin(), made.end());
      });
    }
  }
  EXPECT_EQ(seen.size(), std::size_t{kThreads} * kEach);
}

TEST(UuidV7, AForkedChildMakesOthers) {
  static_cast<void>(make_uuid_v7());  // there are random bytes left in this thread's supply, which the child inherits
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const Uuid uuid = make_uuid_v7();
    ::_exit(::write(ends[1], uuid.data(), uuid.size()) == static_cast<ssize_t>(uuid.size()) ? 0 : 1);
  }
  const Uuid ours = make_uuid_v7();
  Uuid theirs{};
  ASSERT_EQ(::read(ends[0], theirs.data(), theirs.size()), static_cast<ssize_t>(theirs.size()));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_FALSE(std::equal(ours.begin() + 6, ours.end(), theirs.begin() + 6));
}

TEST(UuidV5, StableValues) {
  EXPECT_EQ(uuid_from_name("loan-17"), from_hex("31f69f13f454516fa1e6a630fe217afd"));
  EXPECT_EQ(uuid_from_name(""), from_hex("fa7735390fe2553c91edcf3e1d29d1e1"));
}

}  // namespace
}  // namespace tidemark::platform
