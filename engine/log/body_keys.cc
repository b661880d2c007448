// SPDX-License-Identifier: Apache-2.0
#include "engine/log/body_keys.h"

#include "engine/format/names.h"

namespace tidemark::engine {

using index::KeyKind;
using index::make_key;

BodyKeys::BodyKeys(const BodyView& body) : streams_(body.stream_count()), types_(body.type_count()) {
  keys_.reserve(std::size_t{2} * streams_ + types_ + body.tag_count());
  for (std::uint32_t i = 0; i < streams_; ++i) { keys_.push_back(make_key(KeyKind::kStream, body.stream_name(i))); }
  for (std::uint32_t i = 0; i < streams_; ++i) {
    keys_.push_back(make_key(KeyKind::kCategory, category_of(body.stream_name(i))));
  }
  for (std::uint32_t i = 0; i < types_; ++i) { keys_.push_back(make_key(KeyKind::kType, body.type_name(i))); }
  for (std::uint32_t i = 0; i < body.tag_count(); ++i) { keys_.push_back(make_key(KeyKind::kTag, body.tag_name(i))); }
}

BodyKeys::BodyKeys(std::string_view stream, std::string_view type)
    : keys_({make_key(KeyKind::kStream, stream), make_key(KeyKind::kCategory, category_of(stream)),
             make_key(KeyKind::kType, type)}),
      streams_(1),
      types_(1) {}

}  // namespace tidemark::engine
