// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/crash_cycle.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fmt/format.h>
#include <utility>

#include "engine/format/index_file.h"
#include "tests/crash/cycle.h"

namespace tidemark::crash {

Cycle::Cycle(std::uint64_t seed, Histogram& histogram) : random_(seed), machine_(seed), histogram_(histogram) {
  files_.set_fault_rule([this](const platform::SeamCall& call) { return watch(call); });
  options_.segment_bytes_first = std::uint64_t{4096} << pick(2);
  options_.segment_bytes_largest = options_.segment_bytes_first << pick(3);
  // Tables of a few events, so that they close, become files, and are merged within a round.
  index_ = {.files = true, .table_events = 2 + pick(12), .merge_runs = 2 + pick(2), .close_events = 1 + pick(4)};
  write_ahead_ = pick(std::uint64_t{1} << pick(16));
}

Wrong Cycle::run() {
  const std::uint64_t rounds = 2 + pick(4);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    if (auto wrong = open()) { return wrong; }
    if (auto wrong = work()) { return wrong; }
    if (auto wrong = stop()) { return wrong; }
  }
  if (auto wrong = open()) { return wrong; }
  return close_and_check();
}

// --- the crash ---

std::optional<platform::SeamFault> Cycle::watch(const platform::SeamCall& call) {
  using Kind = platform::SeamCall::Kind;
  if (dead_) { return platform::SeamFault{.error = EIO}; }
  const bool superblock = call.path.find("super-") != std::string_view::npos;
  const bool segment = call.path.ends_with(".log");
  // A roll begins with a footer, one sector at the end of a file, and ends with the first frames of the next segment.
  if (call.kind == Kind::kPwritev && segment) {
    in_roll_ = call.length == engine::kSegmentFooterBytes && call.offset > engine::kSegmentHeaderBytes && !opening_;
  }
  if (!left_ || --*left_ > 0 || files_.is_off()) {
    note_index_file(call);
    return std::nullopt;
  }
  left_.reset();
  const std::string name = std::filesystem::path(call.path).filename().string();
  if (engine::is_temporary_index_file_name(name)) { histogram_.count(Met::kCrashInIndexFile); }
  if (merged_) { histogram_.count(Met::kCrashBeforeMergedFilesGo); }
  if (in_roll_) { histogram_.count(Met::kCrashInRoll); }
  if (opening_ && made_) { histogram_.count(Met::kCrashInRecovery); }
  if (superblock && (call.kind == Kind::kPwritev || call.kind == Kind::kDatasync)) {
    histogram_.count(Met::kCrashInSuperblockWrite);
  }
  if (call.kind == Kind::kDatasync && chance(0.5)) {
    sync_failed_ = true;
    histogram_.count(Met::kSyncFailed);
    return platform::SeamFault{.error = EIO};
  }
  if (chance(0.35)) {
    // Killed here: nothing more is done, and what was done stays as it is, synced or not.
    dead_ = true;
    histogram_.count(Met::kProcessKilled);
    return platform::SeamFault{.error = EIO};
  }
  files_.power_off();
  return std::nullopt;
}

// Counts the index files that are made, merged and removed.
void Cycle::note_index_file(const platform::SeamCall& call) {
  using Kind = platform::SeamCall::Kind;
  const std::string name = std::filesystem::path(call.path).filename().string();
  if (call.kind == Kind::kRename && engine::is_temporary_index_file_name(name)) {
    histogram_.count(Met::kIndexFileMade);
    const auto made = engine::parse_index_file_name(name.substr(0, name.size() - engine::kTemporarySuffix.size()));
    const auto is_merged = [&](const std::filesystem::path& path) {
      const auto other = engine::parse_index_file_name(path.filename().string());
      return made && other && made->first <= other->first && other->end <= made->end;
    };
    // It replaces those that it covers.
    if (std::ranges::any_of(files_.files(), is_merged)) {
      merged_ = true;
      histogram_.count(Met::kIndexFilesMerged);
    }
  }
  if (call.kind == Kind::kUnlink && engine::parse_index_file_name(name)) {
    merged_ = false;
    histogram_.count(opening_ ? Met::kIndexFileLeftOver : Met::kIndexFileSuperseded);
  }
}

// What comes after a crash: the machine starts again, or, after a kill, only the process.
void Cycle::come_back() {
  if (sync_failed_) {
    sync_failed_ = false;
    in_roll_ = merged_ = false;
    // The same process opens the store again, on the same page cache; or the power goes first.
    if (!chance(0.3)) { return; }
    files_.power_off();
    power_cycle();
    return;
  }
  merged_ = false;
  if (dead_) {
    dead_ = false;
    files_.kill_process();
    in_roll_ = false;
    if (!chance(0.3)) { return; }
    files_.power_off();
  }
  power_cycle();
}

void Cycle::power_cycle() {
  const bool tear = chance(0.15);
  constexpr double kKeep[] = {0.0, 0.5, 1.0};
  files_.power_on(random_(), chance(0.75) ? kKeep[pick(3)] : std::uniform_real_distribution<>(0, 1)(random_), tear);
  machine_.reboot();
  in_roll_ = false;
  if (tear) {
    histogram_.count(Met::kTornWithinSector);
    torn_ = true;
  }
  histogram_.count(Met::kPowerLost);
}

// --- opening, with crashes on the way ---

Result<Store> Cycle::try_open(OpenOptions options) {
  opening_ = true;
  auto core = engine::open_store(kFolder, options, environment());
  opening_ = false;
  if (!core) { return std::unexpected(core.error()); }
  return Store(std::move(*core));
}

Wrong Cycle::open() {
  Wrong wrong;
  std::uint64_t shown = 0;
  if (made_ && chance(0.3)) {
    wrong = peek(shown);
    if (wrong) { return wrong; }
  }
  bool accept = false;
  // Now and then a session without index files comes between: those that are there stay behind the log.
  index_.files = chance(0.9);
  for (;;) {
    if (made_) { wrong = check_write_limit(); }
    if (wrong) { return wrong; }
    if (chance(0.35)) { arm(1 + pick(made_ ? 60 : 40)); }
    OpenOptions options = options_;
    options.accept_suspect_tail = accept;
    auto opened = try_open(options);
    disarm();
    if (crashed()) {
      opened = std::unexpected(Error(ErrorCode::kIo, "crashed"));
      come_back();
      shown = 0;  // a power loss may take what no recovery had made durable
      continue;
    }
    if (!opened) {
      // A block cut within a sector is more than a disk does that writes sectors whole: it may look suspect.
      if (opened.error().code() == ErrorCode::kSuspectTail && torn_ && !accept) {
        accept = true;
        continue;
      }
      return "opening failed: " + to_string(opened.error());
    }
    store_.emplace(std::move(*opened));
    break;
  }
  made_ = true;
  torn_ = false;
  return check_recovered(shown);
}

// What the superblocks let nobody write need not be read: without it the log ends in the same way.
Wrong Cycle::check_write_limit() {
  auto loaded = engine::load_superblocks(files_, kFolder);
  if (!loaded || !*loaded || (*loaded)->newest.write_limit == 0) { return std::nullopt; }
  const engine::Superblock& superblock = (*loaded)->newest;
  const Offset limit(superblock.write_limit);
  const auto visit = [](const engine::ScannedFrame&) { return true; };
  const auto whole = engine::scan_log(files_, kFolder, superblock, visit, {});
  const auto limited = engine::scan_log(files_, kFolder, superblock, visit, {.write_limit = limit});
  if (!whole || !limited) { return "a crashed store cannot be scanned"; }
  const auto& [a, b] = std::pair(whole->tail, limited->tail);
  const bool same =
      whole->end == limited->end && whole->watermark == limited->watermark && whole->bad_bytes == limited->bad_bytes &&
      whole->nonzero_bytes == limited->nonzero_bytes && whole->resumes_at == limited->resumes_at &&
      whole->what == limited->what && a.below_watermark == b.below_watermark && a.only_zeros == b.only_zeros &&
      a.header_zero == b.header_zero && a.parts_missing == b.parts_missing && a.zero_to_end == b.zero_to_end;
  if (!same) { return fmt::format("something stands past the write limit {}", limit.value()); }
  const engine::Segment& last = *limited->segments.back();
  if (limit >= limited->end.offset && limit < last.end()) { histogram_.count(Met::kWriteLimitUsed); }
  return std::nullopt;
}

Wrong Cycle::check_recovered(std::uint64_t shown) {
  const RecoveryReport& report = store_->recovery();
  if (report.kind == RecoveryKind::kCleanEnd) { histogram_.count(Met::kVerdictB); }
  if (report.kind == RecoveryKind::kTornTail) { histogram_.count(Met::kVerdictC); }
  if (report.kind == RecoveryKind::kSuspectAccepted) { histogram_.count(Met::kVerdictD); }
  if (report.frames_in_doubt > 0) { histogram_.count(Met::kTailInDoubt); }
  const StoreInfo info = store_->info();
  if (info.events < shown) {
    return fmt::format("a read-only opening showed {} events, recovery kept {}", shown, info.events);
  }
  if (auto wrong = model_.cut_to(info.events)) { return wrong; }
  model_.settle();  // recovery has made durable whatever it kept
  if (report.frames_kept < model_.batch_count() && index_.files) { histogram_.count(Met::kIndexFilesUsed); }
  return compare(*store_, model_, info.events, random_());
}

// What a reader sees before anybody recovers.
Wrong Cycle::peek(std::uint64_t& shown) {
  auto opened = try_open({.read_only = true});
  if (!opened) { return "opening read-only failed: " + to_string(opened.error()); }
  histogram_.count(Met::kReadOnlyBeforeRecovery);
  shown = opened->info().events;
  return compare(*opened, model_, shown, random_());
}

// --- the end of a round ---

Wrong Cycle::stop() {
  if (!crashed() && chance(0.3)) { return close_and_check(); }
  if (!crashed()) {
    // Killed: what was done so far is all there, in the page cache; the process's own close never happens.
    files_.kill_process();
    histogram_.count(Met::kProcessKilled);
    store_.reset();
    if (chance(0.2)) {
      files_.power_off();
      power_cycle();
    } else if (chance(0.25)) {
      return hurt_tail();
    }
    return std::nullopt;
  }
  store_.reset();
  come_back();
  return std::nullopt;
}

Wrong Cycle::close_and_check() {
  const bool three = store_->info().segments >= 3;
  if (three) { histogram_.count(Met::kThreeSegments); }
  if (auto closed = store_->close(); !closed) { return "closing failed: " + to_string(closed.error()); }
  model_.settle();
  store_.reset();
  if (chance(0.3)) { return hurt_acknowledged(); }
  auto again = try_open(options_);
  if (!again) { return "opening after a close failed: " + to_string(again.error()); }
  if (again->recovery().kind != RecoveryKind::kClosedCleanly || again->recovery().bytes_cut != 0) {
    return "an opening after a close had something to recover";
  }
  if (auto wrong = compare(*again, model_, model_.event_count(), random_())) { return wrong; }
  if (auto closed = again->close(); !closed) { return "closing again failed: " + to_string(closed.error()); }
  return std::nullopt;
}

std::optional<std::string> run_cycle(std::uint64_t seed, Histogram& histogram) { return Cycle(seed, histogram).run(); }

}  // namespace tidemark::crash
