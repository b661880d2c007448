// SPDX-License-Identifier: Apache-2.0
// Goal: an errno becomes the code that callers decide by, and a sentence for people.
#include "platform/os_error.h"

#include <cerrno>
#include <gtest/gtest.h>
#include <stdexcept>

namespace tidemark::platform {
namespace {

TEST(OsError, Codes) {
  const std::pair<int, ErrorCode> kTable[] = {
      {ENOSPC, ErrorCode::kNoSpace},     {EDQUOT, ErrorCode::kNoSpace},  {EFBIG, ErrorCode::kNoSpace},
      {ENOMEM, ErrorCode::kOutOfMemory}, {ENOENT, ErrorCode::kNotFound}, {EIO, ErrorCode::kIo},
      {EINTR, ErrorCode::kIo},           {EROFS, ErrorCode::kIo},        {EACCES, ErrorCode::kIo},
  };
  for (const auto& [number, code] : kTable) {
    const Error error = os_error(number, "do it", "some/path");
    EXPECT_EQ(error.code(), code) << number;
    EXPECT_EQ(error.system_error(), number);
    EXPECT_EQ(error.path(), "some/path");
  }
}

TEST(OsError, SaysWhatWasTriedAndWhyItFailed) {
  EXPECT_EQ(os_error(ENOSPC, "write to the file", "x").message(),
            "could not write to the file: No space left on device");
}

TEST(OsError, ExceptionsBecomeErrors) {
  const Status no_memory_left = without_exceptions([]() -> Status { throw std::bad_alloc(); });
  EXPECT_EQ(no_memory_left.error().code(), ErrorCode::kOutOfMemory);
  const Result<int> other = without_exceptions([]() -> Result<int> { throw std::runtime_error("odd"); });
  EXPECT_EQ(other.error().code(), ErrorCode::kIo);
  EXPECT_EQ(other.error().message(), "odd");
  EXPECT_EQ(without_exceptions([]() -> Result<int> { return 7; }), 7);
}

}  // namespace
}  // namespace tidemark::platform
