// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/stage.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fmt/format.h>
#include <limits>
#include <utility>

#include "engine/format/checkpoint_file.h"
#include "engine/format/group_file.h"
#include "engine/format/index_file.h"
#include "engine/format/live_page.h"
#include "engine/log/superblock_store.h"

namespace tidemark::faults {

namespace {

using crash::ModelBatch;
using crash::ModelEvent;
using crash::Standing;
using Kind = platform::SeamCall::Kind;

constexpr std::array<std::string_view, static_cast<std::size_t>(Fate::kCount)> kFateNames = {"killed", "none", "half",
                                                                                             "all", "torn"};

// What becomes of an index file is nobody's business: it is made later, or its content comes from the log. Only memory
// that runs out may be told, and what no system says of a map. Without the live page readers see more, only later.
bool is_hidden(const platform::SeamCall& call, int error) {
  if (std::filesystem::path(call.path).filename() == engine::kLivePageName) { return true; }
  if (error == ENOSPC && (call.kind == Kind::kMap || call.kind == Kind::kPopulate)) { return false; }
  const std::string name = std::filesystem::path(call.path).filename().string();
  const bool is_index = engine::parse_index_file_name(name) || engine::is_temporary_index_file_name(name);
  return is_index && error != ENOMEM;
}

bool is_of_group(std::string_view path) {
  return engine::is_group_folder_name(std::filesystem::path(path).parent_path().filename().string());
}

// What consumers keep stands beside the log: what fails there fails nothing else.
bool is_of_consumers(std::string_view path) {
  return is_of_group(path) || engine::is_checkpoint_file_name(std::filesystem::path(path).filename().string());
}

// What a step may answer when the system failed it and nothing was appended.
bool is_system_error(ErrorCode code) {
  return code == ErrorCode::kIo || code == ErrorCode::kNoSpace || code == ErrorCode::kOutOfMemory;
}

}  // namespace

std::string_view to_string(Fate fate) { return kFateNames[static_cast<std::size_t>(fate)]; }

std::optional<Fate> fate_named(std::string_view name) {
  const auto found = std::ranges::find(kFateNames, name);
  if (found == kFateNames.end()) { return std::nullopt; }
  return static_cast<Fate>(found - kFateNames.begin());
}

Stage::Stage(const StageOptions& options) : machine_(options.seed), stage_options_(options) {
  options_.segment_bytes_first = 4096;
  options_.segment_bytes_largest = 4096;
  files_.set_fault_rule([this](const platform::SeamCall& call) { return pass(call); });
}

Stage::~Stage() {
  end_process();
  files_.set_fault_rule({});
}

void Stage::fail(std::string what) {
  if (!wrong_) { wrong_ = std::move(what); }
}

// --- what happens to it ---

std::optional<platform::SeamFault> Stage::pass(const platform::SeamCall& call) {
  if (dying_) { crash(); }
  if (dead_) { return platform::SeamFault{.error = EIO}; }
  if (call.kind == Kind::kOpen && call.path.ends_with(engine::kTemporarySuffix)) { making_.emplace(call.path); }
  if (call.kind == Kind::kRename) {
    if (const auto made = making_.find(call.path); made != making_.end()) { making_.erase(made); }
  }
  if (!watch_) { return std::nullopt; }
  auto fault = watch_(call);
  if (dead_) { return platform::SeamFault{.error = EIO}; }
  // A recovery's own write that ends within a sector is more than a disk does that writes sectors whole.
  const bool ends_within = fault && fault->only && (call.offset + *fault->only) % engine::kSectorBytes != 0;
  if (opening_ && call.kind == Kind::kPwritev && ends_within) { torn_ = true; }
  if (fault && fault->error != 0 && !dying_) {
    const bool is_repeated = fault->error == EINTR && (call.kind == Kind::kPread || call.kind == Kind::kPwritev);
    if (!is_repeated && !is_hidden(call, fault->error)) { note_fault(call); }
  }
  return fault;
}

void Stage::note_fault(const platform::SeamCall& call) {
  ++hard_faults_;
  // A lock that cannot be looked at stops the store, unless a new segment was about to get its name: the answers tell.
  if (store_ && !opening_ && call.kind == Kind::kCheckLock) { may_have_failed_ = true; }
  if (call.kind == Kind::kDatasync && is_of_group(call.path)) { group_work_.sync_failed(); }
  const bool is_change = call.kind == Kind::kPwritev || call.kind == Kind::kDatasync;
  const bool changes_log = is_change && !is_of_consumers(call.path);
  if (store_ && !opening_ && changes_log && !making_.contains(call.path)) { failed_ = true; }
}

// The files that the process has open are dead from now on, and so nothing reaches the disk that should not.
void Stage::crash() {
  dead_ = true;
  dying_ = false;
  files_.kill_process();
}

void Stage::end_process() {
  crash();
  cursor_.reset();
  submitted_.clear();
  end_consumers();
  store_.reset();
  making_.clear();
  failed_ = probed_ = may_have_failed_ = false;
}

void Stage::come_back(Fate fate, std::uint64_t seed) {
  end_process();
  watch_ = {};
  files_.set_capacity(std::numeric_limits<std::uint64_t>::max());
  group_work_.died(fate != Fate::kKilled);
  if (fate != Fate::kKilled) {
    const double keep = fate == Fate::kKeepNone ? 0.0 : fate == Fate::kKeepAll ? 1.0 : 0.5;
    files_.power_on(seed, keep, fate == Fate::kTorn);
    machine_.reboot();
    torn_ = torn_ || fate == Fate::kTorn;
    superblock_torn_ = superblock_torn_ || fate == Fate::kTorn;
  }
  dead_ = false;
}

void Stage::come_back(const platform::SimSurvival& survival) {
  end_process();
  watch_ = {};
  files_.set_capacity(std::numeric_limits<std::uint64_t>::max());
  group_work_.died(true);
  files_.power_on(survival);
  machine_.reboot();
  dead_ = false;
}

std::uint64_t Stage::look() {
  OpenOptions reading = options_;
  reading.read_only = true;
  const std::uint64_t faults_before = hard_faults_;
  auto opened = try_open(reading);
  if (is_down()) { return 0; }
  if (!opened) {
    const ErrorCode code = opened.error().code();
    if (hard_faults_ != faults_before && is_system_error(code)) { return 0; }
    // A crash in its making leaves no store.
    if (code != ErrorCode::kNotFound || model_.durable_event_count() > 0) {
      fail("opening read-only failed: " + to_string(opened.error()));
    }
    return 0;
  }
  const std::uint64_t shown = opened->info().events;
  const RecoveryKind kind = opened->info().read_only ? opened->recovery().kind : RecoveryKind::kCreated;
  if (kind == RecoveryKind::kDamaged || (kind == RecoveryKind::kSuspect && !torn_)) {
    ++alarms_;
    fail(fmt::format("a read-only opening says \"{}\"", to_string(kind)));
  } else if (auto differs =
                 crash::compare(*opened, shown > model_.event_count() ? with_appending() : model_, shown, shown)) {
    if (is_down() || hard_faults_ != faults_before) { return 0; }
    fail("a read-only opening is wrong: " + *differs);
  }
  return shown;
}

// An index file may tell that an append is durable before it returns.
crash::Model Stage::with_appending() const {
  crash::Model all = model_;
  if (appending_ != nullptr) { all.add(*appending_); }
  return all;
}

void Stage::survive() {
  if (wrong_) { return; }
  const std::uint64_t shown = look();
  open();
  if (wrong_) { return; }
  const std::uint64_t kept = model_.event_count();
  if (kept < shown) { return fail(fmt::format("a reader was shown {} events, the recovery kept {}", shown, kept)); }
  // What a recovery left is on the disk, with nothing to do any more.
  come_back(Fate::kKeepNone, 1);
  open();
  if (wrong_) { return; }
  const RecoveryReport& report = store_->recovery();
  // One that was cut within its sector, and mended by a process that was killed before it synced that, is there again.
  const bool superblock_lost = report.superblock_lost && !superblock_torn_;
  if (report.kind != RecoveryKind::kCleanEnd || report.bytes_cut != 0 || report.frames_in_doubt != 0 ||
      superblock_lost || model_.event_count() != kept) {
    return fail(fmt::format("a second opening had something to repair: {}, {} bytes cut, {} frames in doubt, {} events",
                            to_string(report.kind), report.bytes_cut, report.frames_in_doubt, model_.event_count()));
  }
  work_off();
  append("after", 40);
  append(batch("after", 3, 300));
  append("after-buffered", 700, Durability::kBuffered);
  if (wrong_) { return; }
  come_back(Fate::kKeepNone, 1);
  open();
  work_off();
  close();
  if (!wrong_ && !has_store() && model_.durable_event_count() < kept + 4) { fail("appending did not go on"); }
}

// --- opening and closing ---

Result<Store> Stage::try_open(const OpenOptions& options) {
  auto core = engine::open_store(folder_, options, environment());
  if (!core) { return std::unexpected(std::move(core.error())); }
  return Store(std::move(*core));
}

void Stage::open() {
  if (is_down() || wrong_ || store_) { return; }
  OpenOptions options = options_;
  for (int attempt = 0; attempt < 2; ++attempt) {
    const std::uint64_t faults_before = hard_faults_;
    opening_ = true;
    auto opened = try_open(options);
    opening_ = false;
    if (opened) {
      store_.emplace(std::move(*opened));
      return recovered();
    }
    if (is_down()) { return; }
    const ErrorCode code = opened.error().code();
    if (code == ErrorCode::kSuspectTail && torn_ && !options.accept_suspect_tail) {
      options.accept_suspect_tail = true;
      ++suspects_accepted_;
      --attempt;
      continue;
    }
    if (code == ErrorCode::kDamaged || code == ErrorCode::kSuspectTail) { ++alarms_; }
    if (hard_faults_ == faults_before) { return fail("opening failed: " + to_string(opened.error())); }
    if (!is_system_error(code)) { return fail("a failed opening says: " + to_string(opened.error())); }
    // It must have left everything as it was: once what failed it is over, the next one succeeds.
  }
}

void Stage::recovered() {
  const RecoveryReport& report = store_->recovery();
  verdicts_.push_back(report.kind);
  torn_ = false;
  const std::uint64_t events = store_->info().events;
  if (report.events_kept != events) { fail("the recovery report counts other events than there are"); }
  if (auto lost = model_.cut_to(events)) { return fail(*lost); }
  model_.settle();  // a recovery makes durable what it keeps
  for (auto& [name, stored] : checkpoints_) { stored.cut_to(model_.batch_count()); }
  if (auto gone = group_work_.cut_to(events)) { return fail(*gone); }
  read();
  check_snapshots();
  check_checkpoints();
}

void Stage::close() {
  if (is_idle()) { return; }
  end_consumers();
  if (is_idle()) { return; }
  const bool failed_before = failed_;
  const std::uint64_t faults_before = hard_faults_;
  const Status closed = store_->close();
  answer_tickets();
  if (closed && failed_) { fail("closing a failed store succeeded"); }
  if (closed) { model_.settle(); }
  if (!closed && !is_down()) {
    if (failed_before && closed.error().code() != ErrorCode::kStoreFailed) {
      fail("closing a failed store says: " + to_string(closed.error()));
    } else if (hard_faults_ == faults_before && !failed_before && !may_have_failed_) {
      fail("closing failed: " + to_string(closed.error()));
    } else if (closed.error().code() != ErrorCode::kStoreFailed && !is_system_error(closed.error().code())) {
      fail("a failed close says: " + to_string(closed.error()));
    }
  }
  if (is_down()) { return; }
  if (!wrong_) {
    const auto late = store_->append("late", Expect::any(), {{.type = "Late"}});
    if (late || late.error().code() != ErrorCode::kClosed) { fail("a closed store took an append"); }
  }
  cursor_.reset();
  store_.reset();
  failed_ = probed_ = may_have_failed_ = false;
}

void Stage::kill() {
  if (is_down() || wrong_) { return; }
  end_process();
  group_work_.died(false);
  dead_ = false;
}

void Stage::lose_power(const platform::SimSurvival& survival) {
  if (is_down() || wrong_) { return; }
  end_process();
  group_work_.died(true);
  files_.power_on(survival);
  machine_.reboot();
  dead_ = false;
}

// --- judging ---

void Stage::judge_error(const Error& error, std::string_view step, bool failed_before, std::uint64_t faults_before) {
  if (is_down()) { return; }
  const ErrorCode code = error.code();
  if (may_have_failed_ && (code == ErrorCode::kOutcomeUnknown || code == ErrorCode::kStoreFailed)) {
    failed_ = true;
    return;
  }
  const auto say = [&](std::string_view why) { fail(fmt::format("{} {}: {}", step, why, to_string(error))); };
  if (failed_before) {
    if (code != ErrorCode::kStoreFailed) { say("in a failed store says"); }
  } else if (failed_) {
    if (code != ErrorCode::kOutcomeUnknown && code != ErrorCode::kStoreFailed) { say("with a failed write says"); }
  } else if (hard_faults_ == faults_before) {
    say("failed");
  } else if (!is_system_error(code)) {
    say("with a failed call says");
  }
}

void Stage::check_fail_stop() {
  if (!failed_ || probed_ || is_idle()) { return; }
  probed_ = true;
  const std::uint64_t writes = files_.calls(Kind::kPwritev);
  const std::uint64_t syncs = files_.calls(Kind::kDatasync);
  for (const Durability durability : {Durability::kDurable, Durability::kBuffered}) {
    const auto refused = store_->append("refused", Expect::any(), {{.type = "Refused"}}, {.durability = durability});
    if (refused || refused.error().code() != ErrorCode::kStoreFailed) {
      fail("after a failed write an append is not refused");
    }
  }
  Batch late;
  late.to("refused").add({.type = "Refused"});
  const auto ticket = store_->submit(late);
  if (ticket || ticket.error().code() != ErrorCode::kStoreFailed) {
    fail("after a failed write a submission is not refused");
  }
  const auto reached = store_->wait_durable(Position(1'000'000));
  if (reached || reached.error().code() != ErrorCode::kStoreFailed) {
    fail("after a failed write a wait is not ended");
  }
  if (files_.calls(Kind::kPwritev) != writes || files_.calls(Kind::kDatasync) != syncs) {
    fail("after a failed write there is another write or sync");
  }
  // What was written and not synced is not shown any more, however it is asked for.
  const ReadOptions asking[] = {{.visibility = Visibility::kWritten}, {.at_least = Position(0)}};
  for (const ReadOptions& options : asking) {
    std::uint64_t shown = 0;
    Cursor all = store_->read(Query::all(), options);
    while (all.next() != nullptr) { ++shown; }
    if (shown > store_->info().durable.value()) { fail("after a failed write more is shown than is durable"); }
  }
  read();
}

// Every event that is shown, as it was appended; then, if nothing was made to fail, all other ways to read them.
void Stage::check_prefix(std::uint64_t count) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    const std::uint64_t faults_before = hard_faults_;
    const auto expected = model_.events();
    if (count > expected.size()) { return fail(fmt::format("{} events are shown", count)); }
    std::uint64_t shown = 0;
    Cursor all = store_->read(Query::all(), {.access = attempt == 0 ? Access::kMapped : Access::kCopied});
    while (const Event* event = all.next()) {
      if (shown == count) { return fail(fmt::format("more than {} events are shown", count)); }
      if (auto wrong = crash::differs(*event, *expected[shown], shown)) { return fail(*wrong); }
      ++shown;
    }
    if (is_down()) { return; }
    const Status ended = all.status();
    if (ended && shown != count) { return fail(fmt::format("{} events are shown instead of {}", shown, count)); }
    if (!ended && hard_faults_ == faults_before) { return fail("reading failed: " + to_string(ended.error())); }
    if (!ended && !is_system_error(ended.error().code())) {
      return fail("a failed read says: " + to_string(ended.error()));
    }
    if (!ended) { continue; }  // the next read must go on
    const auto differs = crash::compare(*store_, model_, count, stage_options_.seed + count);
    if (differs && hard_faults_ == faults_before && !is_down()) { fail(*differs); }
    return;
  }
}

void Stage::check_receipt(const Receipt& receipt, const ModelBatch& batch, std::uint64_t first) {
  if (receipt.first.value() != first || receipt.count != batch.events.size()) {
    return fail(fmt::format("a receipt says position {} and {} events, not {} and {}", receipt.first.value(),
                            receipt.count, first, batch.events.size()));
  }
  for (const StreamReceipt& stream : receipt.streams) {
    const auto is_of = [&](const ModelEvent& event) { return event.stream == stream.stream; };
    const auto begin = std::ranges::find_if(batch.events, is_of);
    const auto count = static_cast<std::uint64_t>(std::ranges::count_if(batch.events, is_of));
    if (begin == batch.events.end() || stream.first.value() != begin->version ||
        stream.last.value() != begin->version + count - 1) {
      return fail("a receipt gives wrong versions");
    }
  }
}

void Stage::acknowledge(std::size_t count, Durability durability) {
  if (durability == Durability::kDurable) {
    model_.set_durable_up_to(count);
  } else if (model_.batches()[count - 1].standing == Standing::kUnknown) {
    model_.batches()[count - 1].standing = Standing::kBuffered;
  }
}

}  // namespace tidemark::faults
