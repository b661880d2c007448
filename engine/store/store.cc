// SPDX-License-Identifier: Apache-2.0
#include "tidemark/store.hpp"

#include <new>
#include <system_error>
#include <utility>

#include "engine/commit/batch_access.h"
#include "engine/recovery/dump.h"
#include "engine/recovery/index_check.h"
#include "engine/recovery/verify.h"
#include "engine/store/copies.h"
#include "engine/store/extractor.h"
#include "engine/store/salvager.h"
#include "engine/store/store_core.h"
#include "engine/subscribe/subscription_impl.h"
#include "tidemark/index_files.hpp"

namespace tidemark {

namespace {

engine::Environment real_environment() {
  return {platform::real_file_system(), platform::real_clock(), platform::real_machine()};
}

Batch one_stream(std::string_view stream, Expect expect, std::span<const NewEvent> events) {
  Batch batch;
  if (events.empty()) {
    batch.check(stream, expect);
    return batch;
  }
  auto target = batch.to(stream, expect);
  for (const NewEvent& event : events) { target.add(event); }
  return batch;
}

// The host may change its current folder while the store is open.
Result<std::filesystem::path> absolute_folder(const std::filesystem::path& folder) {
  std::error_code error;
  auto absolute = std::filesystem::absolute(folder, error);
  if (!folder.empty() && !error) { return absolute; }
  return std::unexpected(
      Error(ErrorCode::kInvalidArgument, "the folder's name is empty, or has no absolute path").with_path(folder));
}

// By the folder itself and not by a name of it: a link may lead into a store.
Result<std::filesystem::path> real_folder(const std::filesystem::path& folder) {
  auto absolute = absolute_folder(folder);
  if (!absolute) { return absolute; }
  std::error_code error;
  auto real = std::filesystem::weakly_canonical(*absolute, error);
  return error ? *absolute : real;
}

Result<Group> group_of(const std::shared_ptr<engine::StoreCore>& core, Result<engine::GroupDefinition> definition) {
  if (!definition) { return std::unexpected(std::move(definition.error())); }
  try {
    return Group(core, std::make_shared<const engine::GroupDefinition>(std::move(*definition)));
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

bool is_in(const std::filesystem::path& path, const std::filesystem::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

}  // namespace

Result<Store> Store::open(const std::filesystem::path& folder, OpenOptions options) {
  try {
    const auto where = absolute_folder(folder);
    if (!where) { return std::unexpected(where.error()); }
    auto core = engine::open_store(*where, options, real_environment());
    if (!core) { return std::unexpected(std::move(core.error())); }
    return Store(std::move(*core));
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

Result<Salvage> Store::open_salvage(const std::filesystem::path& folder) {
  try {
    const auto where = absolute_folder(folder);
    if (!where) { return std::unexpected(where.error()); }
    return engine::open_salvage(*where, real_environment());
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

Result<RepairReport> repair(const std::filesystem::path& folder, const std::filesystem::path& into,
                            const RepairOptions& options,
                            const std::function<void(std::uint64_t done, std::uint64_t all)>& progress) {
  try {
    // By the folders themselves and not by names of theirs: a link may lead into the damaged store.
    std::error_code error;
    const auto from = std::filesystem::weakly_canonical(folder, error);
    const auto to = error ? into : std::filesystem::weakly_canonical(into, error);
    if (folder.empty() || into.empty() || error) {
      return std::unexpected(Error(ErrorCode::kInvalidArgument, "a folder's name is empty, or leads nowhere")
                                 .with_path(folder.empty() ? folder : into));
    }
    return engine::repair_store(from, to, options, real_environment(), progress);
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

Store::Store(std::shared_ptr<engine::StoreCore> core) : core_(std::move(core)) {}
Store::Store(Store&& other) noexcept = default;

Store& Store::operator=(Store&& other) noexcept {
  if (this != &other) {
    if (core_) { (void)core_->close(); }
    core_ = std::move(other.core_);
  }
  return *this;
}

// Cursors and tickets may keep the core; the opening ends here all the same.
Store::~Store() {
  if (core_) { (void)core_->close(); }
}

Result<Receipt> Store::append(const Batch& batch, const AppendOptions& options) {
  return core_->append(batch, options);
}

Result<Receipt> Store::append(std::string_view stream, Expect expect, std::span<const NewEvent> events,
                              const AppendOptions& options) {
  try {
    return core_->append(one_stream(stream, expect, events), options);
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

Result<Receipt> Store::append(std::string_view stream, Expect expect, std::initializer_list<NewEvent> events,
                              const AppendOptions& options) {
  return append(stream, expect, std::span<const NewEvent>(events.begin(), events.size()), options);
}

Result<Receipt> Store::append(Subscription& consumer, Batch& batch, const AppendOptions& options) {
  try {
    if (consumer.impl_->source() != core_.get()) {
      return std::unexpected(
          Error(ErrorCode::kInvalidArgument,
                "the subscription is of another opening: to keep its place here, put its checkpoint() into the batch "
                "by Batch::checkpoint(), and go on from Store::checkpoint() with SubscribeOptions::after"));
    }
    if (consumer.name().empty()) {
      return std::unexpected(Error(ErrorCode::kInvalidArgument,
                                   "the subscription has no name to store its place under: subscribe with "
                                   "SubscribeOptions::resume"));
    }
    if (auto ours = consumer.impl_->check_name(); !ours) { return std::unexpected(std::move(ours.error())); }
    const auto position = consumer.position();
    // One that began ahead of the log has dealt with nothing yet.
    const bool has_dealt = !position || *position < consumer.impl_->end();
    if (has_dealt && !batch.empty()) { batch.checkpoint(consumer.name(), position); }
    Result<Receipt> receipt;
    if (BatchAccess::asks_for_anything(batch)) { receipt = core_->append(batch, options); }
    if (!receipt || (receipt->count > 0 && !receipt->already_appended)) { return receipt; }
    // It stored nothing.
    auto stored = consumer.commit();
    return stored ? std::move(receipt) : Result<Receipt>(std::unexpected(std::move(stored.error())));
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

Result<Ticket> Store::submit(const Batch& batch, const AppendOptions& options) {
  return core_->submit(batch, options, engine::Committer::Room::kWait);
}

Result<Ticket> Store::try_submit(const Batch& batch, const AppendOptions& options) {
  return core_->submit(batch, options, engine::Committer::Room::kBusy);
}

Result<Receipt> Store::decide(std::string_view stream, const Decision& decision, const DecideOptions& options) {
  try {
    return decide(Query::stream(stream), decision, options);
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

Result<Receipt> Store::decide(const Query& query, const Decision& decision, const DecideOptions& options) {
  return core_->decide(query, decision, options);
}

Status Store::wait_durable(Position position, std::stop_token stop) { return core_->wait_durable(position, stop); }

Cursor Store::read(const Query& query, const ReadOptions& options) const { return core_->read(query, options); }

Result<Subscription> Store::subscribe(const Query& query, const SubscribeOptions& options) const {
  return core_->subscribe(query, options);
}

Result<Position> Store::position_at(RecordedTime time) const { return core_->position_at(time); }

Result<std::optional<OwnedEvent>> Store::event_by_id(const EventId& id) const { return core_->event_by_id(id); }

Result<std::optional<Position>> Store::original_position(Position position) const {
  return core_->original_position(position);
}

Result<std::optional<StreamInfo>> Store::stream(std::string_view name) const { return core_->stream(name); }

Result<std::vector<StreamInfo>> Store::streams(const ListOptions& options) const { return core_->streams(options); }

Result<std::vector<NameInfo>> Store::categories(const ListOptions& options) const {
  return core_->names(index::KeyKind::kCategory, options);
}

Result<std::vector<NameInfo>> Store::types(const ListOptions& options) const {
  return core_->names(index::KeyKind::kType, options);
}

Result<std::vector<NameInfo>> Store::tags(const ListOptions& options) const {
  return core_->names(index::KeyKind::kTag, options);
}

Result<BackupReport> Store::backup(const std::filesystem::path& into, const BackupOptions& options,
                                   const CopyProgress& progress) const {
  try {
    const auto where = real_folder(into);
    if (!where) { return std::unexpected(where.error()); }
    const auto mine = real_folder(core_->folder());
    if (mine && is_in(*where, *mine)) {
      return std::unexpected(
          Error(ErrorCode::kInvalidArgument, "a backup cannot lie in the store's own folder").with_path(*where));
    }
    return core_->backup(*where, options, progress);
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

Status Store::save_snapshot(std::string_view stream, Version version, Bytes state, const SaveSnapshotOptions& options) {
  return core_->save_snapshot(stream, version, state, options);
}

Result<std::optional<Snapshot>> Store::snapshot(std::string_view stream, const FindSnapshotOptions& options) const {
  return core_->snapshot(stream, options);
}

Result<PruneSnapshotsReport> Store::prune_snapshots(const PruneSnapshotsOptions& options) {
  return core_->prune_snapshots(options);
}

Result<Group> Store::group(std::string_view name, const Query& query, const GroupOptions& options) const {
  return group_of(core_, core_->make_group(name, query, options));
}

Result<Group> Store::group(std::string_view name) const { return group_of(core_, core_->find_group(name)); }

Result<std::vector<GroupInfo>> Store::groups() const { return core_->groups(); }

Result<bool> Store::remove_group(std::string_view name) { return core_->remove_group(name); }

Result<std::optional<Checkpoint>> Store::checkpoint(std::string_view name) const { return core_->checkpoint(name); }

Result<std::vector<NamedCheckpoint>> Store::checkpoints() const { return core_->checkpoints(); }

Result<bool> Store::remove_checkpoint(std::string_view name) { return core_->remove_checkpoint(name); }

StoreInfo Store::info() const { return core_->info(); }

const RecoveryReport& Store::recovery() const { return core_->recovery(); }

Status Store::close() { return core_->close(); }

Result<ForkReport> fork(const std::filesystem::path& folder, const std::filesystem::path& into,
                        const ForkOptions& options, const CopyProgress& progress) {
  try {
    const auto from = real_folder(folder);
    if (!from) { return std::unexpected(from.error()); }
    const auto where = real_folder(into);
    if (!where) { return std::unexpected(where.error()); }
    return engine::fork_store(*from, *where, options, real_environment(), progress);
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

Result<ExtractReport> extract(const std::filesystem::path& folder, const Query& query,
                              const std::filesystem::path& into, const ExtractOptions& options,
                              const CopyProgress& progress) {
  try {
    const auto from = real_folder(folder);
    if (!from) { return std::unexpected(from.error()); }
    const auto where = real_folder(into);
    if (!where) { return std::unexpected(where.error()); }
    return engine::extract_streams(*from, query, *where, options, real_environment(), progress);
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

Result<VerifyReport> verify(const std::filesystem::path& folder,
                            const std::function<void(std::uint64_t done, std::uint64_t all)>& progress) {
  return engine::verify_store(folder, real_environment(), progress);
}

Status dump_segment(const std::filesystem::path& file, const std::function<bool(const SegmentPiece&)>& visit) {
  try {
    return engine::dump_segment(platform::real_file_system(), file, visit);
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

std::string_view to_string(SegmentPiece::Kind kind) {
  switch (kind) {
    case SegmentPiece::Kind::kHeader:
      return "header";
    case SegmentPiece::Kind::kFrame:
      return "frame";
    case SegmentPiece::Kind::kZeros:
      return "zeros";
    case SegmentPiece::Kind::kUnknown:
      return "unknown";
    case SegmentPiece::Kind::kFooter:
      return "footer";
  }
  return "?";
}

Result<IndexReport> check_index(const std::filesystem::path& folder,
                                const std::function<void(std::uint64_t done, std::uint64_t all)>& progress) {
  return engine::check_index_files(folder, real_environment(), progress);
}

Result<IndexReport> rebuild_index(const std::filesystem::path& folder, const OpenOptions& options) {
  try {
    const auto where = absolute_folder(folder);
    if (!where) { return std::unexpected(where.error()); }
    return engine::rebuild_index_files(*where, options, real_environment());
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

}  // namespace tidemark
