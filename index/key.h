// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "platform/checksum.h"

namespace tidemark::index {

enum class KeyKind : std::uint8_t { kStream = 1, kCategory = 2, kType = 3, kTag = 4, kCheckpoint = 5 };
inline constexpr std::array kKeyKinds = {KeyKind::kStream, KeyKind::kCategory, KeyKind::kType, KeyKind::kTag,
                                         KeyKind::kCheckpoint};

// What events are found by. The hash narrows, the bytes decide. Looks at a name that must live as long as it does.
struct Key {
  KeyKind kind;
  std::string_view name;
  platform::Hash128 hash;

  friend bool operator==(const Key& a, const Key& b) {
    return a.hash == b.hash && a.kind == b.kind && a.name == b.name;
  }
};

// How names are hashed; the seed is the kind. One everywhere but in tests that make names collide.
using KeyHasher = platform::Hash128 (*)(std::span<const std::byte> name, std::uint64_t seed);

[[nodiscard]] inline Key make_key(KeyKind kind, std::string_view name, KeyHasher hasher = platform::xxh3_128) {
  const auto bytes = std::as_bytes(std::span<const char>(name.data(), name.size()));
  return {kind, name, hasher(bytes, static_cast<std::uint64_t>(kind))};
}

struct KeyHash {
  std::size_t operator()(const Key& key) const { return static_cast<std::size_t>(key.hash.low); }
};

}  // namespace tidemark::index
