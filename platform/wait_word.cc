// SPDX-License-Identifier: Apache-2.0
#include "platform/wait_word.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <thread>
#include <time.h>
#include <unistd.h>

#include "platform/fence.h"
#include "platform/io.h"

namespace tidemark::platform {

namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

// Whose threads sleep on a word.
enum Among : int { kThisProcess = FUTEX_PRIVATE_FLAG, kAllProcesses = 0 };

// How long a thread rests whose word is gone, before it looks again.
constexpr std::chrono::milliseconds kRestWithoutWord{1};

// Every outcome of the call (woken, word changed, time over, signal) means the same to us: look again. But not if there
// is no word: then gives false.
bool futex(std::atomic<std::uint32_t>& word, Among among, int operation, std::uint32_t value,
           const timespec* deadline = nullptr) {
  return ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), operation | among, value, deadline, nullptr,
                   FUTEX_BITSET_MATCH_ANY) >= 0 ||
         errno != EFAULT;
}

// The steady clock of libstdc++ and libc++ is CLOCK_MONOTONIC, by which FUTEX_WAIT_BITSET measures.
timespec timespec_of(std::chrono::steady_clock::time_point moment) {
  const auto since_boot = std::max(moment.time_since_epoch(), std::chrono::steady_clock::duration::zero());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
  const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(since_boot - seconds);
  return {.tv_sec = static_cast<time_t>(seconds.count()), .tv_nsec = static_cast<long>(rest.count())};
}

// A request to stop does not change the word, so its wake is lost if it comes just before the sleep. Therefore the
// thread that requests goes on waking until the sleeper is through. Each of the two first touches `asleep` and then
// looks at what the other did; of two read-modify-writes of one atomic the second sees all that came before the first:
//
//   the sleeper is first    the request sees asleep == 1, and wakes until it is 0
//   the request is first    the sleeper sees stop_requested(), and does not sleep
//
// If stop was requested before the call, the callback runs here and now, finds asleep == 0 and is through.
template <class Load>
void sleep_while(std::atomic<std::uint32_t>& word, Among among, const Load& load, std::uint32_t seen,
                 const std::stop_token& stop, std::optional<std::chrono::steady_clock::time_point> deadline) {
  const timespec until = deadline ? timespec_of(*deadline) : timespec{};
  const auto is_over = [&] { return deadline && *deadline <= std::chrono::steady_clock::now(); };
  std::atomic<std::uint32_t> asleep = 0;
  const std::stop_callback wake(stop, [&] {
    while (asleep.fetch_or(0, std::memory_order_acq_rel) == 1) {
      futex(word, among, FUTEX_WAKE, INT_MAX);
      std::this_thread::yield();
    }
  });
  asleep.exchange(1, std::memory_order_acq_rel);
  while (load() == seen && !stop.stop_requested() && !is_over()) {
    const bool is_there = futex(word, among, FUTEX_WAIT_BITSET, seen, deadline ? &until : nullptr);
    if (!is_there) { std::this_thread::sleep_for(kRestWithoutWord); }
  }
  asleep.store(0, std::memory_order_release);
}

}  // namespace

void WaitWord::wait(std::uint32_t seen) const {
  if (load() == seen) futex(value_, kThisProcess, FUTEX_WAIT_BITSET, seen);
}

void WaitWord::wait_until(std::uint32_t seen, std::chrono::steady_clock::time_point deadline) const {
  if (load() != seen || deadline <= std::chrono::steady_clock::now()) return;
  const timespec until = timespec_of(deadline);
  futex(value_, kThisProcess, FUTEX_WAIT_BITSET, seen, &until);
}

void WaitWord::wait(std::uint32_t seen, const std::stop_token& stop,
                    std::optional<std::chrono::steady_clock::time_point> deadline) const {
  sleep_while(value_, kThisProcess, [this] { return value_.load(); }, seen, stop, deadline);
}

void WaitWord::wake_one() { futex(value_, kThisProcess, FUTEX_WAKE, 1); }

void WaitWord::wake_all() { futex(value_, kThisProcess, FUTEX_WAKE, INT_MAX); }

SharedWord::SharedWord(File& file, const Mapping& mapping, std::uint64_t offset)
    : file_(file),
      offset_(offset),
      value_(reinterpret_cast<std::atomic<std::uint32_t>*>(const_cast<std::byte*>(mapping.bytes().data() + offset))) {}

std::uint32_t SharedWord::load() const {
  std::uint32_t value = 0;
  const auto read = read_up_to(file_, std::as_writable_bytes(std::span(&value, 1)), offset_);
  acquire_fence();
  return read && *read == sizeof value ? value : 0;
}

void SharedWord::wait(std::uint32_t seen, const std::stop_token& stop,
                      std::optional<std::chrono::steady_clock::time_point> deadline) const {
  sleep_while(*value_, kAllProcesses, [this] { return load(); }, seen, stop, deadline);
}

void SharedWord::wake_all() const { futex(*value_, kAllProcesses, FUTEX_WAKE, INT_MAX); }

}  // namespace tidemark::platform
