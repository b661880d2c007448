// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tidemark {

inline constexpr char kLibraryVersion[] = "0.1.0";
// The format that new stores are written in. Every older major version can be read.
inline constexpr std::uint16_t kFormatMajor = 1;
inline constexpr std::uint16_t kFormatMinor = 0;

}  // namespace tidemark
