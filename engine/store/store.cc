// SPDX-License-Identifier: Apache-2.0
#include "tidemark/store.hpp"

#include <new>
#include <utility>

#include "engine/recovery/verify.h"
#include "engine/store/store_core.h"

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

}  // namespace

Result<Store> Store::open(const std::filesystem::path& folder, OpenOptions options) {
  auto core = engine::open_store(folder, options, real_environment());
  if (!core) { return std::unexpected(std::move(core.error())); }
  return Store(std::move(*core));
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
  } catch (const std::bad_alloc&) {
    return std::unexpected(Error(ErrorCode::kOutOfMemory, "memory ran out; nothing was appended"));
  }
}

Result<Receipt> Store::append(std::string_view stream, Expect expect, std::initializer_list<NewEvent> events,
                              const AppendOptions& options) {
  return append(stream, expect, std::span<const NewEvent>(events.begin(), events.size()), options);
}

Result<Ticket> Store::submit(const Batch& batch, const AppendOptions& options) {
  return core_->submit(batch, options, engine::Committer::Room::kWait);
}

Result<Ticket> Store::try_submit(const Batch& batch, const AppendOptions& options) {
  return core_->submit(batch, options, engine::Committer::Room::kBusy);
}

Status Store::wait_durable(Position position, std::stop_token stop) { return core_->wait_durable(position, stop); }

Cursor Store::read(const Query& query, const ReadOptions& options) const { return core_->read(query, options); }

Result<std::optional<OwnedEvent>> Store::find(const EventId& id) const { return core_->find(id); }

Result<std::optional<StreamInfo>> Store::stream(std::string_view name) const { return core_->stream(name); }

Result<std::vector<StreamInfo>> Store::streams(const StreamListOptions& options) const {
  return core_->streams(options);
}

StoreInfo Store::info() const { return core_->info(); }

const RecoveryReport& Store::recovery() const { return core_->recovery(); }

Status Store::close() { return core_->close(); }

Result<VerifyReport> verify(const std::filesystem::path& folder,
                            const std::function<void(std::uint64_t done, std::uint64_t all)>& progress) {
  return engine::verify_store(folder, real_environment(), progress);
}

}  // namespace tidemark
