// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>

#include "engine/commit/committer.h"
#include "engine/commit/completions.h"
#include "engine/commit/turns.h"
#include "engine/copy/log_source.h"
#include "engine/follow/follower.h"
#include "engine/format/lineage.h"
#include "engine/group/partition_file.h"
#include "engine/log/catalog.h"
#include "engine/log/checkpoint_store.h"
#include "engine/log/environment.h"
#include "engine/log/index_keeper.h"
#include "engine/log/live_page_file.h"
#include "engine/log/log_writer.h"
#include "engine/log/origin_file.h"
#include "engine/log/segment.h"
#include "engine/log/segment_maker.h"
#include "engine/log/snapshot_files.h"
#include "engine/log/superblock_store.h"
#include "engine/recovery/index_healer.h"
#include "engine/subscribe/live_source.h"
#include "platform/file_system.h"
#include "tidemark/group.hpp"
#include "tidemark/index_files.hpp"
#include "tidemark/store.hpp"

namespace tidemark::engine {

// Opens a store on any environment; Store::open is this on the real one.
[[nodiscard]] Result<std::shared_ptr<StoreCore>> open_store(const std::filesystem::path& folder,
                                                            const OpenOptions& options, Environment environment);
// tidemark::rebuild_index on any environment.
[[nodiscard]] Result<IndexReport> rebuild_index_files(const std::filesystem::path& folder, const OpenOptions& options,
                                                      Environment environment);

// An open store: what its parts are made of and in which order they end. Kept alive by the Store, its cursors and its
// tickets.
class StoreCore final : public LiveSource, public std::enable_shared_from_this<StoreCore> {
 public:
  ~StoreCore() override;

  [[nodiscard]] Result<Receipt> append(const Batch& batch, const AppendOptions& options);
  [[nodiscard]] Result<Ticket> submit(const Batch& batch, const AppendOptions& options, Committer::Room room);
  // decide.cc
  [[nodiscard]] Result<Receipt> decide(const Query& query, const Decision& decision, const DecideOptions& options);
  [[nodiscard]] Status wait_durable(Position position, const std::stop_token& stop);
  [[nodiscard]] Cursor read(const Query& query, const ReadOptions& options) const;
  [[nodiscard]] Result<std::optional<OwnedEvent>> event_by_id(const EventId& id) const;
  [[nodiscard]] Result<std::optional<StreamInfo>> stream(std::string_view name) const;
  [[nodiscard]] Result<std::vector<StreamInfo>> streams(const ListOptions& options) const;
  [[nodiscard]] Result<std::vector<NameInfo>> names(index::KeyKind kind, const ListOptions& options) const;
  [[nodiscard]] Result<Subscription> subscribe(const Query& query, const SubscribeOptions& options) const;
  // The first position that was recorded at this time or later, below the end; the end if there is none.
  [[nodiscard]] Result<Position> position_at(RecordedTime time) const;
  [[nodiscard]] Result<std::optional<Position>> original_position(Position position) const;
  // snapshots.cc
  [[nodiscard]] Status save_snapshot(std::string_view stream, Version version, Bytes state,
                                     const SaveSnapshotOptions& options);
  [[nodiscard]] Result<std::optional<Snapshot>> snapshot(std::string_view stream,
                                                         const FindSnapshotOptions& options) const;
  [[nodiscard]] Result<PruneSnapshotsReport> prune_snapshots(const PruneSnapshotsOptions& options);
  // checkpoints.cc
  [[nodiscard]] Result<std::optional<Checkpoint>> checkpoint(std::string_view name) const;
  [[nodiscard]] Result<std::vector<NamedCheckpoint>> checkpoints() const;
  [[nodiscard]] Result<bool> remove_checkpoint(std::string_view name) const;
  // groups.cc
  [[nodiscard]] Result<GroupDefinition> make_group(std::string_view name, const Query& query,
                                                   const GroupOptions& options) const;
  [[nodiscard]] Result<GroupDefinition> find_group(std::string_view name) const;
  [[nodiscard]] Result<std::vector<GroupInfo>> groups() const;
  [[nodiscard]] Result<bool> remove_group(std::string_view name) const;
  [[nodiscard]] Result<Member> join_group(const GroupDefinition& group, const MemberOptions& options) const;
  [[nodiscard]] Result<GroupInfo> group_info(const GroupDefinition& group) const;
  [[nodiscard]] Result<std::vector<ParkedEvent>> parked_events(const GroupDefinition& group) const;
  [[nodiscard]] Status replay_parked(const GroupDefinition& group) const;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] StoreInfo info() const;
  [[nodiscard]] const RecoveryReport& recovery() const { return report_; }
  // Appends a frame that was ordered elsewhere, as it is: its time too. kOutcomeUnknown, kStoreFailed, or kDamaged if
  // it does not go on where the log ends.
  [[nodiscard]] Status apply(EncodedBatch batch, Position first);
  [[nodiscard]] Lineage lineage() const;
  // All that is durable now, for copying it.
  [[nodiscard]] LogSource log_source() const;
  // Whether what this opening shows is known to be all that was acknowledged. kDamaged, kSuspectTail.
  [[nodiscard]] Status check_end() const;
  // Behind the event at a durable position, which is the last of its batch. kInvalidArgument if it is not, or is not
  // there; kDamaged, kIo.
  [[nodiscard]] Result<LogPoint> edge_after(Position position) const;
  [[nodiscard]] Result<BackupReport> backup(const std::filesystem::path& into, const BackupOptions& options,
                                            const CopyProgress& progress) const;
  // Never throws: destructors call it.
  [[nodiscard]] Status close();
  // What went wrong last with the index files, if anything did.
  [[nodiscard]] Status index_status() const { return keeper_ ? keeper_->last_error() : Status(); }
  // kForked in a forked child of the process that opened the store.
  [[nodiscard]] Status check_process() const;

  // ReadSource
  Status check_open() const override;
  Position visible_end(const ReadOptions& options) const override;
  std::shared_ptr<const SegmentList> segment_list() const override { return segments_.snapshot(); }
  const Catalog& catalog() const override { return catalog_; }
  std::optional<Error> damage() const override;
  const LostEvents& lost_events() const override { return lost_; }

  // LiveSource
  std::uint32_t moves() const override;
  void wait_for_move(std::uint32_t seen, const std::stop_token& stop,
                     std::optional<platform::SteadyTime> until) const override;
  Status check_live() const override;
  Result<Checkpoint> checkpoint_at(std::optional<Position> position) const override;  // checkpoints.cc
  Status check_checkpoint(const Checkpoint& checkpoint) const override;               // likewise
  Result<std::optional<LoggedCheckpoint>> logged_checkpoint(
      std::string_view name, const std::optional<LoggedCheckpoint>& known) const override;  // likewise
  RecordedTime now() const override { return environment_.clock.now(); }

 private:
  friend class Opener;
  friend class Salvager;
  StoreCore(std::filesystem::path folder, const OpenOptions& options, Environment environment);
  [[nodiscard]] static std::shared_ptr<StoreCore> make(std::filesystem::path folder, const OpenOptions& options,
                                                       Environment environment);

  // Whether this is a forked child of the process that opened the store. Then its threads are not here, and its locks
  // may be held by nobody: nothing of it is used, nor destroyed.
  [[nodiscard]] bool is_forked() const { return environment_.machine.process() != process_; }
  [[nodiscard]] Result<Outcome> begin_append(const Batch& batch, const AppendOptions& options, Committer::Room room,
                                             bool attend);
  // Waits for what begin_append has answered, or given its place.
  [[nodiscard]] Result<Receipt> finish_append(const Outcome& outcome, const std::stop_token& stop,
                                              const char* when_stopped);
  [[nodiscard]] Result<Outcome> decide_in_turn(const Query& query, const Decision& decision,
                                               const DecideOptions& options, Turns::Turn& turn);
  [[nodiscard]] Result<std::optional<Outcome>> decide_once(const Query& query, const Decision& decision,
                                                           const DecideOptions& options, Turns::Turn& turn);
  // How the frame that an event lies in stands in the log.
  struct FrameProof {
    std::uint32_t epoch = 0;
    std::uint64_t check = 0;
    Offset at;
  };
  [[nodiscard]] Result<FrameProof> proof_at(Position position) const;
  [[nodiscard]] Result<Position> first_of_group(const GroupOptions& options) const;
  [[nodiscard]] Result<std::vector<PartitionFile::Loaded>> load_partitions(const GroupDefinition& group) const;
  // Taken for a subscription; what it begins behind is of this log.
  struct OpenedCheckpoint {
    std::unique_ptr<CheckpointFile> file;
    std::optional<Checkpoint> newest;
  };
  [[nodiscard]] Result<OpenedCheckpoint> open_checkpoint(std::string_view name) const;
  // What was stored last: alone, or by a batch.
  [[nodiscard]] Result<std::optional<Checkpoint>> newest_checkpoint(std::string_view name,
                                                                    const std::optional<StoredCheckpoint>& alone) const;
  // The first event of the batch that stored one last: durable. Whether one that a failure keeps from being so is an
  // error, or not there.
  enum class Failed : std::uint8_t { kIsTold, kIsLeftOut };
  [[nodiscard]] Result<std::optional<Position>> find_checkpoint_in_log(std::string_view name, Failed failed) const;
  [[nodiscard]] Result<Checkpoint> read_logged_checkpoint(std::string_view name, Position batch) const;
  // Those of a batch, before it is appended.
  [[nodiscard]] Status check_checkpoints(const Batch& batch) const;
  [[nodiscard]] FileId log_id() const;
  [[nodiscard]] Result<std::optional<SnapshotEntry>> event_at(std::string_view stream, Version version) const;
  [[nodiscard]] Result<bool> is_of_this_log(std::string_view stream, const SnapshotEntry& snapshot) const;
  [[nodiscard]] Status check_writable() const;
  // Of a read-only opening: what it shows by now.
  [[nodiscard]] LogPoint shown() const { return follower_ ? follower_->end() : end_; }
  [[nodiscard]] Status wait_to_see(Position position, const std::stop_token& stop) const;
  [[nodiscard]] Status check_recorded(RecordedTime time) const;
  // Writable, and this thread is not inside a decision.
  [[nodiscard]] Status check_may_append() const;
  [[nodiscard]] Result<std::vector<index::Tiers::Entry>> list(index::KeyKind kind, const ListOptions& options) const;
  // From now on runs of the catalog that turn out to be damaged are built again from the log.
  void heal_index(const Lineage& lineage);
  [[nodiscard]] Status end();
  [[nodiscard]] Status seal();

  // Constant once open.
  const std::filesystem::path folder_;
  const OpenOptions options_;
  const Environment environment_;
  const std::uint64_t process_;
  std::unique_ptr<platform::FileLock> lock_;
  Superblock superblock_{};  // as it was at opening
  RecoveryReport report_;
  std::optional<Error> damage_;  // of a read-only opening
  LogPoint end_;                 // likewise: what it showed then
  LostEvents lost_;              // of a salvaged store
  bool salvaged_ = false;        // never read through the map: its files may be of any length

  // Each with its own threads' rules; see there.
  Catalog catalog_;
  std::unique_ptr<IndexHealer> healer_;  // none without index files
  Segments segments_;
  std::unique_ptr<SegmentMaker> maker_;
  std::unique_ptr<SuperblockStore> superblocks_;
  std::unique_ptr<LogWriter> writer_;
  std::unique_ptr<Follower> follower_;         // of a read-only opening that goes on with its log
  std::unique_ptr<LivePageWriter> live_page_;  // none if it could not be made, or in a read-only opening
  std::unique_ptr<IndexKeeper> keeper_;        // none without index files, or in a read-only opening
  std::unique_ptr<Committer> committer_;       // none in a read-only opening
  Completions completions_;
  const std::unique_ptr<OriginFile> origin_;
  Turns turns_;
  SnapshotFiles snapshots_;

  std::mutex close_mutex_;
  bool close_done_ = false;          // guarded by close_mutex_
  Status close_result_;              // likewise
  std::atomic<bool> ended_ = false;  // all is durable that ever will be, by this opening
  std::atomic<bool> closed_ = false;
};

}  // namespace tidemark::engine
