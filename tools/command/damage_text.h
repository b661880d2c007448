// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tidemark/verify.hpp"

// How verify and repair tell of damage.
namespace tidemark::command {

[[nodiscard]] nlohmann::ordered_json verify_json(const VerifyReport& report);
// A sentence, then the positions and streams that are hit, a line each.
[[nodiscard]] std::string damage_text(const Damage& damage);

}  // namespace tidemark::command
