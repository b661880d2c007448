// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/payload.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <random>
#include <stdexcept>

#include "engine/format/frame.h"
#include "engine/format/segment.h"
#include "engine/store/store_core.h"
#include "tidemark/tidemark.hpp"

namespace tidemark::faults {

namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Payload::kCount)> kNames = {
    "plain", "zeros", "own-frames", "other-frames", "own-segments", "other-segments", "superblocks"};

std::string plain_bytes(std::size_t size, std::uint64_t number) {
  std::mt19937_64 random(number);
  std::string bytes(size, 'x');
  for (char& c : bytes) { c = static_cast<char>(1 + random() % 255); }
  return bytes;
}

bool is_segment(const std::filesystem::path& path) {
  return path.filename().string().starts_with("segment-") && path.extension() == ".log";
}
bool is_superblock(const std::filesystem::path& path) { return path.filename().string().starts_with("super-"); }

// The files of a store that are of one sort, one after the other.
std::string files_of(const platform::SimFileSystem& files, const std::filesystem::path& folder,
                     bool (*sort)(const std::filesystem::path&)) {
  std::string all;
  for (const auto& path : files.files()) {
    if (path.parent_path() != folder || !sort(path)) { continue; }
    const auto bytes = files.contents(path);
    if (bytes) { all += as_text(*bytes); }
  }
  return all;
}

// Only the frames of segment files: what has the magic of a frame at a multiple of 8, to where the frame ends.
std::string frames_in(const std::string& segments) {
  std::string frames;
  for (std::size_t at = 0; at + engine::kFrameHeaderBytes <= segments.size();) {
    engine::FrameHeader header{};
    std::copy_n(segments.data() + at, sizeof header, reinterpret_cast<char*>(&header));
    const std::uint64_t end =
        header.magic == engine::kFrameMagic ? engine::frame_end(at, header.table_bytes, header.body_bytes) : 0;
    if (end <= at || end > segments.size()) {
      at += engine::kFrameAlignment;
      continue;
    }
    frames.append(segments, at, end - at);
    at = end;
  }
  return frames;
}

// A store of three segments with random content, made once.
struct OtherStore {
  std::string segments;
  std::string superblocks;

  OtherStore() {
    platform::SimFileSystem files;
    platform::SimClock clock;
    platform::SimMachine machine(4711);
    const std::filesystem::path folder = "/other";
    const OpenOptions options{.segment_bytes_first = 4096, .segment_bytes_largest = 4096};
    auto core = engine::open_store(folder, options, {files, clock, machine, false});
    if (!core) { throw std::runtime_error(to_string(core.error())); }
    Store store(std::move(*core));
    for (std::uint64_t n = 1; n <= 12; ++n) {
      const std::string data = plain_bytes(300 + 61 * n, n);
      const auto done = store.append("other", Expect::any(), {{.type = "Other", .data = as_bytes(data)}});
      if (!done) { throw std::runtime_error(to_string(done.error())); }
    }
    segments = files_of(files, folder, is_segment);
    superblocks = files_of(files, folder, is_superblock);
  }
};

const OtherStore& other_store() {
  static const OtherStore other;
  return other;
}

}  // namespace

std::string_view to_string(Payload payload) { return kNames[static_cast<std::size_t>(payload)]; }

std::optional<Payload> payload_named(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) { return std::nullopt; }
  return static_cast<Payload>(found - kNames.begin());
}

bool is_dense(Payload payload) {
  return payload == Payload::kPlain || payload == Payload::kOwnFrames || payload == Payload::kOtherFrames;
}

std::string payload_bytes(Payload payload, std::size_t size, std::uint64_t number, const platform::SimFileSystem& files,
                          const std::filesystem::path& folder) {
  std::string from;
  switch (payload) {
    case Payload::kZeros:
      return std::string(size, '\0');
    case Payload::kOwnFrames:
      from = frames_in(files_of(files, folder, is_segment));
      break;
    case Payload::kOtherFrames:
      from = frames_in(other_store().segments);
      break;
    case Payload::kOwnSegments:
      from = files_of(files, folder, is_segment);
      break;
    case Payload::kOtherSegments:
      from = other_store().segments;
      break;
    case Payload::kSuperblocks:
      from = files_of(files, folder, is_superblock) + other_store().superblocks;
      break;
    case Payload::kPlain:
    case Payload::kCount:
      break;
  }
  // Where there is nothing to copy yet.
  if (from.empty()) { return plain_bytes(size, number); }
  // From another place each time, at every alignment.
  std::string bytes = from.substr((number * 577) % from.size());
  while (bytes.size() < size) { bytes += from; }
  bytes.resize(size);
  return bytes;
}

}  // namespace tidemark::faults
