// SPDX-License-Identifier: Apache-2.0
#include "tools/command/damage_text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>

#include "tools/command/output.h"

namespace tidemark::command {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kStreamsShown = 10;
constexpr std::size_t kTextBytesShown = 1024;

template <class Number>
Json number_or_null(const std::optional<Number>& number) {
  return number ? Json(number->value()) : Json();
}

}  // namespace

nlohmann::ordered_json verify_json(const VerifyReport& report) {
  Json json;
  json["whole"] = report.whole();
  json["segments"] = report.segments;
  json["frames"] = report.frames;
  json["events"] = report.events;
  json["bytes"] = report.bytes;
  json["durable"] = report.durable.value();
  json["bytes_pending"] = report.bytes_pending;
  json["damages"] = Json::array();
  for (const Damage& damage : report.damages) {
    json["damages"].push_back({{"file", damage.file.string()},
                               {"segment", number_or_null(damage.segment)},
                               {"offset", number_or_null(damage.offset)},
                               {"bytes", damage.bytes},
                               {"first_position", number_or_null(damage.first_position)},
                               {"last_position", number_or_null(damage.last_position)},
                               {"streams", damage.streams},
                               {"what", damage.what}});
  }
  return json;
}

std::string damage_text(const Damage& damage) {
  std::string text = fmt::format("damaged: {}", damage.file.string());
  if (damage.segment) { text += fmt::format(", segment {}", damage.segment->value()); }
  if (damage.offset) { text += fmt::format(", offset {}", damage.offset->value()); }
  if (damage.bytes > 0) { text += fmt::format(", {} bytes", with_separators(damage.bytes)); }
  text += ": " + damage.what;
  if (damage.first_position && damage.last_position) {
    text += fmt::format("\n  positions {} to {}", with_separators(damage.first_position->value()),
                        with_separators(damage.last_position->value()));
  }
  for (std::size_t i = 0; i < damage.streams.size() && i < kStreamsShown; ++i) {
    text += fmt::format("\n  stream {}", printable(damage.streams[i], kTextBytesShown));
  }
  if (damage.streams.size() > kStreamsShown) {
    text += fmt::format("\n  and {} more", counted(damage.streams.size() - kStreamsShown, "stream"));
  }
  return text;
}

}  // namespace tidemark::command
