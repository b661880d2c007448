// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include "engine/group/group_folder.h"
#include "engine/group/partition.h"
#include "engine/group/partition_file.h"
#include "engine/subscribe/live_source.h"
#include "engine/subscribe/subscription_impl.h"
#include "platform/clock.h"
#include "platform/file_system.h"
#include "tidemark/group.hpp"

namespace tidemark::engine {

// What a member stands on. It outlives the member.
struct GroupContext {
  std::shared_ptr<const LiveSource> source;
  platform::FileSystem& files;
  platform::Clock& clock;
  std::filesystem::path store;  // the folder
  GroupDefinition group;
  Access access = Access::kMapped;
};

}  // namespace tidemark::engine

namespace tidemark::detail {

// One scan of the log for all partitions of the member. A partition that comes late, or had no room, takes the scan
// back to where it stands; the others leave out what they have seen.
class MemberImpl {
 public:
  [[nodiscard]] static Result<std::unique_ptr<MemberImpl>> join(engine::GroupContext context,
                                                                const MemberOptions& options);
  ~MemberImpl();
  MemberImpl(const MemberImpl&) = delete;
  MemberImpl& operator=(const MemberImpl&) = delete;

  // Nothing once it is `until`, by the machine's steady clock; without one it waits.
  [[nodiscard]] Result<std::optional<Delivery>> next(std::optional<platform::SteadyTime> until,
                                                     const std::stop_token& stop);
  [[nodiscard]] Status ack(std::span<const Position> positions);
  [[nodiscard]] Status nack(Position position, std::string_view reason, Nack how);
  [[nodiscard]] Status flush();
  [[nodiscard]] Status leave();
  // As if the process had died: when memory ran out, and nobody knows what of it was done.
  void drop_all() { owned_.clear(); }
  [[nodiscard]] std::vector<std::uint32_t> partitions() const;
  [[nodiscard]] std::uint64_t unacked() const;

 private:
  // A partition that this member has.
  struct Owned {
    std::uint32_t number = 0;
    std::unique_ptr<platform::FileLock> lock;
    engine::PartitionFile file;
    engine::Partition partition;
    Checkpoint proof;
    Position stored_next;
    bool is_leaving = false;           // another member is to have it, once nothing of it is given
    bool is_stalled = false;           // the scan passed it by
    bool is_unwritten = false;         // its progress changed since it was written
    bool is_parked_unwritten = false;  // likewise what is parked
    bool is_touched = false;           // by what is acknowledged just now
    bool is_parked_touched = false;    // likewise
    std::uint64_t stored_replayed = 0;
    unsigned failures = 0;                                          // in a row
    platform::SteadyTime held_until = platform::SteadyTime::min();  // nothing of it is given: it could not be written
  };
  using Partitions = std::vector<std::unique_ptr<Owned>>;

  MemberImpl(engine::GroupContext context, const MemberOptions& options, engine::GroupSeat seat,
             std::shared_ptr<platform::File> state);

  // What there is to do beside giving, as far as it is due.
  [[nodiscard]] Status keep_up(std::optional<platform::SteadyTime> until, const std::stop_token& stop);
  // Whose turn it is to have which partition.
  [[nodiscard]] Status look_around(std::optional<platform::SteadyTime> until, const std::stop_token& stop);
  // patience: how long it may wait for this opening to show what the partition's last member had seen. kBusy: it does
  // not yet.
  [[nodiscard]] Status take(std::uint32_t number, platform::SteadyTime patience, const std::stop_token& stop);
  [[nodiscard]] Status let_go_of_leaving();
  void look_for_replays(std::uint64_t requests);

  // Makes the scan go on where the partition that is farthest back stands.
  void go_back_for_stalled();
  // What all that can take events have seen is not read again.
  void skip_what_was_seen();
  // Looks up what a stream goes on with that had too many events waiting for all to be kept.
  [[nodiscard]] Status refill(Owned& owned);
  [[nodiscard]] Result<std::optional<Delivery>> take_turn();
  [[nodiscard]] Result<std::optional<Delivery>> scan(std::optional<platform::SteadyTime> until,
                                                     const std::stop_token& stop);
  void pass_scanned();
  [[nodiscard]] Result<Delivery> give(Owned& owned, Position position, const Event& event);
  [[nodiscard]] Result<Delivery> read_and_give(Owned& owned, Position position);
  [[nodiscard]] bool is_given_too_often(const Owned& owned, const engine::Partition::Turn& turn) const;
  [[nodiscard]] static bool can_park(const Owned& owned, Position position);
  [[nodiscard]] Status park(Owned& owned, Position position, std::string_view reason);

  [[nodiscard]] Status store_parked(Owned& owned, const engine::ParkedEntry* more = nullptr);
  [[nodiscard]] Status store_progress(Owned& owned);
  [[nodiscard]] Status store(Owned& owned);
  [[nodiscard]] bool needs_flush() const;
  [[nodiscard]] Status flush_all();
  [[nodiscard]] Status prove(Owned& owned);
  // How long an event that was given so often waits.
  [[nodiscard]] static std::chrono::milliseconds back_off(const MemberOptions& options, std::uint32_t tries);
  // What failed is tried again after this.
  [[nodiscard]] platform::SteadyTime pause_after(unsigned failures) const;
  [[nodiscard]] bool is_held(const Owned& owned) const { return now() < owned.held_until; }
  // Whether next() gives it now. The same error again is kept for a while, so that who goes on at once after an error
  // does not turn in circles; it is given by a later call, unless another came since.
  [[nodiscard]] bool is_to_be_told(const Error& error);
  [[nodiscard]] Owned* owner_of_given(Position position);
  [[nodiscard]] Status check_usable() const;
  [[nodiscard]] platform::SteadyTime when_to_wake(std::optional<platform::SteadyTime> until) const;
  void sleep(platform::SteadyTime until, const std::stop_token& stop) const;
  [[nodiscard]] platform::SteadyTime now() const { return context_.clock.steady(); }

  const engine::GroupContext context_;
  const MemberOptions options_;
  const std::filesystem::path folder_;
  engine::GroupSeat seat_;
  std::shared_ptr<platform::File> state_;
  Partitions owned_;  // in the order of their coming
  SubscriptionImpl scan_;
  std::size_t turn_ = 0;  // the partition that is asked first
  platform::SteadyTime next_look_;
  std::chrono::milliseconds look_interval_{0};
  std::uint32_t members_ = 0;                                   // at the last look
  std::map<std::uint32_t, platform::SteadyTime> behind_since_;  // partitions whose progress does not show here yet
  bool told_of_replay_ = false;
  platform::SteadyTime next_flush_;
  unsigned flush_failures_ = 0;  // in a row
  platform::SteadyTime scan_after_ = platform::SteadyTime::min();
  unsigned scan_failures_ = 0;  // in a row
  std::optional<Error> told_;   // by next(), last
  platform::SteadyTime tell_after_ = platform::SteadyTime::min();
  std::optional<Error> untold_;
  bool has_left_ = false;
};

}  // namespace tidemark::detail
