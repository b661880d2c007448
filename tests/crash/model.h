// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tidemark/tidemark.hpp"

namespace tidemark::crash {

// An event as it was appended.
struct ModelEvent {
  std::string stream;
  std::uint64_t version = 0;
  EventId id;
  std::string type;
  std::string data;
  std::string metadata = {};
  std::vector<std::string> tags = {};
  std::optional<ValidTime> valid = {};
};

// How sure a batch is.
enum class Standing : std::uint8_t {
  kUnknown,   // its append did not return, or with outcome unknown: there as a whole or not at all
  kBuffered,  // acknowledged as buffered: may go with a crash
  kDurable,   // acknowledged: stays
};

struct ModelBatch {
  std::vector<ModelEvent> events;
  Standing standing = Standing::kUnknown;
};

// What a store must hold, as plain vectors: all batches that may be there, in the order of the log.
class Model {
 public:
  void add(ModelBatch batch) { batches_.push_back(std::move(batch)); }
  // Everything up to the n-th batch (and all before it) is known durable.
  void set_durable_up_to(std::size_t count);
  [[nodiscard]] std::size_t batch_count() const { return batches_.size(); }
  [[nodiscard]] const std::vector<ModelBatch>& batches() const { return batches_; }
  [[nodiscard]] std::vector<ModelBatch>& batches() { return batches_; }

  [[nodiscard]] std::uint64_t event_count() const;
  // Of the batches that must be there.
  [[nodiscard]] std::uint64_t durable_event_count() const;
  // How many events a stream has, by all batches.
  [[nodiscard]] std::uint64_t stream_count(const std::string& stream) const;
  [[nodiscard]] std::vector<const ModelEvent*> events() const;

  // Takes what a crash left: exactly so many events, which must be whole batches and no fewer than acknowledged. Later
  // batches are forgotten. Gives what is wrong, if anything is.
  [[nodiscard]] std::optional<std::string> cut_to(std::uint64_t events);
  // What is there now is there for good: everything was synced.
  void settle();
  // Nothing after this event is promised any more: somebody accepted its loss.
  void waive_after(std::uint64_t events);

 private:
  std::vector<ModelBatch> batches_;
};

// How a shown event differs from the one that was appended at this position, if it does.
[[nodiscard]] std::optional<std::string> differs(const Event& event, const ModelEvent& expected,
                                                 std::uint64_t position);

// Compares what a store shows with the first `count` events of the model, through every kind of read. Gives what
// differs.
[[nodiscard]] std::optional<std::string> compare(const Store& store, const Model& model, std::uint64_t count,
                                                 std::uint64_t seed);

}  // namespace tidemark::crash
