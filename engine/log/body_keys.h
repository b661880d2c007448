// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/format/body.h"
#include "index/key.h"

namespace tidemark::engine {

// What one event is called, as indexes into its frame's names.
struct EventNames {
  std::uint32_t stream = 0;
  std::uint32_t type = 0;
  std::span<const std::uint32_t> tags;
};

// The keys that the names of a frame stand for, hashed once a frame. They look at names in the frame's body.
class BodyKeys {
 public:
  BodyKeys() = default;
  explicit BodyKeys(const BodyView& body);
  // Of a single event that stands in no frame: a placeholder. The names must live as long as this.
  BodyKeys(std::string_view stream, std::string_view type);

  [[nodiscard]] const index::Key& stream(std::uint32_t index) const { return keys_[index]; }
  // Its name is empty if the stream has no category.
  [[nodiscard]] const index::Key& category(std::uint32_t stream) const { return name(category_number(stream)); }
  [[nodiscard]] const index::Key& type(std::uint32_t index) const { return name(type_number(index)); }
  [[nodiscard]] const index::Key& tag(std::uint32_t index) const { return name(tag_number(index)); }

  [[nodiscard]] std::uint32_t stream_count() const { return streams_; }
  // What is not a stream, each with a number below name_count().
  [[nodiscard]] std::size_t name_count() const { return keys_.size() - streams_; }
  [[nodiscard]] const index::Key& name(std::size_t number) const { return keys_[streams_ + number]; }
  [[nodiscard]] std::size_t category_number(std::uint32_t stream) const {
    return category_numbers_.empty() ? 0 : category_numbers_[stream];
  }
  [[nodiscard]] std::size_t type_number(std::uint32_t index) const { return std::size_t{categories_} + index; }
  [[nodiscard]] std::size_t tag_number(std::uint32_t index) const { return std::size_t{categories_} + types_ + index; }
  // Those that events have, which is all but consumers' checkpoints: these are found by the frame's first event.
  [[nodiscard]] std::size_t event_name_count() const { return name_count() - checkpoints_; }
  [[nodiscard]] std::uint32_t checkpoint_count() const { return checkpoints_; }
  [[nodiscard]] std::size_t checkpoint_number(std::uint32_t index) const { return event_name_count() + index; }

 private:
  void add_categories();

  std::vector<index::Key> keys_;  // streams | categories, one for neighbours of the same | types | tags | checkpoints
  std::vector<std::uint32_t> category_numbers_;  // of streams; empty if all have one
  std::uint32_t streams_ = 0;
  std::uint32_t categories_ = 0;
  std::uint32_t types_ = 0;
  std::uint32_t checkpoints_ = 0;
};

}  // namespace tidemark::engine
