// SPDX-License-Identifier: Apache-2.0
// What most sources of the library include, parsed once for all of them in sanitized builds (TIDEMARK_PRECOMPILED).
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tidemark/tidemark.hpp"
