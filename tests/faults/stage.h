// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/store/store_core.h"
#include "platform/sim/sim_file_system.h"
#include "tests/crash/model.h"
#include "tests/faults/checkpoint_model.h"
#include "tests/faults/group_model.h"
#include "tests/faults/payload.h"
#include "tidemark/tidemark.hpp"

namespace tidemark::faults {

// A batch of the model as the store takes it.
[[nodiscard]] Batch to_batch(const crash::ModelBatch& from);

// What is left when a process or a machine goes.
enum class Fate : std::uint8_t {
  kKilled,    // all of it: the page cache stays
  kKeepNone,  // only what was synced
  kKeepHalf,  // of the rest each block and each name by chance
  kKeepAll,
  kTorn,  // half, and half of those blocks cut at a random byte: more than a disk does that writes sectors whole
  kCount,
};
[[nodiscard]] std::string_view to_string(Fate fate);
[[nodiscard]] std::optional<Fate> fate_named(std::string_view name);

struct StageOptions {
  Payload payload = Payload::kPlain;
  std::uint64_t seed = 1;
};

// How a consumer stores its place.
enum class Storing : std::uint8_t {
  kAlone,
  kByBatch,
  kByBufferedBatch,
};

// A store on the twins, the model of what it must hold, and the steps that a workload is made of. Every step judges
// what the store answers: by the model, and by what was made to fail in it. After a crash steps do nothing, so that a
// workload can be cut short at any call.
//
// Without threads: the same options and the same watch give the same calls.
class Stage {
 public:
  using Watch = std::function<std::optional<platform::SeamFault>(const platform::SeamCall&)>;

  explicit Stage(const StageOptions& options);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // --- what happens to it ---

  // Asked before every call on the seam; it may crash the stage.
  void set_watch(Watch watch) { watch_ = std::move(watch); }
  // From within a watch: from this call on nothing works.
  void crash();
  // Likewise, but this call is still carried out, as far as the watch lets it.
  void crash_after_this() { dying_ = true; }
  [[nodiscard]] bool is_down() const { return dead_ || dying_; }
  // After a crash, or at once: the process or the machine starts again. No watch any more.
  void come_back(Fate fate, std::uint64_t seed);
  void come_back(const platform::SimSurvival& survival);
  // Everything that must hold afterwards: a reader sees nothing that the recovery takes away; the recovery keeps all
  // that was acknowledged, in whole batches; a second opening has nothing to repair; appending goes on, and another
  // power loss takes nothing of it.
  void survive();
  // Shorter: a read-only opening shows a beginning of the model. Gives how many events.
  std::uint64_t look();

  // What went wrong first.
  [[nodiscard]] const std::optional<std::string>& wrong() const { return wrong_; }
  void fail(std::string what);

  // --- steps ---

  [[nodiscard]] OpenOptions& options() { return options_; }
  // Before the first opening; later it does nothing.
  void set_folder(std::filesystem::path folder) {
    if (verdicts_.empty()) { folder_ = std::move(folder); }
  }
  // From the next opening on.
  void set_index(const engine::IndexPolicy& policy) { index_ = policy; }
  [[nodiscard]] platform::SimFileSystem& files() { return files_; }
  [[nodiscard]] platform::SimClock& clock() { return clock_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  void open();
  void close();
  void kill();
  void lose_power(const platform::SimSurvival& survival);

  // A batch of so many events for one stream; with `rich`, tags, metadata and valid times too.
  [[nodiscard]] crash::ModelBatch batch(const std::string& stream, std::size_t events, std::size_t bytes,
                                        bool rich = false);
  // Adds to a batch that was begun.
  void add(crash::ModelBatch& batch, const std::string& stream, std::size_t bytes, bool rich = false);
  void append(crash::ModelBatch batch, Durability durability = Durability::kDurable);
  void append(const std::string& stream, std::size_t bytes, Durability durability = Durability::kDurable) {
    append(batch(stream, 1, bytes), durability);
  }
  // Must end with kNoSpace.
  void append_without_room(const std::string& stream, std::size_t bytes);
  void submit(crash::ModelBatch batch, Durability durability = Durability::kDurable);
  void wait_tickets();
  void conflict(const std::string& stream);
  void check(const std::string& stream);
  void repeat(std::size_t batch);
  void wait_durable();
  // All that is durable, every way of reading it.
  void read();
  // Like append, by a decision that looks at the batch's one stream.
  void decide(crash::ModelBatch batch, Durability durability = Durability::kDurable);
  // Of the stream as it is now; nothing in a failed store, or if it has no event.
  void save_snapshot(const std::string& stream);
  // What there is of snapshots is right.
  void check_snapshots();
  void prune_snapshots(const PruneSnapshotsOptions& options);
  // Takes one file of snapshots away, or all, past the seam.
  void lose_snapshots(bool all);
  // Takes the n-th index file away, past the seam.
  void lose_index_file(std::size_t n);
  // A cursor that goes on while others append: it shows what was durable when it was made.
  void begin_reading();
  void read_on(std::size_t events);

  // --- steps of consumers, who do nothing in a failed store ---

  // Goes on behind the place that is stored under the name, for two events of the log, and stores the new one.
  void consume(const std::string& name, Storing how);
  // Must end with kNoSpace, for a name that has stored nothing.
  void consume_without_room(const std::string& name);
  void forget_place(const std::string& name);
  // What there is of places is right.
  void check_checkpoints();
  // Members of a group of two partitions, by numbers; it is made when the first one joins. What they are given are the
  // events of streams that begin with "job-". They refuse the first of what they have in hand, and finish all of it.
  void join(std::size_t member);
  void take(std::size_t member, std::size_t events);
  void finish(std::size_t member);
  void refuse(std::size_t member, Nack how);
  void flush(std::size_t member);
  void leave(std::size_t member);
  void replay_parked();
  // Where nothing is made to fail: what is left of the group's work comes, and is done, and nothing is missing then.
  void work_off();

  // --- what is known about it ---

  [[nodiscard]] crash::Model& model() { return model_; }
  [[nodiscard]] bool has_store() const { return store_.has_value(); }
  [[nodiscard]] Store& store() { return *store_; }
  [[nodiscard]] bool has_failed() const { return failed_; }
  [[nodiscard]] std::uint64_t hard_faults() const { return hard_faults_; }
  // Of all openings for writing that went well.
  [[nodiscard]] const std::vector<RecoveryKind>& verdicts() const { return verdicts_; }
  // Openings that answered kDamaged or kSuspectTail without being allowed to.
  [[nodiscard]] std::uint64_t alarms() const { return alarms_; }
  [[nodiscard]] std::uint64_t suspects_accepted() const { return suspects_accepted_; }

 private:
  // Little, so that the superblock is told of it in the middle of a workload.
  static constexpr std::uint64_t kWriteAhead = 3000;
  struct Submitted {
    Ticket ticket;
    std::size_t batch;
    std::uint64_t first;
    Durability durability;
  };

  [[nodiscard]] engine::Environment environment() { return {files_, clock_, machine_, false, index_, kWriteAhead}; }
  std::optional<platform::SeamFault> pass(const platform::SeamCall& call);
  void note_fault(const platform::SeamCall& call);
  Result<Store> try_open(const OpenOptions& options);
  [[nodiscard]] crash::Model with_appending() const;
  void recovered();
  void end_process();

  [[nodiscard]] bool is_idle() const { return is_down() || wrong_ || !store_; }
  // Whether an error of a step is right, given what was made to fail in it and before. It tells nothing of an append.
  void judge_error(const Error& error, std::string_view step, bool failed_before, std::uint64_t faults_before);
  // Once, when a write or sync has failed.
  void check_fail_stop();
  void check_prefix(std::uint64_t count);
  void check_receipt(const Receipt& receipt, const crash::ModelBatch& batch, std::uint64_t first);
  void acknowledge(std::size_t count, Durability durability);
  void answer_tickets();
  void end_consumers();
  void check_place(const std::string& name, std::optional<Position> position);

  platform::SimFileSystem files_;
  platform::SimClock clock_;
  platform::SimMachine machine_;
  const StageOptions stage_options_;
  OpenOptions options_;
  engine::IndexPolicy index_;
  std::filesystem::path folder_ = "/store";
  Watch watch_;

  crash::Model model_;
  const crash::ModelBatch* appending_ = nullptr;  // by a call that has not returned
  std::optional<Store> store_;
  std::vector<Submitted> submitted_;
  std::optional<Cursor> cursor_;
  std::uint64_t cursor_at_ = 0;
  std::uint64_t cursor_end_ = 0;
  std::map<std::string, CheckpointModel> checkpoints_;  // by the consumers' names
  GroupModel group_work_;
  bool group_is_made_ = false;
  std::optional<Group> group_;
  std::map<std::size_t, Member> members_;
  std::uint64_t faults_taken_ = 0;  // made while members were given events …
  std::uint64_t errors_taken_ = 0;  // … and what they were told of these: not more
  std::uint64_t events_made_ = 0;

  std::optional<std::string> wrong_;
  bool dead_ = false;                          // every call fails
  bool dying_ = false;                         // every call after this one does
  bool opening_ = false;                       // for writing
  bool failed_ = false;                        // a write or sync of the open store was made to fail
  bool probed_ = false;                        // check_fail_stop() was there
  bool torn_ = false;                          // blocks were cut within a sector: a suspect end is a right answer
  bool superblock_torn_ = false;               // likewise, at some time: one superblock may be lost
  std::uint64_t hard_faults_ = 0;              // made so far; what is just repeated (EINTR, short counts) is not one
  bool may_have_failed_ = false;               // the look at the lock was made to fail
  std::set<std::string, std::less<>> making_;  // files that are being made, under temporary names
  std::vector<RecoveryKind> verdicts_;
  std::uint64_t alarms_ = 0;
  std::uint64_t suspects_accepted_ = 0;
};

}  // namespace tidemark::faults
