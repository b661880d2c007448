// SPDX-License-Identifier: Apache-2.0
#include "engine/format/names.h"

#include <cstdint>
#include <optional>
#include <string>

#include "tidemark/limits.hpp"

namespace tidemark::engine {

namespace {

// The code point at the front of text and how many bytes it takes, after the table of well-formed sequences in the
// Unicode standard (chapter 3, table 3-7); nothing if there is none.
struct CodePoint {
  std::uint32_t value;
  std::size_t bytes;
};

std::optional<CodePoint> first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) { return CodePoint{lead, 1}; }
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) { return std::nullopt; }
  std::uint32_t value = lead & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) { return std::nullopt; }
    value = value << 6U | (byte(i) & 0x3FU);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (overlong || surrogate || value > 0x10FFFF) { return std::nullopt; }
  return CodePoint{value, length};
}

}  // namespace

Status check_name(std::string_view what, std::string_view name, std::size_t bytes_max) {
  if (name.empty()) { return std::unexpected(Error(ErrorCode::kInvalidArgument, std::string(what) + " is empty")); }
  if (name.size() > bytes_max) {
    return std::unexpected(Error(ErrorCode::kLimitExceeded, std::string(what) + " has " + std::to_string(name.size()) +
                                                                " bytes; at most " + std::to_string(bytes_max) +
                                                                " go"));
  }
  while (!name.empty()) {
    const auto point = first_code_point(name);
    if (!point) {
      return std::unexpected(Error(ErrorCode::kInvalidArgument, std::string(what) + " is not well-formed UTF-8"));
    }
    if (point->value < 0x20 || (point->value >= 0x7F && point->value <= 0x9F)) {
      return std::unexpected(Error(ErrorCode::kInvalidArgument, std::string(what) + " holds a control character"));
    }
    name.remove_prefix(point->bytes);
  }
  return {};
}

Status check_query(const Query& query) {
  const auto refuse = [](std::string_view why) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument, "the query makes no sense: " + std::string(why)));
  };
  if (!query.objection().empty()) { return refuse(query.objection()); }
  if (query.scope() == Query::Scope::kStream) {
    if (auto fits = check_name("a query's stream", query.scope_name(), limits::kStreamNameBytesMax); !fits) {
      return fits;
    }
  }
  if (query.scope() == Query::Scope::kCategory) {
    if (auto fits = check_name("a query's category", query.scope_name(), limits::kStreamNameBytesMax); !fits) {
      return fits;
    }
    if (query.scope_name().find('-') != std::string::npos) {
      return refuse("a category holds no '-', it ends before a stream's first one");
    }
  }
  std::size_t names = 0;
  for (const QueryItem& item : query.items()) {
    names += item.types.size() + item.tags.size();
    for (const auto& type : item.types) {
      if (auto fits = check_name("a query's type", type, limits::kTypeBytesMax); !fits) { return fits; }
    }
    for (const auto& tag : item.tags) {
      if (auto fits = check_name("a query's tag", tag, limits::kTagBytesMax); !fits) { return fits; }
    }
  }
  if (names > limits::kQueryNamesMax) {
    return std::unexpected(Error(ErrorCode::kLimitExceeded, "a query names " + std::to_string(names) +
                                                                " types and tags; at most " +
                                                                std::to_string(limits::kQueryNamesMax) + " go"));
  }
  return {};
}

}  // namespace tidemark::engine
