// SPDX-License-Identifier: Apache-2.0
// What most tests include, parsed once for all of them (TIDEMARK_PRECOMPILED). Every test
// still names what it uses: it must compile without this, too.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <ranges>
#include <set>
#include <span>
#include <sstream>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tidemark/tidemark.hpp"
