// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "tests/fuzz/targets.h"

// Makes hostile inputs out of good ones. Three kinds of changes, by chance: of any bytes; of one field that the format
// knows, to a value that may hurt; of whole frames, sectors and files. Then, mostly, the checksums are mended, so that
// the change is met behind them.
namespace tidemark::fuzz {

// Changes size bytes at data in any way; gives the new size, at most size_max. libFuzzer's own, or plain_bytes.
using ByteMutator = std::function<std::size_t(std::byte* data, std::size_t size, std::size_t size_max)>;

// For where there is no libFuzzer.
[[nodiscard]] ByteMutator plain_bytes(std::uint64_t seed);

// The same seed makes the same of the same input.
[[nodiscard]] std::vector<std::byte> mutate(Layout layout, Bytes input, std::uint64_t seed, const ByteMutator& bytes);

}  // namespace tidemark::fuzz
