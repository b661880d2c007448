// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "index/key_query.h"
#include "tidemark/query.hpp"

namespace tidemark::engine {

// A query with its names hashed. The keys look at the query's names, which must live as long.
[[nodiscard]] index::KeyQuery key_query(const Query& query);

}  // namespace tidemark::engine
