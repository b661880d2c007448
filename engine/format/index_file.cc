// SPDX-License-Identifier: Apache-2.0
#include "engine/format/index_file.h"

#include <charconv>

#include "engine/format/segment.h"

namespace tidemark::engine {

namespace {

constexpr std::string_view kPrefix = "index-";
constexpr std::string_view kSuffix = ".run";
constexpr std::size_t kDigits = 20;  // of every 64-bit number
constexpr std::size_t kNameSize = kPrefix.size() + kDigits + 1 + kDigits + kSuffix.size();

void append_number(std::string& name, Position position) {
  const std::string digits = std::to_string(position.value());
  name.append(kDigits - digits.size(), '0').append(digits);
}

std::optional<Position> parse_number(std::string_view digits) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) { return std::nullopt; }
  return Position(number);
}

}  // namespace

std::string index_file_name(const IndexRange& range) {
  std::string name(kPrefix);
  append_number(name, range.first);
  name += '-';
  append_number(name, range.end);
  return name.append(kSuffix);
}

std::optional<IndexRange> parse_index_file_name(std::string_view name) {
  if (name.size() != kNameSize || !name.starts_with(kPrefix) || !name.ends_with(kSuffix)) { return std::nullopt; }
  const auto first = parse_number(name.substr(kPrefix.size(), kDigits));
  const auto end = parse_number(name.substr(kPrefix.size() + kDigits + 1, kDigits));
  if (!first || !end || *first >= *end || name[kPrefix.size() + kDigits] != '-') { return std::nullopt; }
  return IndexRange{*first, *end};
}

bool is_temporary_index_file_name(std::string_view name) {
  return name.starts_with(kPrefix) && name.ends_with(kTemporarySuffix);
}

}  // namespace tidemark::engine
