// SPDX-License-Identifier: Apache-2.0
#include "engine/format/hashed_name.h"

#include <cstddef>
#include <cstdint>

#include "platform/checksum.h"
#include "tidemark/types.hpp"

namespace tidemark::engine {

namespace {

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::size_t kHashDigits = 32;

void add_hex(std::string& text, std::uint64_t number) {
  for (int shift = 60; shift >= 0; shift -= 4) { text += kDigits[number >> static_cast<unsigned>(shift) & 15U]; }
}

}  // namespace

std::string hashed_name(std::string_view prefix, std::string_view name) {
  const platform::Hash128 hash = platform::xxh3_128(as_bytes(name));
  std::string text(prefix);
  add_hex(text, hash.high);
  add_hex(text, hash.low);
  return text;
}

bool is_hashed_name(std::string_view prefix, std::string_view file) {
  return file.size() == prefix.size() + kHashDigits && file.starts_with(prefix) &&
         file.find_first_not_of(kDigits, prefix.size()) == std::string_view::npos;
}

}  // namespace tidemark::engine
