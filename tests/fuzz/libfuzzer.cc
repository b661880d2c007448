// SPDX-License-Identifier: Apache-2.0
// Ties one target, TIDEMARK_FUZZ_TARGET, to libFuzzer. With TIDEMARK_FUZZ_PLAIN in the environment inputs are changed
// by libFuzzer alone, to compare how far that comes.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/fuzz/mutator.h"
#include "tests/fuzz/targets.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

namespace {

using namespace tidemark;

const fuzz::Target& target() {
  static const fuzz::Target* const found = fuzz::find_target(TIDEMARK_FUZZ_TARGET);
  return *found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    target().run({reinterpret_cast<const std::byte*>(data), size});
  } catch (const fuzz::Finding& finding) {
    std::fprintf(stderr, "FINDING: %s\n", finding.what());
    std::abort();
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned seed) {
  static const bool plain = std::getenv("TIDEMARK_FUZZ_PLAIN") != nullptr;
  if (plain || target().layout == fuzz::Layout::kText) { return LLVMFuzzerMutate(data, size, size_max); }
  const auto bytes = [](std::byte* at, std::size_t length, std::size_t length_max) {
    return LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(at), length, length_max);
  };
  const auto changed = fuzz::mutate(target().layout, {reinterpret_cast<const std::byte*>(data), size}, seed, bytes);
  if (changed.size() > size_max) { return LLVMFuzzerMutate(data, size, size_max); }
  if (!changed.empty()) { std::memcpy(data, changed.data(), changed.size()); }
  return changed.size();
}
