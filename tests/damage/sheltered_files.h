// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "platform/file_system.h"

namespace tidemark::damage {

// A file system on another one, whose own allocations never fail: so that a twin's bookkeeping is not what is tested.
[[nodiscard]] std::unique_ptr<platform::FileSystem> make_sheltered(platform::FileSystem& inner);

}  // namespace tidemark::damage
