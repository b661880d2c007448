// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>

#include "tidemark/error.hpp"

namespace tidemark::command {

// How the command ends, for scripts.
enum class ExitCode : int {
  kWell = 0,
  kDamageFound = 1,
  kBadInput = 2,  // usage too
  kConflict = 3,
  kLocked = 4,
  kFailed = 5,  // I/O and everything else: no such store, not a store, a newer format, a full disk
  kNoSuchEvent = 6,
};

[[nodiscard]] ExitCode exit_code(ErrorCode code);

// Why a subcommand could not do its work: the exit code and a sentence for stderr.
struct Failure {
  Failure(ExitCode code_in, std::string message_in) : code(code_in), message(std::move(message_in)) {}
  explicit Failure(const Error& error);

  ExitCode code;
  std::string message;
};

template <class T>
using Outcome = std::expected<T, Failure>;

[[nodiscard]] inline std::unexpected<Failure> bad_input(std::string message) {
  return std::unexpected(Failure(ExitCode::kBadInput, std::move(message)));
}
[[nodiscard]] inline std::unexpected<Failure> failed(const Error& error) { return std::unexpected(Failure(error)); }

}  // namespace tidemark::command
