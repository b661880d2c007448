// SPDX-License-Identifier: Apache-2.0
#include "platform/os_error.h"

#include <cerrno>
#include <string>
#include <system_error>

namespace tidemark::platform {

namespace {

ErrorCode code_of(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return ErrorCode::kNoSpace;
    case ENOMEM:
      return ErrorCode::kOutOfMemory;
    case ENOENT:
      return ErrorCode::kNotFound;
    default:
      return ErrorCode::kIo;
  }
}

}  // namespace

Error os_error(int number, std::string_view doing, const std::filesystem::path& path) {
  try {
    std::string message = "could not ";
    message.append(doing).append(": ").append(std::system_category().message(number));
    if (number == ELOOP) { message += " (a symbolic link stands in its place, and is not followed)"; }
    return Error(code_of(number), std::move(message)).with_path(path).with_system_error(number);
  } catch (const std::exception&) { return no_memory().with_system_error(number); }
}

}  // namespace tidemark::platform
