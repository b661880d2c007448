// SPDX-License-Identifier: Apache-2.0
#include "tools/command/base64.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace tidemark::command {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_base64(Bytes bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = (group << 8U) | (k < count ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) { text += k <= count ? kDigits[(group >> (18U - 6U * k)) & 63U] : '='; }
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) { return std::nullopt; }
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool is_last = i + 4 == text.size();
    const std::size_t padding = !is_last ? 0 : text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const std::size_t digit = k + padding >= 4 ? 0 : kDigits.find(text[i + k]);
      if (digit == std::string_view::npos) { return std::nullopt; }
      group = (group << 6U) | static_cast<std::uint32_t>(digit);
    }
    for (std::size_t k = 0; k + padding < 3; ++k) { bytes += static_cast<char>((group >> (16U - 8U * k)) & 0xFFU); }
    // Bits behind the last byte would be lost.
    if ((group & ((std::uint32_t{1} << (8U * padding)) - 1)) != 0) { return std::nullopt; }
  }
  return bytes;
}

}  // namespace tidemark::command
