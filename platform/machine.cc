// SPDX-License-Identifier: Apache-2.0
#include "platform/machine.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <new>
#include <optional>
#include <string_view>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "platform/descriptor.h"

namespace tidemark::platform {

namespace {

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

// 32 digits, with dashes anywhere; all zero if the text is anything else.
Uuid parse_uuid(std::string_view text) {
  Uuid uuid{};
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == '-') continue;
    const auto digit = hex_digit(c);
    if (!digit || digits == 2 * uuid.size()) return {};
    uuid[digits / 2] = uuid[digits / 2] << 4 | std::byte(*digit);
    ++digits;
  }
  return digits == 2 * uuid.size() ? uuid : Uuid{};
}

// A number that no other process has: numbers of processes come again, but not within the same nanosecond.
std::uint64_t make_process_mark() {
  constexpr unsigned kPidBits = 22;  // PID_MAX_LIMIT of Linux
  struct timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto seconds = static_cast<std::uint64_t>(now.tv_sec);
  const auto nanoseconds = static_cast<std::uint64_t>(now.tv_nsec);
  return (seconds * 1'000'000'000 + nanoseconds) << kPidBits | static_cast<std::uint64_t>(::getpid());
}

// A page that the kernel hands to a forked child full of zeros: so the child learns what it is without a system call.
class ProcessPage {
 public:
  ProcessPage() {
    const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* page = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return;
    if (::madvise(page, bytes, MADV_WIPEONFORK) != 0) {
      ::munmap(page, bytes);
      return;
    }
    mark_ = new (page) std::atomic<std::uint64_t>(0);
  }

  std::uint64_t mark() {
    if (mark_ == nullptr) return static_cast<std::uint64_t>(::getpid());  // kernels before 4.14
    std::uint64_t mark = mark_->load(std::memory_order_relaxed);
    if (mark != 0) return mark;
    const std::uint64_t made = make_process_mark();
    return mark_->compare_exchange_strong(mark, made) ? made : mark;
  }

 private:
  std::atomic<std::uint64_t>* mark_ = nullptr;  // lives as long as the process
};

class RealMachine final : public Machine {
 public:
  void fill_random(std::span<std::byte> into) override {
    while (!into.empty()) {
      const ssize_t n = ::getrandom(into.data(), into.size(), 0);
      if (n > 0) {
        into = into.subspan(static_cast<std::size_t>(n));
      } else if (errno != EINTR) {
        // Only a sandbox that forbids the call gets here. Ids that can be guessed or repeat would be worse.
        std::abort();
      }
    }
  }

  Uuid boot_id() override {
    constexpr std::size_t kTextLength = 36;
    const Descriptor file(above_standard(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)));
    if (!file) return {};
    std::array<char, kTextLength> text{};
    const ssize_t n = ::read(file.number(), text.data(), text.size());
    if (n != static_cast<ssize_t>(text.size())) return {};
    return parse_uuid({text.data(), text.size()});
  }

  std::uint64_t process() override { return process_.mark(); }

 private:
  ProcessPage process_;
};

}  // namespace

Machine& real_machine() {
  static RealMachine machine;
  return machine;
}

Uuid random_uuid(Machine& machine) {
  Uuid uuid{};
  machine.fill_random(uuid);
  uuid[6] = (uuid[6] & std::byte{0x0F}) | std::byte{0x40};
  uuid[8] = (uuid[8] & std::byte{0x3F}) | std::byte{0x80};
  return uuid;
}

}  // namespace tidemark::platform
