// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tidemark/types.hpp"

// The names of index files in a store's folder. docs/format/index.md.
namespace tidemark::engine {

// What an index file is about: the positions [first, end), at least one.
struct IndexRange {
  Position first;
  Position end;

  friend bool operator==(const IndexRange&, const IndexRange&) = default;
};

[[nodiscard]] std::string index_file_name(const IndexRange& range);
// One range has one name; any other spelling is none.
[[nodiscard]] std::optional<IndexRange> parse_index_file_name(std::string_view name);
// Whether the name is that of an index file that was not finished.
[[nodiscard]] bool is_temporary_index_file_name(std::string_view name);

}  // namespace tidemark::engine
