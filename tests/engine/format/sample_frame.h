// SPDX-License-Identifier: Apache-2.0
#pragma once

// Frames made the way the store makes them, at any place.

#include <cstdint>
#include <string>
#include <vector>

#include "engine/commit/encoded_batch.h"
#include "tests/store/support.h"

namespace tidemark::test {

inline engine::FileId some_log_id() {
  engine::FileId id{};
  for (std::size_t i = 0; i < id.size(); ++i) { id[i] = static_cast<std::byte>(0x20 + i); }
  return id;
}

inline engine::FramePlace place_at(std::uint64_t offset, std::uint64_t segment = 7) {
  return {some_log_id(), segment, offset};
}

// Gives an encoded batch its place with fixed values; every appended stream starts at this version.
inline Bytes assigned(engine::EncodedBatch& batch, const engine::FramePlace& place, std::uint64_t version = 0,
                      std::uint64_t first = 1000) {
  engine::Assignment assignment;
  assignment.place = place;
  assignment.first = Position(first);
  assignment.recorded = RecordedTime(std::chrono::nanoseconds(1'700'000'000'123'456'789));
  assignment.durable = Offset(0x123456);
  assignment.epoch = 5;
  assignment.previous = 0xCAFE1234;
  const std::vector<Version> versions(batch.appended_streams(), Version(version));
  batch.assign(assignment, versions);
  return batch.frame();
}

// A batch with everything in it: several streams, tags, metadata, valid times, given and made ids.
inline Batch rich_batch(std::size_t events) {
  Batch batch;
  for (std::size_t i = 0; i < events; ++i) {
    const std::string data(i * 7 % 100, static_cast<char>('a' + i % 26));
    NewEvent one{.type = i % 3 == 0 ? "Opened" : "Changed", .data = as_bytes(data)};
    if (i % 2 == 0) { one.metadata = as_bytes("meta"); }
    if (i % 4 == 1) { one.tags = {"red", "green", i % 8 == 1 ? "blue" : "red"}; }
    if (i % 5 == 2) { one.valid = ValidTime(std::chrono::microseconds(static_cast<std::int64_t>(i) - 3)); }
    if (i % 2 == 1) { one.id = EventId::from_name(std::to_string(i)); }
    batch.to("stream-" + std::to_string(i % 4)).add(one);
  }
  return batch;
}

}  // namespace tidemark::test
