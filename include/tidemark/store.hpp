// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "tidemark/backup.hpp"
#include "tidemark/batch.hpp"
#include "tidemark/checkpoint.hpp"
#include "tidemark/cursor.hpp"
#include "tidemark/decide.hpp"
#include "tidemark/error.hpp"
#include "tidemark/event.hpp"
#include "tidemark/expect.hpp"
#include "tidemark/export.hpp"
#include "tidemark/group.hpp"
#include "tidemark/query.hpp"
#include "tidemark/recovery_report.hpp"
#include "tidemark/snapshot.hpp"
#include "tidemark/subscription.hpp"
#include "tidemark/ticket.hpp"
#include "tidemark/types.hpp"

namespace tidemark {

// How a segment's space is made before use. docs/durability.md says what each costs.
enum class Preallocation : std::uint8_t {
  kAuto,       // zeroed, but unwritten where the file system makes nothing of zeros (copy-on-write, memory)
  kZeroed,     // written full of zeros ahead of use: a commit then costs one device write and one flush
  kUnwritten,  // reserved only: less written in all, dearer commits
};

struct OpenOptions {
  // Never writes, creates, cuts or locks anything (but for checkpoints and consumer groups); shows what
  // is known durable. Works beside a writer, whose log it goes on to follow, and on a read-only medium.
  bool read_only = false;
  // Make the store if there is none. A read-only opening never does.
  bool create = true;
  // For appends that do not say.
  Durability durability = Durability::kDurable;
  // Buffered appends are synced at the latest after this time; at most a year.
  std::chrono::milliseconds sync_interval{1000};
  // Segments start at this size and double up to the largest. Powers of two, limits::kSegmentBytesMin to
  // limits::kSegmentBytesMax.
  std::uint64_t segment_bytes_first = std::uint64_t{1} << 20U;
  std::uint64_t segment_bytes_largest = std::uint64_t{128} << 20U;
  Preallocation preallocation = Preallocation::kAuto;
  // An end of the log that is neither whole nor plainly torn (kSuspectTail) is cut off like a torn one. Its bytes are
  // kept aside. Say so only when you know that nothing acknowledged stood there.
  bool accept_suspect_tail = false;
  // Open for writing although the wall clock stands a day or more before the last recorded time.
  bool accept_clock = false;
  // Open the store although it lies on a network file system or in a layer of one (NFS, SMB, 9p, FUSE, overlay, …).
  // Locks, syncs and maps there may not do what the promises rest on; kUnsafeFileSystem otherwise.
  // docs/durability.md says what can go wrong.
  bool allow_unsafe_file_system = false;
};

// One stream of the store.
struct StreamInfo {
  std::string name;
  Version last_version;
  Position last_position;
};

// What a category, type or tag has.
struct NameInfo {
  std::string name;
  std::uint64_t events = 0;
  Position last_position;
};

// Which part of a list of names. Lists are in the byte order of the names; `after` the last name of one page begins the
// next.
struct ListOptions {
  // Only names that begin with this.
  std::string prefix = {};
  // Only names after this one.
  std::string after = {};
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  // What was there at this recorded time, inclusive: names, versions, numbers of events and last positions as they were
  // known then.
  std::optional<RecordedTime> recorded_until = {};
};

// What a store holds and has done, at one moment.
struct StoreInfo {
  std::array<std::byte, 16> store_id{};
  std::array<std::byte, 16> log_id{};
  std::uint16_t format_major = 0;
  std::uint16_t format_minor = 0;
  std::uint32_t epoch = 0;
  std::uint64_t events = 0;  // visible to a default read
  std::uint64_t streams = 0;
  std::uint64_t segments = 0;  // files, the prepared one included
  std::uint64_t bytes = 0;     // of all files of the store but its snapshots
  // The positions below this one are durable, written, sequenced.
  Position durable;
  Position written;
  Position sequenced;
  // Of the log, durable.
  Offset durable_offset;
  bool read_only = false;
  // The last recovery that wrote: this opening's, or for a read-only opening that of the last writer.
  RecoveryReport last_recovery;
};

// A checkpoint that is stored in the store's folder.
struct NamedCheckpoint {
  std::string name;
  Checkpoint checkpoint;
};

struct Salvage;

namespace engine {
class StoreCore;
}

// A store: one folder, one log. Open it once for writing; every call is safe from many threads. A moved-from store can
// only be assigned to or destroyed. Destruction closes.
// After fork() a store stays with the parent: in the child every call gives kForked (info() is empty), destruction does
// nothing, and the lock is the parent's alone. Cursors and tickets go with their store.
class TIDEMARK_API Store {
 public:
  // Opens the store in a folder, creating it if need be, and recovers it if its last writer did not close it.
  // kLocked if another opening (in this process or another) holds it for writing; kNotFound, kNotAStore,
  // kUnsupportedFormat, kDamaged, kSuspectTail, kClock, kUnsafeFileSystem, kNoSpace, kIo.
  [[nodiscard]] static Result<Store> open(const std::filesystem::path& folder, OpenOptions options = {});

  // Opens what is whole of a damaged store, read-only, with placeholders for what is lost, and tells what is not whole.
  // Needs tidemark/repair.hpp. Never writes. kNotFound, kNotAStore, kUnsupportedFormat, kDamaged (nothing tells what it
  // was, or what is whole contradicts itself), kIo.
  [[nodiscard]] static Result<Salvage> open_salvage(const std::filesystem::path& folder);

  Store(Store&& other) noexcept;
  Store& operator=(Store&& other) noexcept;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store();

  // Appends and waits until the answer stands at the asked durability. Errors: kVersionConflict, kMatchConflict,
  // kIdConflict, kCheckpointUnknown, kInvalidArgument, kLimitExceeded, kClock, kNoSpace, kIo, kDamaged, kStopped,
  // kReadOnly, kClosed, kStoreFailed, kOutOfMemory: nothing was appended. kOutcomeUnknown: perhaps, reopen and append
  // the same batch again.
  [[nodiscard]] Result<Receipt> append(const Batch& batch, const AppendOptions& options = {});
  // The short form: one stream.
  [[nodiscard]] Result<Receipt> append(std::string_view stream, Expect expect, std::span<const NewEvent> events,
                                       const AppendOptions& options = {});
  [[nodiscard]] Result<Receipt> append(std::string_view stream, Expect expect, std::initializer_list<NewEvent> events,
                                       const AppendOptions& options = {});

  // The same for a consumer of this store that appends events for what it was given: stores how far it is together with
  // the batch's events, under the name that it was resumed by, so that after a crash both are there or neither and each
  // event it is given is answered once. Puts that into the batch (Batch::checkpoint). Without an event in the batch,
  // what else it asks for is checked and how far the consumer is stored alone, as by Subscription::commit(). After
  // an error the consumer is past events that nothing was appended for: append the batch again, or go back
  // (Subscription::seek), or subscribe again; after kOutcomeUnknown open the store and subscribe again. Errors: of
  // append() and commit(), and kInvalidArgument for a subscription without a name or of another opening.
  [[nodiscard]] Result<Receipt> append(Subscription& consumer, Batch& batch, const AppendOptions& options = {});

  // Gives the batch its place in the log and returns without waiting for the disk. The order of submissions from one
  // thread is the order in the log. Waits while too much is in flight. Errors in the call itself are given here;
  // everything else, conflicts too, is the ticket's.
  [[nodiscard]] Result<Ticket> submit(const Batch& batch, const AppendOptions& options = {});
  // The same, but kBusy instead of waiting for room. Ids that were used a moment ago are still waited for.
  [[nodiscard]] Result<Ticket> try_submit(const Batch& batch, const AppendOptions& options = {});

  // Decides on what is there. Reads the stream, or what matches the query, calls the decision, and appends its batch if
  // nothing else was appended to the stream, or matches, meanwhile; else it calls it again. Decisions on the same
  // stream or query take turns in this process, and see all that this process appended before, durable or not. The
  // decision's own expectations and conditions hold beside: what fails of them alone is the answer. A batch without
  // events is a check of all that. Every answer, a decision's own error too, is given once what it rests on has reached
  // the durability. With an id in the batch that the store has: the original receipt, as for an append. Errors: those
  // of the decision, of reading, of append(), and kContended. After kOutcomeUnknown the batch is gone: open again and
  // decide again; ids made by EventId::from_name tell whether it is there.
  [[nodiscard]] Result<Receipt> decide(std::string_view stream, const Decision& decision,
                                       const DecideOptions& options = {});
  [[nodiscard]] Result<Receipt> decide(const Query& query, const Decision& decision, const DecideOptions& options = {});

  // Returns once the event at this position is durable. A position that nothing was appended at yet is waited for.
  [[nodiscard]] Status wait_durable(Position position, std::stop_token stop = {});

  // Reads as ReadOptions say. Errors show in the cursor's status().
  [[nodiscard]] Cursor read(const Query& query, const ReadOptions& options = {}) const;
  // The events that match, those that are there and those to come, each once and in order, as soon as they are durable.
  // A slow subscriber delays nobody. kInvalidArgument, kClosed, kForked; with from_recorded what position_at() gives;
  // with after kCheckpointUnknown; with resume that and kLocked, kLimitExceeded, kDamaged, kNoSpace, kIo.
  [[nodiscard]] Result<Subscription> subscribe(const Query& query, const SubscribeOptions& options = {}) const;
  // The first position that was recorded at this time or later, of what is durable; where the next event will stand if
  // there is none. Looks at as many events as the number of all has binary digits. kDamaged, kIo.
  [[nodiscard]] Result<Position> position_at(RecordedTime time) const;
  // How far the consumer of this name was when it stored that last (SubscribeOptions::resume, Batch::checkpoint);
  // nothing if nothing is stored. Waits for a batch with one that is on its way to the disk; if that fails, and in a
  // failed store, what is durable counts. kCheckpointUnknown (the store was put back to an older copy, or a read-only
  // opening does not see the end yet), kInvalidArgument, kLimitExceeded, kDamaged, kUnsupportedFormat, kIo, kClosed,
  // kForked, kOutOfMemory.
  [[nodiscard]] Result<std::optional<Checkpoint>> checkpoint(std::string_view name) const;
  // All of them, in the byte order of their names. One that cannot be read is left out.
  [[nodiscard]] Result<std::vector<NamedCheckpoint>> checkpoints() const;
  // Forgets one; false if there is none by that name. A read-only opening may do so, as it may commit. kLocked if a
  // subscription has it, in this process or another.
  [[nodiscard]] Result<bool> remove_checkpoint(std::string_view name);
  // The consumer group of this name (tidemark/group.hpp), made if there is none; a read-only opening may do so. The
  // name is 1 to 255 bytes of UTF-8 without control characters. Where a group that is there began stays.
  // kInvalidArgument (also: it is there with another query or number of partitions), kLimitExceeded, kDamaged,
  // kNoSpace, kIo, kClosed, kForked.
  [[nodiscard]] Result<Group> group(std::string_view name, const Query& query, const GroupOptions& options = {}) const;
  // The one that is there. kGroupUnknown.
  [[nodiscard]] Result<Group> group(std::string_view name) const;
  // All of them, by the byte order of their names. One that cannot be read is left out.
  [[nodiscard]] Result<std::vector<GroupInfo>> groups() const;
  // Forgets one, with all that it had parked; false if there is none by that name. kLocked if it has members, in this
  // process or another.
  [[nodiscard]] Result<bool> remove_group(std::string_view name);
  // The event with this id, if the store has it. The same visibility as a default read.
  [[nodiscard]] Result<std::optional<OwnedEvent>> event_by_id(const EventId& id) const;
  // Where the event at this position stood in the store that this one was extracted from (tidemark/extract.hpp).
  // Nothing for an event that was appended here, and in any other store. kDamaged, kIo.
  [[nodiscard]] Result<std::optional<Position>> original_position(Position position) const;
  // The stream with this name, if it has an event.
  [[nodiscard]] Result<std::optional<StreamInfo>> stream(std::string_view name) const;
  // What there is to read by. The same visibility as a default read.
  [[nodiscard]] Result<std::vector<StreamInfo>> streams(const ListOptions& options = {}) const;
  [[nodiscard]] Result<std::vector<NameInfo>> categories(const ListOptions& options = {}) const;
  [[nodiscard]] Result<std::vector<NameInfo>> types(const ListOptions& options = {}) const;
  [[nodiscard]] Result<std::vector<NameInfo>> tags(const ListOptions& options = {}) const;

  // Copies all that is durable now into the folder `into`, which is empty or not there yet, while appends go on. The
  // backup is a store of the same log (store id and log id stay), as if its writer had closed it at this moment: open
  // it to go on from there; docs/copies.md says what follows if the original goes on too. It takes every segment, and
  // of the index what lies below its end. `into` may be on any file system. kInvalidArgument (there is something in
  // `into`, it lies within the store's folder, or holds no earlier backup of this store), kLocked (the earlier backup
  // is open for writing), kDamaged, kSuspectTail, kNoSpace, kIo, kClosed, kForked. After an error `into` is as it was,
  // or an earlier backup is longer than it was.
  [[nodiscard]] Result<BackupReport> backup(const std::filesystem::path& into, const BackupOptions& options = {},
                                            const CopyProgress& progress = {}) const;
  // Keeps the state of a stream at the version of an event that it has; waits until that is durable. Derived data, so
  // nothing is synced: a crash may take a snapshot away. kInvalidArgument, kLimitExceeded, kReadOnly, kClosed,
  // kStopped, kStoreFailed, kNoSpace, kIo, kOutOfMemory: the ones there before are still there.
  [[nodiscard]] Status save_snapshot(std::string_view stream, Version version, Bytes state,
                                     const SaveSnapshotOptions& options = {});
  // The snapshot of the highest version, if there is one that is whole and whose event is in the log. What cannot be
  // read of snapshots counts as not there; errors are the log's: kDamaged, kIo, and kInvalidArgument, kOutOfMemory.
  [[nodiscard]] Result<std::optional<Snapshot>> snapshot(std::string_view stream,
                                                         const FindSnapshotOptions& options = {}) const;
  // Looks at every file of snapshots, and takes away what the options say. kReadOnly, kClosed, kNoSpace, kIo.
  [[nodiscard]] Result<PruneSnapshotsReport> prune_snapshots(const PruneSnapshotsOptions& options);

  // The one call here that throws std::bad_alloc when memory runs out.
  [[nodiscard]] StoreInfo info() const;
  // What this opening found.
  [[nodiscard]] const RecoveryReport& recovery() const;

  // Makes everything durable, completes every ticket, releases the lock. Calls still running in other threads end
  // with kClosed or their answer. Closing twice is fine.
  Status close();

  explicit Store(std::shared_ptr<engine::StoreCore> core);  // made by open

 private:
  std::shared_ptr<engine::StoreCore> core_;
};

}  // namespace tidemark
