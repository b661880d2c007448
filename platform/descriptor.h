// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace tidemark::platform {

// The same descriptor, or in place of one of the three standard ones another: a host that closed those may still write
// to "standard output", and must not write into a store. Negative, with errno, if there is none.
[[nodiscard]] inline int above_standard(int number) {
  if (number < 0 || number > STDERR_FILENO) { return number; }
  const int higher = ::fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int error = errno;
  ::close(number);
  errno = error;
  return higher;
}

// Owns a file descriptor of the operating system.
class Descriptor {
 public:
  // Takes what open(2) gave; negative is none.
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    // Whatever close() says, the descriptor is gone; what had to be on disk was synced before.
    if (number_ >= 0) ::close(number_);
  }

  explicit operator bool() const { return number_ >= 0; }
  [[nodiscard]] int number() const { return number_; }
  // The number, no longer owned.
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

}  // namespace tidemark::platform
