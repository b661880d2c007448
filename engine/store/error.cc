// SPDX-License-Identifier: Apache-2.0
#include "tidemark/error.hpp"

#include "tidemark/recovery_report.hpp"

namespace tidemark {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid argument";
    case ErrorCode::kLimitExceeded:
      return "limit exceeded";
    case ErrorCode::kVersionConflict:
      return "version conflict";
    case ErrorCode::kIdConflict:
      return "id conflict";
    case ErrorCode::kOutcomeUnknown:
      return "outcome unknown";
    case ErrorCode::kStoreFailed:
      return "store failed";
    case ErrorCode::kClosed:
      return "closed";
    case ErrorCode::kBusy:
      return "busy";
    case ErrorCode::kStopped:
      return "stopped";
    case ErrorCode::kLocked:
      return "locked";
    case ErrorCode::kNotFound:
      return "not found";
    case ErrorCode::kNotAStore:
      return "not a store";
    case ErrorCode::kUnsupportedFormat:
      return "unsupported format";
    case ErrorCode::kDamaged:
      return "damaged";
    case ErrorCode::kSuspectTail:
      return "suspect tail";
    case ErrorCode::kNoSpace:
      return "no space";
    case ErrorCode::kIo:
      return "input/output error";
    case ErrorCode::kReadOnly:
      return "read-only";
    case ErrorCode::kClock:
      return "clock";
    case ErrorCode::kForked:
      return "forked";
    case ErrorCode::kUnsafeFileSystem:
      return "unsafe file system";
    case ErrorCode::kMatchConflict:
      return "match conflict";
    case ErrorCode::kCheckpointUnknown:
      return "checkpoint unknown";
    case ErrorCode::kGroupUnknown:
      return "group unknown";
    case ErrorCode::kHandlerFailed:
      return "handler failed";
    case ErrorCode::kContended:
      return "contended";
    case ErrorCode::kOutOfMemory:
      return "out of memory";
  }
  return "unknown error";
}

std::string to_string(const Error& error) {
  std::string text(to_string(error.code()));
  text += ": " + error.message();
  if (!error.path().empty()) { text += " [" + error.path().string() + "]"; }
  if (error.segment()) { text += " [segment " + std::to_string(error.segment()->value()) + "]"; }
  if (error.offset()) { text += " [offset " + std::to_string(error.offset()->value()) + "]"; }
  if (error.system_error() != 0) { text += " [errno " + std::to_string(error.system_error()) + "]"; }
  return text;
}

std::string to_string(Expect expect) {
  switch (expect.kind()) {
    case Expect::Kind::kAny:
      return "any version";
    case Expect::Kind::kNoStream:
      return "no stream";
    case Expect::Kind::kStreamExists:
      return "an existing stream";
    case Expect::Kind::kExactly:
      return "version " + std::to_string(expect.version().value());
  }
  return "an unknown expectation";
}

std::string_view to_string(RecoveryKind kind) {
  switch (kind) {
    case RecoveryKind::kCreated:
      return "created";
    case RecoveryKind::kClosedCleanly:
      return "closed cleanly";
    case RecoveryKind::kCleanEnd:
      return "clean end";
    case RecoveryKind::kTornTail:
      return "torn tail";
    case RecoveryKind::kSuspectAccepted:
      return "suspect tail accepted";
    case RecoveryKind::kDamaged:
      return "damaged";
    case RecoveryKind::kSuspect:
      return "suspect tail";
  }
  return "unknown";
}

}  // namespace tidemark
