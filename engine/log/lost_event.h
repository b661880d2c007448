// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "tidemark/event.hpp"
#include "tidemark/types.hpp"

namespace tidemark::engine {

inline constexpr std::string_view kLostType = "$lost";

// What stands where an event was damaged beyond reading.
struct LostEvent {
  std::string stream;
  Version version;
  EventId id;
  RecordedTime recorded;
};
using LostEvents = std::map<Position, LostEvent>;

}  // namespace tidemark::engine
