// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/crash/model.h"
#include "tidemark/group.hpp"

namespace tidemark::faults {

// What a consumer group owes its members, as plain sets: which of its events have to come again, may, and must not.
class GroupModel {
 public:
  // --- what members were given and said; each gives what is wrong, if anything is ---

  [[nodiscard]] std::optional<std::string> given(std::size_t member, const Delivery& delivery, const crash::Model& log);
  // Stored: the call succeeded, so that it outlives the process. Also for what is skipped.
  void acked(std::size_t member, std::uint64_t position, bool is_stored);
  void refused(std::size_t member, std::uint64_t position);
  void parked(std::size_t member, std::uint64_t position, bool is_stored);
  // All that the member acknowledged outlives a loss of power.
  void flushed(std::size_t member);
  // A sync of the group's files failed: what was not synced before may be lost.
  void sync_failed();
  // What the member had in hand is given to others.
  void left(std::size_t member);
  // Everybody is gone with the process, or with the power.
  void died(bool with_power);
  // A recovery kept so many events.
  [[nodiscard]] std::optional<std::string> cut_to(std::uint64_t events) const;

  // --- what there is ---

  [[nodiscard]] const std::set<std::uint64_t>& in_hand(std::size_t member) { return hands_[member]; }
  // The first event of the group's that was neither given and acknowledged, nor may have been.
  [[nodiscard]] std::optional<std::uint64_t> first_lost(const crash::Model& log) const;
  [[nodiscard]] static bool is_ours(const std::string& stream) { return stream.starts_with("job-"); }

 private:
  enum class Done : std::uint8_t {
    kNo,       // has to come again
    kMaybe,    // was acknowledged, and that may be lost
    kAcked,    // must not come again
    kParking,  // was to be parked: has to come again, or to be parked
    kParked,   // comes only if it is asked for
  };
  struct Entry {
    Done done = Done::kNo;
    bool is_synced = false;  // for kAcked
    std::size_t by = 0;
    bool was_parked = false;
  };
  [[nodiscard]] Done done(std::uint64_t position) const;
  // Who said something before a crash is not there any more.
  static constexpr std::size_t kNobody = ~std::size_t{0};
  void take_out(std::size_t member, std::uint64_t position) { hands_[member].erase(position); }

  std::map<std::uint64_t, Entry> entries_;  // of events that were given at least once
  std::map<std::size_t, std::set<std::uint64_t>> hands_;
  std::set<std::uint64_t> given_;  // since everybody died last
};

}  // namespace tidemark::faults
