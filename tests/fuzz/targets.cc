// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/targets.h"

#include <algorithm>
#include <array>

namespace tidemark::fuzz {

namespace {

constexpr std::array kTargets{
    Target{"frame", Layout::kFrame, &run_frame},
    Target{"segment", Layout::kFolder, &run_segment},
    Target{"superblock", Layout::kFolder, &run_superblock},
    Target{"folder", Layout::kFolder, &run_folder},
    Target{"index", Layout::kRun, &run_index},
    Target{"import", Layout::kText, &run_import},
    Target{"text", Layout::kText, &run_text},
};

}  // namespace

std::span<const Target> targets() { return kTargets; }

const Target* find_target(std::string_view name) {
  const auto* const found = std::ranges::find(kTargets, name, &Target::name);
  return found == kTargets.end() ? nullptr : &*found;
}

}  // namespace tidemark::fuzz
