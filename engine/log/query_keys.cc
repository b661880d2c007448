// SPDX-License-Identifier: Apache-2.0
#include "engine/log/query_keys.h"

namespace tidemark::engine {

using index::KeyKind;
using index::make_key;

index::KeyQuery key_query(const Query& query) {
  index::KeyQuery keys;
  if (query.scope() == Query::Scope::kStream) { keys.scope = make_key(KeyKind::kStream, query.scope_name()); }
  if (query.scope() == Query::Scope::kCategory) { keys.scope = make_key(KeyKind::kCategory, query.scope_name()); }
  keys.items.reserve(query.items().size());
  for (const QueryItem& item : query.items()) {
    auto& one = keys.items.emplace_back();
    for (const auto& type : item.types) { one.types.push_back(make_key(KeyKind::kType, type)); }
    for (const auto& tag : item.tags) { one.tags.push_back(make_key(KeyKind::kTag, tag)); }
  }
  return keys;
}

}  // namespace tidemark::engine
