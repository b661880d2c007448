// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/commit/encoded_batch.h"
#include "index/arena.h"
#include "index/growing_table.h"
#include "index/hash_slots.h"
#include "index/key.h"
#include "tidemark/types.hpp"

namespace tidemark::engine {

// How many events streams have, of those appended to last: as many as 16 to 32 MiB hold, and all that may not be
// forgotten yet. In two generations: what is set goes into the younger one; when that is full it becomes the older one,
// whose place it takes. Of one thread at a time.
class StreamHeads {
 public:
  // The numbers of events of the streams, nothing for one that is not known; of several together, since each is
  // somewhere else in memory.
  void counts(std::span<const StreamUse> streams, std::span<std::optional<std::uint64_t>> into) const;
  [[nodiscard]] std::optional<std::uint64_t> count(const index::Key& stream) const;
  // Whether the stream was set with an end behind this position, as far as is known.
  [[nodiscard]] bool was_set_after(const index::Key& stream, Position position) const;

  // The stream has so many events now, by a batch that ends here: no earlier than that of the call before. What was set
  // by batches that end behind `kept` is not forgotten. May throw std::bad_alloc; nothing is set then.
  void set(const index::Key& stream, std::uint64_t count, Position batch_end, Position kept);

 private:
  struct Head {
    const char* name = nullptr;
    std::uint32_t name_size = 0;
    std::uint64_t count = 0;
    Position batch_end;

    [[nodiscard]] bool is(const index::Key& stream) const { return std::string_view(name, name_size) == stream.name; }
  };
  struct Generation {
    index::Arena memory;
    index::HashSlots slots{memory};
    index::GrowingTable<Head, 64> heads{memory};
    std::uint64_t bytes = 0;
    Position batch_end;  // the last of them

    [[nodiscard]] std::optional<std::uint32_t> find(const index::Key& stream) const;
  };
  static constexpr std::uint64_t kGenerationBytes = std::uint64_t{16} << 20U;

  [[nodiscard]] const Head* find(const index::Key& stream) const;

  std::unique_ptr<Generation> young_ = std::make_unique<Generation>();
  std::unique_ptr<Generation> old_ = std::make_unique<Generation>();
};

}  // namespace tidemark::engine
