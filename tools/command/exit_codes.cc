// SPDX-License-Identifier: Apache-2.0
#include "tools/command/exit_codes.h"

namespace tidemark::command {

ExitCode exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kDamaged:
    case ErrorCode::kSuspectTail:
      return ExitCode::kDamageFound;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kLimitExceeded:
    case ErrorCode::kClock:
      return ExitCode::kBadInput;
    case ErrorCode::kVersionConflict:
    case ErrorCode::kContended:
    case ErrorCode::kIdConflict:
    case ErrorCode::kMatchConflict:
      return ExitCode::kConflict;
    case ErrorCode::kLocked:
      return ExitCode::kLocked;
    case ErrorCode::kOutcomeUnknown:
    case ErrorCode::kStoreFailed:
    case ErrorCode::kClosed:
    case ErrorCode::kBusy:
    case ErrorCode::kStopped:
    case ErrorCode::kNotFound:
    case ErrorCode::kNotAStore:
    case ErrorCode::kUnsupportedFormat:
    case ErrorCode::kNoSpace:
    case ErrorCode::kIo:
    case ErrorCode::kReadOnly:
    case ErrorCode::kForked:
    case ErrorCode::kUnsafeFileSystem:
    case ErrorCode::kCheckpointUnknown:
    case ErrorCode::kGroupUnknown:
    case ErrorCode::kHandlerFailed:
    case ErrorCode::kOutOfMemory:
      return ExitCode::kFailed;
  }
  return ExitCode::kFailed;
}

Failure::Failure(const Error& error) : code(exit_code(error.code())), message(to_string(error)) {}

}  // namespace tidemark::command
