// SPDX-License-Identifier: Apache-2.0
#include "tidemark/event.hpp"

#include "platform/uuid.h"

namespace tidemark {

EventId EventId::make() { return EventId(platform::make_uuid_v7()); }

EventId EventId::from_name(std::string_view name) { return EventId(platform::uuid_from_name(name)); }

namespace {

constexpr std::size_t kTextBytes = 36;

constexpr bool is_dash(std::size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') { return c - '0'; }
  if (c >= 'a' && c <= 'f') { return c - 'a' + 10; }
  if (c >= 'A' && c <= 'F') { return c - 'A' + 10; }
  return -1;
}

}  // namespace

std::optional<EventId> EventId::parse(std::string_view text) {
  if (text.size() != kTextBytes) { return std::nullopt; }
  std::array<std::byte, kSize> bytes{};
  std::size_t digits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_dash(i)) {
      if (text[i] != '-') { return std::nullopt; }
      continue;
    }
    const int digit = hex_digit(text[i]);
    if (digit < 0) { return std::nullopt; }
    std::byte& byte = bytes[digits / 2];
    byte = byte << 4U | static_cast<std::byte>(digit);
    ++digits;
  }
  return EventId(bytes);
}

std::string to_string(const EventId& id) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(kTextBytes);
  for (const std::byte byte : id.bytes()) {
    if (is_dash(text.size())) { text += '-'; }
    text += kDigits[std::to_integer<unsigned>(byte >> 4U)];
    text += kDigits[std::to_integer<unsigned>(byte & std::byte{0x0F})];
  }
  return text;
}

OwnedEvent::OwnedEvent(const Event& event)
    : position(event.position()),
      stream(event.stream()),
      version(event.version()),
      id(event.id()),
      type(event.type()),
      recorded(event.recorded()),
      valid(event.valid()),
      data(event.data().begin(), event.data().end()),
      metadata(event.metadata().begin(), event.metadata().end()),
      tags(event.tags().begin(), event.tags().end()),
      lost(event.is_lost()) {}

}  // namespace tidemark
