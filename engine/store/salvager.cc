// SPDX-License-Identifier: Apache-2.0
#include "engine/store/salvager.h"

#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "engine/copy/new_folder.h"
#include "engine/log/origin_file.h"
#include "engine/recovery/salvage.h"
#include "engine/recovery/scan.h"
#include "engine/store/store_core.h"
#include "tidemark/limits.hpp"

namespace tidemark::engine {

namespace {

// What a placeholder takes at most besides its stream's name.
constexpr std::uint64_t kLostEventBytesMax = 64;
constexpr std::uint64_t kLostFrameBytesMax = limits::kBatchBytesMax / 4 * 3;

}  // namespace

// Makes a core that shows what was salvaged.
class Salvager {
 public:
  static Result<std::shared_ptr<StoreCore>> open(const std::filesystem::path& folder, Environment environment,
                                                 Salvaged salvaged) {
    auto core = StoreCore::make(folder, {.read_only = true, .create = false}, environment);
    core->salvaged_ = true;
    core->superblock_ = salvaged.walked.superblock;
    core->report_.kind = salvaged.walked.report.whole() ? RecoveryKind::kCleanEnd : RecoveryKind::kDamaged;
    core->report_.epoch = salvaged.walked.superblock.epoch;
    core->report_.frames_kept = salvaged.walked.report.frames;
    core->report_.events_kept = salvaged.walked.report.events;
    core->report_.at = environment.clock.now();
    Catalog& catalog = core->catalog_;
    const SalvageVisitor visitor{
        .lost = [&](LostEvents::const_iterator begin, LostEvents::const_iterator end) -> Status {
          for (auto it = begin; it != end; ++it) {
            const BodyKeys keys(it->second.stream, kLostType);
            Catalog::Frame(catalog, keys).add({}, it->second.id, index::Place::nowhere());
          }
          return {};
        },
        .frame = [&](const SalvagedFrame& frame) -> Status { return add(catalog, frame); }};
    if (auto done = for_each_salvaged(salvaged, visitor); !done) { return std::unexpected(std::move(done.error())); }
    core->segments_.start_with(salvaged.segments);
    core->end_.position = catalog.end();
    core->lost_ = std::move(salvaged.lost);
    return core;
  }

 private:
  static Status add(Catalog& catalog, const SalvagedFrame& frame) {
    const auto bad = [] {
      return std::unexpected(Error(ErrorCode::kDamaged, "the events of a whole frame cannot be decoded"));
    };
    const auto body = BodyView::open(frame.header, frame.table, frame.body, true);
    if (!body) { return bad(); }
    const BodyKeys keys(*body);
    Catalog::Frame adding(catalog, keys);
    const auto take = [&](const EventRecord& record, std::uint32_t offset) {
      const Version version = body->first_version(record.stream) + record.ordinal;
      const auto before = catalog.view()->count(keys.stream(record.stream), catalog.end());
      if (!before || *before != version.value()) { return false; }
      adding.add({record.stream, record.type, record.tags}, record.id, {frame.place.value(), offset});
      return true;
    };
    if (!for_each_event(frame.header, *body, frame.body.size(), take)) { return bad(); }
    return {};
  }
};

namespace {

// Appends what was salvaged to a new store.
class Copier {
 public:
  Copier(StoreCore& core, RepairReport& report) : core_(core), report_(report) {}

  Status copy(const Salvaged& salvaged) {
    return for_each_salvaged(salvaged, {.lost = [&](LostEvents::const_iterator begin,
                                                    LostEvents::const_iterator end) { return lost(begin, end); },
                                        .frame = [&](const SalvagedFrame& found) { return frame(found); }});
  }

 private:
  // One frame a hole, unless it would be too large: a frame needs a time of its own between those around it.
  Status lost(LostEvents::const_iterator begin, LostEvents::const_iterator end) {
    std::vector<LostEvents::const_iterator> edges{begin};
    std::uint64_t bytes = 0;
    for (auto it = begin; it != end; ++it) {
      const std::uint64_t more = it->second.stream.size() + kLostEventBytesMax;
      if (bytes + more > kLostFrameBytesMax) {
        edges.push_back(it);
        bytes = 0;
      }
      bytes += more;
    }
    edges.push_back(end);
    const std::uint64_t frames = edges.size() - 1;
    for (std::uint64_t i = 0; i < frames; ++i) {
      // Before the first frame of all times count backward from it, elsewhere forward from the frame before.
      const std::uint64_t steps = begin->first == Position(0) ? frames - 1 - i : i;
      const std::chrono::nanoseconds shift(static_cast<std::int64_t>(steps));
      const RecordedTime recorded = edges[i]->second.recorded;
      if (auto done =
              placeholders(edges[i], edges[i + 1], begin->first == Position(0) ? recorded - shift : recorded + shift);
          !done) {
        return done;
      }
    }
    return {};
  }

  Status placeholders(LostEvents::const_iterator begin, LostEvents::const_iterator end, RecordedTime recorded) {
    Batch batch;
    const Position first = begin->first;
    std::uint64_t count = 0;
    for (; begin != end; ++begin, ++count) {
      batch.to(begin->second.stream).add({.type = kLostType, .id = begin->second.id});
    }
    auto encoded = EncodedBatch::encode_lost(batch, recorded);
    if (!encoded) { return std::unexpected(std::move(encoded.error())); }
    if (auto done = core_.apply(std::move(*encoded), first); !done) { return done; }
    report_.events_lost += count;
    return {};
  }

  Status frame(const SalvagedFrame& frame) {
    auto encoded = EncodedBatch::from_frame(frame.header, frame.table, frame.body);
    if (!encoded) {
      return std::unexpected(Error(ErrorCode::kDamaged, "the events of a whole frame cannot be decoded"));
    }
    report_.events_copied += frame.header.event_count;
    return core_.apply(std::move(*encoded), Position(frame.header.first_position));
  }

  StoreCore& core_;
  RepairReport& report_;
};

Result<RepairReport> repair_throwing(const std::filesystem::path& folder, const std::filesystem::path& into,
                                     const RepairOptions& options, Environment environment,
                                     const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  platform::FileSystem& files = environment.files;
  auto made = NewFolder::prepare(files, folder, into, "a repair");
  if (!made) { return std::unexpected(std::move(made.error())); }
  const auto& unfinished = made->unfinished();
  auto salvaged = salvage_store(files, folder, progress);
  if (!salvaged) { return std::unexpected(std::move(salvaged.error())); }
  RepairReport report;
  report.end_lost = salvaged->walked.end.is_lost;
  report.end_suspect = salvaged->walked.end.is_suspect;
  if (auto ready = made->make(); !ready) { return std::unexpected(std::move(ready.error())); }
  // The last recorded time may lie ahead of this machine's clock; it is kept as it is.
  auto core = open_store(unfinished,
                         {.durability = Durability::kBuffered,
                          .accept_clock = true,
                          .allow_unsafe_file_system = options.allow_unsafe_file_system},
                         environment);
  if (!core) { return std::unexpected(std::move(core.error())); }
  Status done = Copier(**core, report).copy(*salvaged);
  Status closed = (*core)->close();
  if (!done) { return std::unexpected(std::move(done.error())); }
  if (!closed) { return std::unexpected(std::move(closed.error())); }
  // Not needed to go on: what cannot be read of it is left behind.
  if (auto kept = OriginFile::copy(files, folder, unfinished, Position(report.events_copied + report.events_lost));
      !kept) {
    (void)files.unlink(unfinished / kOriginName);
  }
  if (auto synced = files.sync_folder(unfinished); !synced) { return std::unexpected(std::move(synced.error())); }
  auto check = verify_store(unfinished, environment, {});
  if (!check) { return std::unexpected(std::move(check.error())); }
  if (!check->whole() || check->events != report.events_copied + report.events_lost) {
    return std::unexpected(
        Error(ErrorCode::kDamaged, "the new store does not read back as it was written: is this disk whole?")
            .with_path(unfinished));
  }
  if (auto named = made->finish(); !named) { return std::unexpected(std::move(named.error())); }
  report.found = std::move(salvaged->walked.report);
  return report;
}

}  // namespace

Result<Salvage> open_salvage(const std::filesystem::path& folder, Environment environment) {
  try {
    auto salvaged = salvage_store(environment.files, folder, {});
    if (!salvaged) { return std::unexpected(std::move(salvaged.error())); }
    VerifyReport report = salvaged->walked.report;
    const std::uint64_t lost = salvaged->lost.size();
    const auto end = salvaged->walked.end;
    auto core = Salvager::open(folder, environment, std::move(*salvaged));
    if (!core) { return std::unexpected(std::move(core.error())); }
    return Salvage{Store(std::move(*core)), std::move(report), lost, end.is_lost, end.is_suspect};
  } catch (const std::bad_alloc&) {
    return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory"));  // short: it needs none itself
  }
}

Result<RepairReport> repair_store(const std::filesystem::path& folder, const std::filesystem::path& into,
                                  const RepairOptions& options, Environment environment,
                                  const std::function<void(std::uint64_t done, std::uint64_t all)>& progress) {
  try {
    return repair_throwing(folder, into, options, environment, progress);
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

}  // namespace tidemark::engine
