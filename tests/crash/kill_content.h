// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tidemark/event.hpp"

// What the writer and the reader of the kill test, and the test itself, must agree on.
namespace tidemark::crash {

// What an event of this stream and version holds: anybody can tell whether it is whole.
inline std::string kill_content(std::string_view stream, std::uint64_t version) {
  std::string text = std::string(stream) + "/" + std::to_string(version) + "/";
  while (text.size() < 40 + version % 200) { text += static_cast<char>('a' + text.size() % 26); }
  return text;
}

// All of them open it so that it has index files, made and merged all the time.
inline constexpr std::uint64_t kKillTableEvents = 40;

// A digest of all events up to this one (FNV-1a).
inline std::uint64_t kill_digest(std::uint64_t before, const Event& event) {
  const auto add = [&](std::string_view text) {
    for (const char c : text) { before = (before ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL; }
  };
  add(event.stream());
  add(as_text(event.data()));
  return before;
}

}  // namespace tidemark::crash
