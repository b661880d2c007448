// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "platform/machine.h"

namespace tidemark::platform {

// A UUID of version 7 (RFC 9562): 48 bits of the wall clock in milliseconds, then randomness. Thread-safe.
[[nodiscard]] Uuid make_uuid_v7();
// A UUID of version 5: SHA-1 over a fixed name space of Tidemark's own and the name.
[[nodiscard]] Uuid uuid_from_name(std::string_view name);

}  // namespace tidemark::platform
