// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/checkpoint_model.h"

#include <algorithm>

namespace tidemark::faults {

void CheckpointModel::cut_to(std::size_t batches) {
  std::erase_if(stored_, [&](const Stored& one) { return one.batch && *one.batch >= batches; });
}

std::optional<std::size_t> CheckpointModel::last_batch() const {
  for (auto one = stored_.rbegin(); one != stored_.rend(); ++one) {
    if (one->batch) { return one->batch; }
  }
  return std::nullopt;
}

std::vector<Place> CheckpointModel::may_be() const {
  std::vector<Place> places;
  for (auto one = stored_.rbegin(); one != stored_.rend(); ++one) {
    places.push_back(one->place);
    if (one->is_sure) { return places; }
  }
  places.emplace_back(std::nullopt);
  return places;
}

std::string to_string(const Place& place) { return place ? std::to_string(*place) : "the beginning"; }

}  // namespace tidemark::faults
