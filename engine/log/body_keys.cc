// SPDX-License-Identifier: Apache-2.0
#include "engine/log/body_keys.h"

#include "engine/format/names.h"

namespace tidemark::engine {

using index::KeyKind;
using index::make_key;

BodyKeys::BodyKeys(const BodyView& body)
    : streams_(body.stream_count()), types_(body.type_count()), checkpoints_(body.checkpoint_count()) {
  keys_.reserve(std::size_t{streams_} + 1 + types_ + body.tag_count() + checkpoints_);
  for (std::uint32_t i = 0; i < streams_; ++i) { keys_.push_back(make_key(KeyKind::kStream, body.stream_name(i))); }
  add_categories();
  for (std::uint32_t i = 0; i < types_; ++i) { keys_.push_back(make_key(KeyKind::kType, body.type_name(i))); }
  for (std::uint32_t i = 0; i < body.tag_count(); ++i) { keys_.push_back(make_key(KeyKind::kTag, body.tag_name(i))); }
  for (std::uint32_t i = 0; i < checkpoints_; ++i) {
    keys_.push_back(make_key(KeyKind::kCheckpoint, body.checkpoint_name(i)));
  }
}

// Streams of one frame are mostly of one category.
void BodyKeys::add_categories() {
  for (std::uint32_t i = 0; i < streams_; ++i) {
    const std::string_view category = category_of(keys_[i].name);
    if (categories_ > 0 && keys_.back().name == category) {
      if (!category_numbers_.empty()) { category_numbers_.push_back(categories_ - 1); }
      continue;
    }
    if (categories_ == 1) { category_numbers_.assign(i, 0); }
    keys_.push_back(make_key(KeyKind::kCategory, category));
    ++categories_;
    if (categories_ > 1) { category_numbers_.push_back(categories_ - 1); }
  }
}

BodyKeys::BodyKeys(std::string_view stream, std::string_view type)
    : keys_({make_key(KeyKind::kStream, stream), make_key(KeyKind::kCategory, category_of(stream)),
             make_key(KeyKind::kType, type)}),
      streams_(1),
      categories_(1),
      types_(1) {}

}  // namespace tidemark::engine
