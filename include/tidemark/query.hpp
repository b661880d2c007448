// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tidemark {

// Which events: all of them, or those of one stream.
class Query {
 public:
  enum class Kind : std::uint8_t { kAll, kStream };

  [[nodiscard]] static Query all() { return Query(Kind::kAll, {}); }
  [[nodiscard]] static Query stream(std::string_view name) { return Query(Kind::kStream, name); }

  [[nodiscard]] Kind kind() const { return kind_; }
  // Only of a query for one stream.
  [[nodiscard]] const std::string& stream_name() const { return stream_; }

 private:
  Query(Kind kind, std::string_view stream) : kind_(kind), stream_(stream) {}

  Kind kind_;
  std::string stream_;
};

}  // namespace tidemark
