// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <span>

namespace tidemark::platform {

// The dice of a crash. Two with the same seed fall the same way on every platform.
class SimDice {
 public:
  explicit SimDice(std::uint64_t seed) : random_(seed) {}
  // True with a probability of 0 (never) to 1 (always).
  bool happens(double probability) { return static_cast<double>(random_() >> 11) * 0x1p-53 < probability; }
  // One of 0 … bound-1.
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

 private:
  std::mt19937_64 random_;
};

// The bytes of one file in memory: as a reader sees them now, and what a crash would leave of them.
//
// Every 512-byte block that changed since the last sync is kept with its bytes as of that sync, so the cost of a crash
// is that of the unsynced writes, however big the file is. Not thread-safe.
class SimFileData {
 public:
  [[nodiscard]] std::uint64_t size() const { return size_; }
  // The memory that the file is in now, at least size() bytes. It is another after the file grew out of it.
  [[nodiscard]] std::shared_ptr<const std::byte[]> memory() const { return memory_; }
  // Copies from offset on; fewer at the end.
  std::size_t read(std::span<std::byte> into, std::uint64_t offset) const;

  // Grows the file as needed.
  void write(std::span<const std::byte> bytes, std::uint64_t offset);
  // Makes the file at least that long, with zeros, in memory of just that size.
  void grow(std::uint64_t size);
  // Writes zeros over [0, size).
  void write_zeros(std::uint64_t size);
  // All that is here is on the disk now, but for what an earlier sync failed on and nobody wrote again.
  void sync();
  // A sync that failed: as on ext4 and xfs, what was unsynced still shows, counts as clean, and is on no disk; no later
  // sync writes it, only writing it again does. (Rebello et al., "Can Applications Recover from fsync Failures?",
  // USENIX ATC 2020.)
  void fail_sync();
  // Other bytes altogether, on the disk too.
  void replace(std::span<const std::byte> bytes);

  static constexpr std::uint64_t kBlockSize = 512;

  // What a power loss leaves. A new size survives with probability keep, else the file is cut to its synced size. Each
  // unsynced block survives with probability keep, else it is as it was synced (zeros where the file grew). With tear,
  // of every other block that survives only the bytes up to a random one do. What a failed sync lost never survives.
  void crash(SimDice& dice, double keep, bool tear);
  // The same, told exactly: kept(block) gives how many bytes of an unsynced block, from its start, are on the disk. It
  // is asked for the blocks in rising order.
  void crash(bool keep_size, const std::function<std::uint64_t(std::uint64_t)>& kept);

 private:
  using Block = std::array<std::byte, kBlockSize>;

  void reserve(std::uint64_t capacity);
  void move_to(std::uint64_t capacity);
  void remember(std::uint64_t begin, std::uint64_t end);
  void restore(std::uint64_t block, const Block* synced, std::uint64_t from);

  std::shared_ptr<std::byte[]> memory_;
  std::uint64_t capacity_ = 0;  // of memory_; whole blocks
  std::uint64_t size_ = 0;
  std::uint64_t touched_ = 0;  // memory_ from here on was never written and is zero
  std::uint64_t synced_size_ = 0;
  using Blocks = std::map<std::uint64_t, std::unique_ptr<Block>>;  // by number, with the synced bytes; none: zeros
  Blocks unsynced_;
  Blocks lost_;  // by a failed sync, and not written again
};

}  // namespace tidemark::platform
