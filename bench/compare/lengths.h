// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tidemark::compare {

// How many events each stream has, in memory. For one thread.
class Lengths {
 public:
  // Of a stream that was not there, 0.
  std::uint64_t& of(std::string_view stream) {
    const auto found = lengths_.find(stream);
    if (found != lengths_.end()) { return found->second; }
    return lengths_.emplace(stream, 0).first->second;
  }
  [[nodiscard]] std::uint64_t find(std::string_view stream) const {
    const auto found = lengths_.find(stream);
    return found == lengths_.end() ? 0 : found->second;
  }
  void clear() { lengths_.clear(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, std::uint64_t, Hash, std::equal_to<>> lengths_;
};

}  // namespace tidemark::compare
