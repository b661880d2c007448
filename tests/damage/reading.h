// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tidemark/tidemark.hpp"

// Reads everything that a store shows, in every way there is, and holds it against what was appended.
namespace tidemark::damage {

using Wrong = std::optional<std::string>;  // what is wrong, if anything

[[nodiscard]] bool same_event(const Event& event, const OwnedEvent& expected);
[[nodiscard]] bool same_event(const OwnedEvent& event, const OwnedEvent& expected);

// What a store showed.
struct Shown {
  std::uint64_t events = 0;       // from the first on, read forward
  std::optional<Error> error;     // at which reading forward ended
  std::vector<bool> found;        // each event: by its id
  std::uint64_t with_errors = 0;  // reads of any kind that ended in an error
};

// Whatever is shown must be what was appended, in order, without a gap; whatever is not shown must end in kDamaged, or
// lie past what the store says that it shows. Gives what is wrong.
[[nodiscard]] Wrong read_everything(const Store& store, const std::vector<OwnedEvent>& appended, Shown& shown);

}  // namespace tidemark::damage
