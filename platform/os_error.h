// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <filesystem>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tidemark/error.hpp"

// The one place where an errno, or an exception of a library beneath us, becomes an Error.
namespace tidemark::platform {

// `doing` is what was tried, such as "write to the file": the message says that this could not be done, and why.
//
//   ENOSPC, EDQUOT, EFBIG   kNoSpace
//   ENOMEM                  kOutOfMemory
//   ENOENT                  kNotFound
//   anything else           kIo
[[nodiscard]] Error os_error(int number, std::string_view doing, const std::filesystem::path& path);
[[nodiscard]] inline std::unexpected<Error> os_failure(int number, std::string_view doing,
                                                       const std::filesystem::path& path) {
  return std::unexpected(os_error(number, doing, path));
}

// Memory that ran out. Needs none itself: its text fits into a string's own buffer.
[[nodiscard]] inline Error no_memory() { return {ErrorCode::kOutOfMemory, "no memory left"}; }

// Carries out what may throw and gives back what it gives; an exception becomes an error.
template <class Function>
[[nodiscard]] std::invoke_result_t<Function> without_exceptions(Function&& function) {
  try {
    return std::forward<Function>(function)();
  } catch (const std::bad_alloc&) { return std::unexpected(no_memory()); } catch (const std::exception& thrown) {
    return std::unexpected(Error(ErrorCode::kIo, thrown.what()));
  }
}

}  // namespace tidemark::platform
