// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "platform/sim/sim_file_system.h"

namespace tidemark::faults {

// What the events hold. The sizes are the same whatever it is, so that the same calls are made.
enum class Payload : std::uint8_t {
  kPlain,          // random bytes, none of them zero
  kZeros,          // zeros only: looks like sectors that were never written
  kOwnFrames,      // copies of frames of the same store, as it is at that moment
  kOtherFrames,    // copies of frames of another store
  kOwnSegments,    // the whole segment files of the same store, with their headers, footers and empty parts
  kOtherSegments,  // likewise of another store
  kSuperblocks,    // the superblocks of the same store, and of another
  kCount,
};
[[nodiscard]] std::string_view to_string(Payload payload);
[[nodiscard]] std::optional<Payload> payload_named(std::string_view name);
// Whether no sector of such a payload is zero: then a lost sector is seen whatever the payload is.
[[nodiscard]] bool is_dense(Payload payload);

// The data of one event. `files` has the same store in `folder`; `number` tells one event from the next.
[[nodiscard]] std::string payload_bytes(Payload payload, std::size_t size, std::uint64_t number,
                                        const platform::SimFileSystem& files, const std::filesystem::path& folder);

}  // namespace tidemark::faults
