// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tidemark::faults {

// The position of the last event that a consumer was through with; nothing: before the first one.
using Place = std::optional<std::uint64_t>;

// What was stored under the name of one consumer, in order: alone, or by a batch of the log.
class CheckpointModel {
 public:
  // Sure: the call succeeded. Else it failed or did not return, and either is right.
  void stored_alone(Place place, bool is_sure) { stored_.push_back({place, std::nullopt, is_sure}); }
  // By the n-th batch of the log's model: it is there if and only if the batch is.
  void stored_by_batch(Place place, std::size_t batch) { stored_.push_back({place, batch, true}); }
  // A recovery kept so many batches.
  void cut_to(std::size_t batches);
  // The last batch that stored a place: it must be durable once a later place was stored alone.
  [[nodiscard]] std::optional<std::size_t> last_batch() const;

  // All that the store may say.
  [[nodiscard]] std::vector<Place> may_be() const;

 private:
  struct Stored {
    Place place;
    std::optional<std::size_t> batch;
    bool is_sure;
  };
  std::vector<Stored> stored_;
};

[[nodiscard]] std::string to_string(const Place& place);

}  // namespace tidemark::faults
