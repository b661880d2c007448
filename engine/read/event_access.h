// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/log/frame_reader.h"
#include "engine/log/known_frame.h"
#include "engine/log/lost_event.h"
#include "tidemark/event.hpp"

namespace tidemark {

// The engine's way into an Event.
class EventAccess {
 public:
  // Makes event a view of what was found; tags holds the array that its tags() look at.
  static void fill(Event& event, Position position, const engine::FrameReader::Found& found,
                   std::vector<std::string_view>& tags);
  // The same of one event of a known frame, of whose stream and version the caller knows.
  static void fill(Event& event, Position position, std::string_view stream, Version version,
                   const engine::KnownFrame& frame, const engine::EventRecord& record,
                   std::vector<std::string_view>& tags);
  // Makes event a placeholder; lost must outlive it.
  static void fill_lost(Event& event, Position position, const engine::LostEvent& lost);

 private:
  static void fill_record(Event& event, std::int64_t recorded_ns, const engine::BodyView& body,
                          const engine::EventRecord& record, std::vector<std::string_view>& tags);
};

}  // namespace tidemark
