// SPDX-License-Identifier: Apache-2.0
// What most sources of the command include, parsed once for all of them (TIDEMARK_PRECOMPILED).
#pragma once

#include <algorithm>
#include <chrono>
#include <expected>
#include <filesystem>
#include <fmt/format.h>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tidemark/tidemark.hpp"
