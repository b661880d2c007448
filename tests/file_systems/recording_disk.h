// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/file_systems/disk_bytes.h"

// A disk in memory that tells what was written to it, in which order, and when it was told to flush.
namespace tidemark::file_systems {

// What the disk was asked to do: a write, or a flush if there are no bytes.
struct DiskCall {
  std::uint64_t offset = 0;
  std::vector<std::byte> bytes;
  [[nodiscard]] bool is_flush() const { return bytes.empty(); }
};

// A FUSE file system that shows one file, the disk, served by a thread of this process, one call after the other. A
// write is answered once it is in the record, a flush likewise. No other thread of this process may touch files on that
// disk: a fault in a mapped page would wait for a thread that may need memory; that is for other processes.
class RecordingDisk {
 public:
  // Null and why: no root, no FUSE, or built without libfuse3.
  static std::unique_ptr<RecordingDisk> make(const std::filesystem::path& mount_point, std::uint64_t size,
                                             std::string& why);
  virtual ~RecordingDisk() = default;

  // The file that is the disk.
  [[nodiscard]] virtual std::filesystem::path file() const = 0;
  // Puts other bytes of the same size in place, which must outlive their use here. Only while no device is on it.
  virtual void put(std::span<std::byte> bytes) = 0;
  virtual void start_recording() = 0;
  [[nodiscard]] virtual std::vector<DiskCall> stop_recording() = 0;
  // A descriptor of memory that begins with the number of flushes in the record, 64 bits, moved before a flush is
  // answered: whoever sees a durable append return and then reads n knows that one of the first n made it durable.
  [[nodiscard]] virtual int flush_count_memory() const = 0;

  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  // Reads that touch one of these get EIO.
  virtual void fail_reads(std::vector<Range> ranges) = 0;
  // How many did.
  [[nodiscard]] virtual std::uint64_t failed_reads() const = 0;
};

}  // namespace tidemark::file_systems
