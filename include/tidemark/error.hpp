// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tidemark/expect.hpp"
#include "tidemark/export.hpp"
#include "tidemark/types.hpp"

namespace tidemark {

// What went wrong. The numbers are stable. Codes at which an append may yet be found in the log
// say so; after every other code it is not there.
enum class ErrorCode : std::uint8_t {
  kInvalidArgument = 1,  // the call makes no sense as it stands: mend the call
  kLimitExceeded = 2,    // a name, event or batch is over a limit; the message names the limit
  kVersionConflict = 3,  // a stream is not at the expected version; see Error::conflicts()
  kIdConflict = 4,       // an event id is known already, with other content or company
  kOutcomeUnknown = 5,   // the append may or may not be there after reopening: repeat it with the same ids
  kStoreFailed = 6,      // an earlier write or sync failed: reads go on, reopen the store to append
  kClosed = 7,           // the store was closed
  kBusy = 8,             // too much is in flight (try_submit only)
  kStopped = 9,     // the caller's stop token or deadline ended the wait; nothing was appended (a ticket: ask again)
  kLocked = 10,     // another opening holds the store for writing; the message names it
  kNotFound = 11,   // there is no such store
  kNotAStore = 12,  // the folder holds something else
  kUnsupportedFormat = 13,  // the store was written in a format that this library does not know
  kDamaged = 14,            // acknowledged data is damaged; the error says where
  kSuspectTail = 15,       // the end of the log is neither whole nor plainly torn: see OpenOptions::accept_suspect_tail
  kNoSpace = 16,           // the disk is full, or a quota or file-size limit is reached
  kIo = 17,                // the operating system reported an error; see Error::system_error()
  kReadOnly = 18,          // the store was opened read-only
  kClock = 19,             // the wall clock is far from the log's time: see OpenOptions::accept_clock; or a batch's
                           // given time is ahead of the clock: see AppendOptions::recorded
  kOutOfMemory = 20,       // memory ran out
  kForked = 21,            // the store belongs to the parent of this forked process
  kUnsafeFileSystem = 22,  // the folder is on a file system that cannot keep the promises: see
                           // OpenOptions::allow_unsafe_file_system
  kMatchConflict = 23,     // an event matches a condition that none may; see Error::match_conflicts()
  kCheckpointUnknown = 24,  // the checkpoint is another log's, past the end, or another event stands there now
  kContended = 25,          // other appends came between a decision and its append too often; nothing was appended
  kGroupUnknown = 26,       // there is no such consumer group
  kHandlerFailed = 29,      // a function that was given to a Runner or a Projection threw
};

// The code's name, such as "version conflict".
[[nodiscard]] TIDEMARK_API std::string_view to_string(ErrorCode code);

// One expectation that did not hold.
struct Conflict {
  std::string stream;
  Expect expected;
  std::optional<Version> actual;  // none: the stream has no event

  friend bool operator==(const Conflict&, const Conflict&) = default;
};

// One condition over a query that did not hold.
struct MatchConflict {
  std::size_t condition = 0;  // the n-th fail_if_match of the batch, from 0
  Position position;          // of the first event that matches

  friend bool operator==(const MatchConflict&, const MatchConflict&) = default;
};

// An error: a stable code, where it happened, and a sentence that a person can act on.
class [[nodiscard]] TIDEMARK_API Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  [[nodiscard]] ErrorCode code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  // The file or folder concerned; empty if there is none.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::optional<SegmentNumber> segment() const { return segment_; }
  // Counted from the start of path().
  [[nodiscard]] std::optional<Offset> offset() const { return offset_; }
  // The operating system's errno, 0 if it had no part in this.
  [[nodiscard]] int system_error() const { return system_error_; }
  // Every expectation that failed, in the order of the batch; kVersionConflict has at least one.
  [[nodiscard]] const std::vector<Conflict>& conflicts() const { return conflicts_; }

  // Every fail_if_match that failed, in the order of the batch; kMatchConflict has at least one, and kVersionConflict
  // those that failed beside its expectations.
  [[nodiscard]] const std::vector<MatchConflict>& match_conflicts() const { return match_conflicts_; }

  // These add where it happened and give the error back.
  Error&& with_path(std::filesystem::path path) && {
    path_ = std::move(path);
    return std::move(*this);
  }
  Error&& with_segment(SegmentNumber segment) && {
    segment_ = segment;
    return std::move(*this);
  }
  Error&& with_offset(Offset offset) && {
    offset_ = offset;
    return std::move(*this);
  }
  Error&& with_system_error(int number) && {
    system_error_ = number;
    return std::move(*this);
  }
  Error&& with_conflicts(std::vector<Conflict> conflicts) && {
    conflicts_ = std::move(conflicts);
    return std::move(*this);
  }
  Error&& with_match_conflicts(std::vector<MatchConflict> conflicts) && {
    match_conflicts_ = std::move(conflicts);
    return std::move(*this);
  }

 private:
  ErrorCode code_;
  int system_error_ = 0;
  std::string message_;
  std::filesystem::path path_;
  std::optional<SegmentNumber> segment_;
  std::optional<Offset> offset_;
  std::vector<Conflict> conflicts_;
  std::vector<MatchConflict> match_conflicts_;
};

// One line with what the error knows: code, message (which names every conflict), path, segment, offset, errno.
[[nodiscard]] TIDEMARK_API std::string to_string(const Error& error);

// A value, or why there is none.
template <class T>
using Result = std::expected<T, Error>;
// Done, or why not.
using Status = Result<void>;

}  // namespace tidemark
