// SPDX-License-Identifier: Apache-2.0
// Goal: bits are zero until they are set, and after they were forgotten; beside a thread that forgets, others read and
// set without harm.
#include "platform/forgettable_bits.h"

#include <gtest/gtest.h>
#include <thread>

namespace tidemark::platform {
namespace {

TEST(ForgettableBits, AreSetOneByOneAndForgottenTogether) {
  constexpr std::uint64_t kBits = 2 * ForgettableBits::kBitsPerPage + 5;
  const ForgettableBits bits(kBits);
  for (int round = 0; round < 2; ++round) {
    for (std::uint64_t bit = 0; bit < kBits; ++bit) { ASSERT_FALSE(bits.test(bit)) << bit; }
    for (std::uint64_t bit = 0; bit < kBits; bit += 7) { bits.set(bit); }
    for (std::uint64_t bit = 0; bit < kBits; ++bit) { ASSERT_EQ(bits.test(bit), bit % 7 == 0) << bit; }
    bits.forget();
  }
}

TEST(ForgettableBits, ManyThreads) {
  const ForgettableBits bits(1000);
  std::jthread forgetting([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) { bits.forget(); }
  });
  std::vector<std::jthread> setting;
  for (std::uint64_t thread = 0; thread < 3; ++thread) {
    setting.emplace_back([&, thread] {
      for (std::uint64_t i = 0; i < 20000; ++i) {
        bits.set((thread * 333 + i) % 1000);
        (void)bits.test(i % 1000);
      }
    });
  }
  setting.clear();
  forgetting.request_stop();
  forgetting.join();
  bits.forget();
  for (std::uint64_t bit = 0; bit < 1000; ++bit) { ASSERT_FALSE(bits.test(bit)); }
}

}  // namespace
}  // namespace tidemark::platform
