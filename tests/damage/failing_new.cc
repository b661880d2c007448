// SPDX-License-Identifier: Apache-2.0
#include "tests/damage/failing_new.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace tidemark::damage {

namespace {

std::atomic<bool> armed = false;
std::atomic<std::uint64_t> counted = 0;
std::atomic<std::uint64_t> fail_at = 0;
std::atomic<bool> and_later = false;
std::atomic<std::uint64_t> failed = 0;      // since it was armed
std::atomic<std::uint64_t> failed_all = 0;  // ever
thread_local unsigned sheltered = 0;

bool must_fail() {
  if (!armed || sheltered > 0) { return false; }
  const std::uint64_t n = ++counted;
  if (n != fail_at && !(and_later && n > fail_at)) { return false; }
  ++failed;
  ++failed_all;
  return true;
}

void* allocate(std::size_t size) noexcept { return must_fail() ? nullptr : std::malloc(size == 0 ? 1 : size); }

void* allocate(std::size_t size, std::align_val_t alignment) noexcept {
  const auto align = static_cast<std::size_t>(alignment);
  return must_fail() ? nullptr : std::aligned_alloc(align, (size + align) / align * align);
}

void* or_throw(void* memory) {
  if (memory == nullptr) { throw std::bad_alloc(); }
  return memory;
}

}  // namespace

void arm_memory(std::uint64_t n, Failing how) {
  counted = 0;
  failed = 0;
  fail_at = n;
  and_later = how == Failing::kFromThen;
  armed = true;
}

std::uint64_t disarm_memory() {
  armed = false;
  return failed;
}

std::uint64_t allocations_failed() { return failed_all; }

Sheltered::Sheltered() { ++sheltered; }
Sheltered::~Sheltered() { --sheltered; }

}  // namespace tidemark::damage

using tidemark::damage::allocate;
using tidemark::damage::or_throw;

void* operator new(std::size_t size) { return or_throw(allocate(size)); }
void* operator new[](std::size_t size) { return or_throw(allocate(size)); }
void* operator new(std::size_t size, std::align_val_t align) { return or_throw(allocate(size, align)); }
void* operator new[](std::size_t size, std::align_val_t align) { return or_throw(allocate(size, align)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new(std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
  return allocate(size, align);
}
void* operator new[](std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
  return allocate(size, align);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }
