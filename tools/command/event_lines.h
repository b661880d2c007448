// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "tidemark/store.hpp"
#include "tools/command/exit_codes.h"
#include "tools/command/output.h"

namespace tidemark::command {

// Prints events as they come: one JSON object a line, or a table. In a store that was extracted from another one each
// has its position there beside its own.
class EventPrinter {
 public:
  // Both must outlive it.
  EventPrinter(const Store& store, Output& out, bool json);
  // False once there is no use in going on.
  bool print(const Event& event);

 private:
  [[nodiscard]] std::optional<Position> original(const Event& event);

  const Store& store_;
  Output& out_;
  const bool json_;
  bool has_originals_ = false;
  bool first_ = true;
};

// Prints what the cursor gives, to its end. A cursor that ends with an error is one here too, after what came before
// it.
[[nodiscard]] Outcome<ExitCode> print_events(const Store& store, Cursor& events, bool json);

}  // namespace tidemark::command
