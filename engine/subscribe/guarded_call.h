// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <functional>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tidemark/error.hpp"

namespace tidemark::engine {

// Calls a function of the user, and makes an error of what it throws: kHandlerFailed, which begins with what name()
// gives ("the handler"), or kOutOfMemory. The name is made only where it is needed.
template <class Name, class Call>
[[nodiscard]] std::invoke_result_t<Call&> guarded_call(Name&& name, Call&& call) {
  const auto failed = [&](std::string_view why) {
    return std::unexpected(Error(ErrorCode::kHandlerFailed, std::string(name()) + " threw: " + std::string(why)));
  };
  try {
    try {
      return std::invoke(call);
    } catch (const std::bad_alloc&) { throw; } catch (const std::exception& thrown) {
      return failed(thrown.what());
    } catch (...) { return failed("something that is no std::exception"); }
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

}  // namespace tidemark::engine
