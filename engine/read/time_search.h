// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "engine/log/segment.h"
#include "engine/read/read_source.h"
#include "index/tiers.h"
#include "tidemark/cursor.hpp"
#include "tidemark/error.hpp"
#include "tidemark/types.hpp"

namespace tidemark::engine {

// Positions by recorded time, which rises along the log: found by halving, so that as many events are looked at as the
// number of those before `end` has binary digits. kDamaged, kIo.

// The first position below end that was recorded at this time or later; end if there is none.
[[nodiscard]] Result<Position> first_recorded_from(const ReadSource& source, const index::Tiers& index,
                                                   const std::shared_ptr<const SegmentList>& segments,
                                                   RecordedTime time, Position end, Access access);
// The first one that was recorded after this time; likewise.
[[nodiscard]] Result<Position> first_recorded_after(const ReadSource& source, const index::Tiers& index,
                                                    const std::shared_ptr<const SegmentList>& segments,
                                                    RecordedTime time, Position end, Access access);

}  // namespace tidemark::engine
