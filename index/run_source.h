// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "index/key.h"
#include "index/run_places.h"
#include "index/run_table.h"
#include "tidemark/error.hpp"
#include "tidemark/types.hpp"

namespace tidemark::index {

// What a run is written from, in the order in which it is written. The writer holds what it is given against these
// orders: a source may be a file, and files lie.
class RunSource {
 public:
  virtual ~RunSource() = default;

  [[nodiscard]] virtual Position first() const = 0;
  [[nodiscard]] virtual Position end() const = 0;
  [[nodiscard]] virtual std::uint64_t id_count() const = 0;

  // Called first. Everything is given from its beginning.
  [[nodiscard]] virtual Status start() = 0;

  struct KeyHead {
    KeyKind kind = KeyKind::kStream;
    std::string_view name;  // until the next call
    std::uint64_t base = 0;
    std::uint64_t count = 0;  // at least 1
  };
  // The keys by kind and the bytes of their names. False at the end.
  [[nodiscard]] virtual Result<bool> next_key(KeyHead& into) = 0;
  // The next positions of this key, counted from first(), rising. Fills all of `into`, never asked for more than count.
  [[nodiscard]] virtual Status next_positions(std::span<std::uint32_t> into) = 0;
  // The keys from the beginning again; their positions are not asked for this time.
  [[nodiscard]] virtual Status rewind_keys() = 0;

  // id_count() entries by hash, of one hash by position, counted from first(). Asked for no more.
  [[nodiscard]] virtual Status next_ids(std::span<HashedValue> into) = 0;
  // The places of all positions, in order. Asked for no more.
  [[nodiscard]] virtual Status next_places(std::span<Place> into) = 0;
};

}  // namespace tidemark::index
