// SPDX-License-Identifier: Apache-2.0
#include "platform/sort.h"

#include <boost/sort/spreadsort/integer_sort.hpp>

namespace tidemark::platform {

void sort_numbers(std::span<std::uint64_t> numbers) {
  boost::sort::spreadsort::integer_sort(numbers.begin(), numbers.end());
}

void sort_by_key(std::span<Keyed> entries) {
  boost::sort::spreadsort::integer_sort(
      entries.begin(), entries.end(), [](const Keyed& entry, unsigned shift) { return entry.key >> shift; },
      [](const Keyed& a, const Keyed& b) { return a.key < b.key; });
}

}  // namespace tidemark::platform
