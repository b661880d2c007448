// SPDX-License-Identifier: Apache-2.0
#pragma once

// A small closed store of several segments to do damage to, and where its frames stand.

#include <map>
#include <string>
#include <vector>

#include "engine/format/frame.h"
#include "engine/format/segment.h"
#include "engine/format/superblock.h"
#include "engine/recovery/verify.h"
#include "tests/store/support.h"

namespace tidemark::test {

struct FrameAt {
  std::uint64_t segment;
  std::uint64_t begin;  // in the file
  std::uint64_t end;
  engine::FrameHeader header;
};

// Every frame of a store's segments, found by walking from header to header.
inline std::vector<FrameAt> frames_of(const World& world) {
  std::vector<FrameAt> frames;
  for (std::uint64_t number = 1; world.files.contents(world.segment(number)); ++number) {
    const auto bytes = world.contents(world.segment(number));
    const auto segment = engine::load_as<engine::SegmentHeader>(bytes.data());
    std::uint64_t at = engine::kSegmentHeaderBytes;
    engine::FrameHeader header{};
    while (at < bytes.size() && engine::read_frame_header(std::span(bytes).subspan(at), {segment.log_id, number, at},
                                                          bytes.size(), header)) {
      const std::uint64_t end = engine::frame_end(at, header.table_bytes, header.body_bytes);
      frames.push_back({number, at, end, header});
      at = end;
    }
  }
  return frames;
}

// Five streams in turn, one event a frame, several frames a segment of 4 KiB, five segments or more; closed.
struct SampleStore : World {
  static constexpr std::uint64_t kEvents = 40;

  explicit SampleStore(bool closed = true, const OpenOptions& options = tiny_segments()) {
    Store store = open(options);
    for (std::uint64_t i = 0; i < kEvents; ++i) {
      const std::string data = std::to_string(i) + std::string(300 + i * 13 % 200, 'x');
      must(append(store, "stream-" + std::to_string(i % 5), data));
    }
    events = lines(store);
    if (closed) {
      must(store.close());
    } else {
      files.kill_process();
      (void)store.close();
    }
    frames = frames_of(*this);
    segments = frames.back().segment;
  }

  [[nodiscard]] VerifyReport verify() { return must(engine::verify_store(folder, environment(), {})); }
  // The frames of one segment.
  [[nodiscard]] std::vector<FrameAt> in_segment(std::uint64_t number) const {
    std::vector<FrameAt> some;
    for (const FrameAt& frame : frames) {
      if (frame.segment == number) { some.push_back(frame); }
    }
    return some;
  }
  void cut(const std::filesystem::path& path, std::uint64_t size) {
    auto bytes = contents(path);
    bytes.resize(size);
    files.set_contents(path, bytes);
  }
  void zero(const std::filesystem::path& path, std::uint64_t begin, std::uint64_t end) {
    auto bytes = contents(path);
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(begin), bytes.begin() + static_cast<std::ptrdiff_t>(end),
              std::byte{0});
    files.set_contents(path, bytes);
  }

  Lines events;
  std::vector<FrameAt> frames;
  std::uint64_t segments = 0;
};

}  // namespace tidemark::test
