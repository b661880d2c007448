// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/store/store_core.h"
#include "platform/sim/sim_file_system.h"
#include "tidemark/tidemark.hpp"

// Small stores to do damage to, as bytes, with all that is known about them.
namespace tidemark::damage {

using FileBytes = std::vector<std::byte>;
using FileMap = std::map<std::string, FileBytes>;  // the files of a store's folder, by name

// A machine in memory with one folder for a store, which can be given other files at any time.
class Twin {
 public:
  explicit Twin(std::uint64_t seed, const engine::IndexPolicy& policy = {.files = false})
      : machine(seed), index(policy) {}

  [[nodiscard]] engine::Environment environment(bool threads = false) {
    return {files, clock, machine, threads, index};
  }
  [[nodiscard]] Result<Store> open(const OpenOptions& options, bool threads = false);
  [[nodiscard]] Result<VerifyReport> verify();
  // All files as they are now: what a SIGKILL at this moment would leave.
  [[nodiscard]] FileMap snapshot() const;
  // Exactly these files.
  void restore(const FileMap& all);
  [[nodiscard]] static std::filesystem::path path_of(const std::string& name);

  platform::SimFileSystem files;
  platform::SimClock clock;
  platform::SimMachine machine;
  engine::IndexPolicy index;  // of the next opening
};

// A whole frame and the events in it.
struct FrameAt {
  std::string file;
  std::uint64_t begin = 0;  // in the file
  std::uint64_t end = 0;
  std::uint64_t base = 0;  // of the file, in the log
  std::uint64_t durable = 0;
  std::uint64_t first = 0;  // position
  std::uint64_t count = 0;
};
// Every frame of a store's segments, found by walking from header to header.
[[nodiscard]] std::vector<FrameAt> frames_of(const FileMap& files);

// How far all that can be read in these files says the log is durable: superblocks, footers, frames, and index files if
// they are looked at.
[[nodiscard]] std::uint64_t watermark_of(const FileMap& files, bool with_index);
// Likewise, by the superblocks alone.
[[nodiscard]] std::uint64_t superblock_watermark_of(const FileMap& files);
// Likewise, by the index files that an opening would use.
[[nodiscard]] std::uint64_t index_watermark_of(const FileMap& files);

// How the last writer of a sample ended.
enum class Ending : std::uint8_t {
  kClosed,  // by closing
  kTail,    // killed right after its last group was acknowledged: nothing later says so
  kIdle,    // killed after the log had fallen idle: the superblock says how far it goes
  kTorn,    // killed in the middle of writing one more frame; what was acknowledged before has a later watermark
};
inline constexpr Ending kEndings[] = {Ending::kClosed, Ending::kTail, Ending::kIdle, Ending::kTorn};
[[nodiscard]] const char* to_string(Ending ending);

// How big a sample is: three segments, of which the middle one is as big as its batch needs.
struct Shape {
  std::string name;
  std::size_t batch_event_bytes = 0;  // of each of the ten events of the large batch
  bool indexed = false;               // whether it has index files: three or four, of which the first was merged
};
// 4, 12 and 4 KiB; the large frame has a checksum for each event.
[[nodiscard]] Shape small_shape();
// 4, 40 and 4 KiB: a frame larger than 32 KiB, of which a reader checks single events.
[[nodiscard]] Shape large_shape();
// The same events with index files beside them.
[[nodiscard]] Shape with_index(Shape shape);

// The data of the n-th event of a sample, of this size.
using Payload = std::function<FileBytes(std::size_t n, std::size_t size)>;
// Text, and for some events zeros alone.
[[nodiscard]] Payload usual_payload();

// A store after its writer ended.
struct Sample {
  std::string name;
  Ending ending = Ending::kClosed;
  OpenOptions options;
  engine::IndexPolicy index;  // for those who open it later: its tables are small, and runs are merged soon
  FileMap files;
  std::vector<OwnedEvent> events;  // all acknowledged as durable
  struct Moment {
    std::string name;
    FileMap files;
  };
  std::vector<Moment> moments;  // of the same store, before
  FileMap other;                // of another store with the same events

  std::vector<FrameAt> frames;  // whole ones
  std::uint64_t watermark = 0;  // the highest found anywhere
  std::uint64_t indexed = 0;    // an opening reads the log from here on; 0 without index files
  std::string active;           // the last segment with frames

  [[nodiscard]] std::size_t bytes() const;
};
// Throws if the store does not come out as it should.
[[nodiscard]] Sample make_sample(const Shape& shape, Ending ending, const Payload& payload);

}  // namespace tidemark::damage
