// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/crash_cycle.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fmt/format.h>
#include <random>
#include <utility>
#include <vector>

#include "engine/format/index_file.h"
#include "engine/log/superblock_store.h"
#include "engine/recovery/index_files.h"
#include "engine/recovery/scan.h"
#include "engine/recovery/verify.h"
#include "engine/store/store_core.h"
#include "platform/sim/sim_file_system.h"
#include "tests/crash/model.h"

namespace tidemark::crash {

namespace {

using Wrong = std::optional<std::string>;  // what went wrong

const std::filesystem::path kFolder = "/store";

class Cycle {
 public:
  Cycle(std::uint64_t seed, Histogram& histogram) : random_(seed), machine_(seed), histogram_(histogram) {
    files_.set_fault_rule([this](const platform::SeamCall& call) { return watch(call); });
    options_.segment_bytes_first = std::uint64_t{4096} << pick(2);
    options_.segment_bytes_largest = options_.segment_bytes_first << pick(3);
    // Tables of a few events, so that they close, become files, and are merged within a round.
    index_ = {.files = true, .table_events = 2 + pick(12), .merge_runs = 2 + pick(2), .close_events = 1 + pick(4)};
    write_ahead_ = pick(std::uint64_t{1} << pick(16));
  }
  ~Cycle() { files_.set_fault_rule({}); }
  Cycle(const Cycle&) = delete;
  Cycle& operator=(const Cycle&) = delete;

  Wrong run() {
    const std::uint64_t rounds = 2 + pick(4);
    for (std::uint64_t round = 0; round < rounds; ++round) {
      if (auto wrong = open()) { return wrong; }
      if (auto wrong = work()) { return wrong; }
      if (auto wrong = stop()) { return wrong; }
    }
    if (auto wrong = open()) { return wrong; }
    return close_and_check();
  }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  bool chance(double p) { return std::uniform_real_distribution<>(0, 1)(random_) < p; }
  engine::Environment environment() { return {files_, clock_, machine_, false, index_, write_ahead_}; }

  // --- the crash ---

  void arm(std::uint64_t calls) { left_ = calls; }
  void disarm() { left_.reset(); }
  [[nodiscard]] bool crashed() const { return files_.is_off() || dead_ || sync_failed_; }

  std::optional<platform::SeamFault> watch(const platform::SeamCall& call) {
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
  void note_index_file(const platform::SeamCall& call) {
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
  void come_back() {
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

  void power_cycle() {
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

  Result<Store> try_open(OpenOptions options) {
    opening_ = true;
    auto core = engine::open_store(kFolder, options, environment());
    opening_ = false;
    if (!core) { return std::unexpected(core.error()); }
    return Store(std::move(*core));
  }

  Wrong open() {
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
  Wrong check_write_limit() {
    auto loaded = engine::load_superblocks(files_, kFolder);
    if (!loaded || !*loaded || (*loaded)->newest.write_limit == 0) { return std::nullopt; }
    const engine::Superblock& superblock = (*loaded)->newest;
    const Offset limit(superblock.write_limit);
    const auto visit = [](const engine::ScannedFrame&) { return true; };
    const auto whole = engine::scan_log(files_, kFolder, superblock, visit, {});
    const auto limited = engine::scan_log(files_, kFolder, superblock, visit, {.write_limit = limit});
    if (!whole || !limited) { return "a crashed store cannot be scanned"; }
    const auto& [a, b] = std::pair(whole->tail, limited->tail);
    const bool same = whole->end == limited->end && whole->watermark == limited->watermark &&
                      whole->bad_bytes == limited->bad_bytes && whole->nonzero_bytes == limited->nonzero_bytes &&
                      whole->resumes_at == limited->resumes_at && whole->what == limited->what &&
                      a.below_watermark == b.below_watermark && a.only_zeros == b.only_zeros &&
                      a.header_zero == b.header_zero && a.parts_missing == b.parts_missing &&
                      a.zero_to_end == b.zero_to_end;
    if (!same) { return fmt::format("something stands past the write limit {}", limit.value()); }
    const engine::Segment& last = *limited->segments.back();
    if (limit >= limited->end.offset && limit < last.end()) { histogram_.count(Met::kWriteLimitUsed); }
    return std::nullopt;
  }

  Wrong check_recovered(std::uint64_t shown) {
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
  Wrong peek(std::uint64_t& shown) {
    auto opened = try_open({.read_only = true});
    if (!opened) { return "opening read-only failed: " + to_string(opened.error()); }
    histogram_.count(Met::kReadOnlyBeforeRecovery);
    shown = opened->info().events;
    return compare(*opened, model_, shown, random_());
  }

  // --- work ---

  ModelBatch new_batch(std::uint64_t events_max, std::uint64_t data_max) {
    ModelBatch batch;
    std::map<std::string, std::uint64_t> counts;
    const std::uint64_t events = 1 + pick(events_max);
    for (std::uint64_t i = 0; i < events; ++i) {
      ModelEvent event;
      event.stream = fmt::format("stream-{}", pick(8));
      auto [count, fresh] = counts.try_emplace(event.stream, 0);
      if (fresh) { count->second = model_.stream_count(event.stream); }
      event.version = count->second++;
      std::array<std::byte, 16> id{};
      for (std::byte& byte : id) { byte = static_cast<std::byte>(random_()); }
      event.id = EventId(id);
      event.type = fmt::format("Type{}", pick(4));
      // Long runs of zeros look like sectors that were not written.
      event.data = chance(0.3) ? std::string(pick(data_max * 4 + 1), '\0') : std::string(pick(data_max + 1), 'x');
      for (char& c : event.data) { c = c == 'x' ? static_cast<char>(random_()) : c; }
      if (chance(0.2)) { event.tags = {"tag:1", fmt::format("tag:{}", pick(5) + 2)}; }
      if (chance(0.3)) {
        event.valid = ValidTime(std::chrono::microseconds(static_cast<std::int64_t>(random_() >> 8U)));
      }
      batch.events.push_back(std::move(event));
    }
    return batch;
  }

  static Batch to_batch(const ModelBatch& from) {
    Batch batch;
    for (const auto& event : from.events) {
      NewEvent added{.type = event.type, .data = as_bytes(event.data), .valid = event.valid, .id = event.id};
      added.tags.assign(event.tags.begin(), event.tags.end());
      batch.to(event.stream).add(added);
    }
    return batch;
  }

  // With what is true of each stream as the expectation, one kind or another.
  Batch expecting(const ModelBatch& from) {
    Batch batch = to_batch(from);
    for (const auto& event : from.events) {
      const std::uint64_t count = model_.stream_count(event.stream);
      const Expect truth = count == 0 ? Expect::no_stream() : chance(0.5) ? Expect::exactly(count - 1) : Expect::any();
      batch.check(event.stream, truth);
    }
    return batch;
  }

  Wrong check_receipt(const Receipt& receipt, const ModelBatch& batch, std::uint64_t first) const {
    if (receipt.first.value() != first || receipt.count != batch.events.size()) {
      return fmt::format("a receipt says positions {} and {} more, not {} and {}", receipt.first.value(), receipt.count,
                         first, batch.events.size());
    }
    for (const auto& stream : receipt.streams) {
      std::optional<std::uint64_t> first_version;
      std::uint64_t last_version = 0;
      for (const auto& event : batch.events) {
        if (event.stream != stream.stream) { continue; }
        if (!first_version) { first_version = event.version; }
        last_version = event.version;
      }
      if (!first_version || stream.first.value() != *first_version || stream.last.value() != last_version) {
        return "a receipt gives wrong versions";
      }
    }
    return std::nullopt;
  }

  Wrong append(ModelBatch batch) {
    const Durability durability = chance(0.7) ? Durability::kDurable : Durability::kBuffered;
    const std::uint64_t first = model_.event_count();
    auto receipt = store_->append(expecting(batch), {.durability = durability});
    if (receipt) {
      auto wrong = check_receipt(*receipt, batch, first);
      model_.add(std::move(batch));
      acknowledge(model_.batch_count(), durability);
      return wrong;
    }
    if (!crashed()) { return "an append failed: " + to_string(receipt.error()); }
    if (receipt.error().code() == ErrorCode::kOutcomeUnknown) { model_.add(std::move(batch)); }
    return std::nullopt;
  }

  // The first `count` batches stand as asked.
  void acknowledge(std::size_t count, Durability durability) {
    if (durability == Durability::kDurable) {
      model_.set_durable_up_to(count);
    } else if (model_.batches()[count - 1].standing == Standing::kUnknown) {
      model_.batches()[count - 1].standing = Standing::kBuffered;
    }
  }

  // Several appenders in one group: submitted one after the other, then waited for.
  Wrong append_group() {
    struct Submitted {
      Ticket ticket;
      std::size_t batch;
      std::uint64_t first;
      Durability durability;
    };
    std::vector<Submitted> submitted;
    const std::uint64_t appenders = 2 + pick(4);
    for (std::uint64_t i = 0; i < appenders; ++i) {
      ModelBatch batch = new_batch(3, 200);
      const Durability durability = chance(0.7) ? Durability::kDurable : Durability::kBuffered;
      auto ticket = store_->submit(expecting(batch), {.durability = durability});
      if (!ticket) {
        if (!crashed()) { return "a submission failed: " + to_string(ticket.error()); }
        break;
      }
      const std::uint64_t first = model_.event_count();
      model_.add(std::move(batch));
      submitted.push_back({std::move(*ticket), model_.batch_count() - 1, first, durability});
    }
    if (submitted.size() >= 2) { histogram_.count(Met::kGroupOfSeveral); }
    std::optional<std::size_t> first_not_there;
    for (const auto& one : submitted) {
      const auto receipt = one.ticket.wait();
      if (receipt) {
        if (auto wrong = check_receipt(*receipt, model_.batches()[one.batch], one.first)) { return wrong; }
        acknowledge(one.batch + 1, one.durability);
      } else if (!crashed()) {
        return "a ticket failed: " + to_string(receipt.error());
      } else if (receipt.error().code() != ErrorCode::kOutcomeUnknown && !first_not_there) {
        first_not_there = one.batch;
      }
    }
    if (first_not_there) { model_.batches().resize(*first_not_there); }
    return std::nullopt;
  }

  Wrong conflict() {
    if (model_.batch_count() == 0) { return std::nullopt; }
    const std::string stream = model_.batches()[pick(model_.batch_count())].events[0].stream;
    const std::uint64_t count = model_.stream_count(stream);
    const auto receipt = store_->append(stream, Expect::exactly(count + pick(3)), {{.type = "Never"}});
    if (receipt) { return "an append with a wrong expectation succeeded"; }
    if (crashed()) { return std::nullopt; }
    const auto& conflicts = receipt.error().conflicts();
    if (receipt.error().code() != ErrorCode::kVersionConflict || conflicts.size() != 1 ||
        conflicts[0].actual != Version(count - 1)) {
      return "a conflict does not say what is: " + to_string(receipt.error());
    }
    // A conflict is an answer that rests on all before it.
    model_.settle();
    histogram_.count(Met::kConflict);
    return std::nullopt;
  }

  Wrong repeat() {
    if (model_.batch_count() == 0) { return std::nullopt; }
    const std::size_t n = pick(model_.batch_count());
    const ModelBatch& batch = model_.batches()[n];
    std::uint64_t first = 0;
    for (std::size_t i = 0; i < n; ++i) { first += model_.batches()[i].events.size(); }
    const auto receipt = store_->append(to_batch(batch));
    if (crashed()) { return std::nullopt; }
    if (!receipt) { return "an append could not be repeated: " + to_string(receipt.error()); }
    if (!receipt->already_appended) { return "a repeated append was written again"; }
    model_.set_durable_up_to(n + 1);
    histogram_.count(Met::kIdempotentRepeat);
    return check_receipt(*receipt, batch, first);
  }

  Wrong work() {
    if (chance(0.85)) { arm(1 + pick(60)); }
    const std::uint64_t steps = 3 + pick(25);
    for (std::uint64_t step = 0; step < steps && !crashed(); ++step) {
      Wrong wrong;
      const std::uint64_t kind = pick(100);
      if (kind < 50) {
        wrong = append(new_batch(3, 300));
      } else if (kind < 70) {
        wrong = append_group();
      } else if (kind < 75) {
        wrong = append(new_batch(30, 2000));
      } else if (kind < 82) {
        wrong = conflict();
      } else if (kind < 90) {
        wrong = repeat();
      } else if (kind < 95) {
        const std::uint64_t durable = store_->info().durable.value();
        wrong = compare(*store_, model_, durable, random_());
        if (crashed()) { wrong.reset(); }  // the power went while reading
      } else if (model_.event_count() > 0) {
        const auto done = store_->wait_durable(Position(model_.event_count() - 1));
        if (done) { model_.settle(); }
        if (!done && !crashed()) { wrong = "waiting failed: " + to_string(done.error()); }
      }
      if (wrong) { return wrong; }
    }
    disarm();
    return std::nullopt;
  }

  // --- the end of a round ---

  Wrong stop() {
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

  Wrong close_and_check() {
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

  // --- damage ---

  struct Scanned {
    engine::ScanFacts facts;
    engine::Superblock superblock;
    Offset indexed;  // index files prove that the log is durable below this log offset
  };
  std::optional<Scanned> scan() {
    auto loaded = engine::load_superblocks(files_, kFolder);
    if (!loaded || !*loaded) { return std::nullopt; }
    const engine::Superblock& superblock = (*loaded)->newest;
    Offset indexed;
    if (index_.files) {
      auto found = engine::find_index(files_, kFolder, superblock.log_id);
      if (!found) { return std::nullopt; }
      if (found->end) { indexed = found->end->point.offset; }
    }
    const auto visit = [](const engine::ScannedFrame&) { return true; };
    auto facts = engine::scan_log(files_, kFolder, superblock, visit, {.durable = indexed});
    if (!facts) { return std::nullopt; }
    return Scanned{std::move(*facts), superblock, indexed};
  }

  // Gives the byte as it is then.
  std::byte flip(const std::filesystem::path& path, std::vector<std::byte> bytes, std::uint64_t offset) {
    bytes[offset] ^= static_cast<std::byte>(1U << pick(8));
    files_.set_contents(path, bytes);
    return bytes[offset];
  }

  // After a clean close every bit of every segment in use is known: whichever flips, it is reported. By the opening, if
  // it reads that far back; always by verify and by whoever reads the frame.
  Wrong hurt_acknowledged() {
    const auto scanned = scan();
    if (!scanned) { return "a closed store cannot be scanned"; }
    const auto& segments = scanned->facts.segments;
    const auto& segment = *segments[pick(segments.size())];
    const bool last = &segment == segments.back().get();
    const std::uint64_t end = last ? scanned->facts.end.offset - segment.base() : segment.size();
    const auto whole = files_.contents(segment.path());
    if (!whole) { return "a segment file is not there"; }
    const std::uint64_t offset = pick(end);
    const auto hurt = flip(segment.path(), *whole, offset);
    auto wrong = check_verify_tells(segment, offset);
    if (!wrong) { wrong = check_readers_tell(); }
    if (!wrong) { wrong = check_writer_tells(Offset(segment.base().value() + offset) < scanned->indexed); }
    if (wrong) {
      return fmt::format("with a bit flipped at {} of {}: {}", offset, segment.path().filename().string(), *wrong);
    }
    // A writer that came by has changed nothing there.
    auto now = files_.contents(segment.path());
    if (!now || (*now)[offset] != hurt) { return "a damaged byte was written over"; }
    (*now)[offset] = (*whole)[offset];
    files_.set_contents(segment.path(), *now);
    return std::nullopt;
  }

  Wrong check_verify_tells(const engine::Segment& segment, std::uint64_t offset) {
    const auto verified = engine::verify_store(kFolder, environment(), {});
    if (!verified) { return "verify failed: " + to_string(verified.error()); }
    const bool told = std::ranges::any_of(verified->damages, [&](const Damage& damage) {
      return damage.file.filename() == segment.path().filename() &&
             (!damage.offset || damage.offset->value() <= offset);
    });
    return told ? Wrong() : Wrong("verify does not name it");
  }

  Wrong check_readers_tell() {
    auto reader = try_open({.read_only = true});
    if (!reader) { return "a damaged store does not open read-only: " + to_string(reader.error()); }
    const bool seen = reader->recovery().kind == RecoveryKind::kDamaged;
    for (const Access access : {Access::kMapped, Access::kCopied}) {
      const auto expected = model_.events();
      std::uint64_t shown = 0;
      Cursor all = reader->read(Query::all(), {.access = access});
      while (const Event* event = all.next()) {
        if (shown >= expected.size()) { return "a damaged store shows more than was appended"; }
        if (auto wrong = differs(*event, *expected[shown], shown)) { return wrong; }
        ++shown;
      }
      const Status ended = all.status();
      if (!ended && ended.error().code() != ErrorCode::kDamaged) {
        return "reading ends with " + to_string(ended.error());
      }
      if (ended && seen) { return "reading a damaged store ends without an error"; }
      if (ended && shown != expected.size()) { return "reading ends too early, without an error"; }
    }
    return std::nullopt;
  }

  // A writer may come by what index files cover, and by nothing else.
  Wrong check_writer_tells(bool covered) {
    auto opened = try_open(options_);
    if (!opened) {
      if (opened.error().code() != ErrorCode::kDamaged) { return "it was called " + to_string(opened.error()); }
      histogram_.count(Met::kVerdictA);
      return std::nullopt;
    }
    if (!covered) { return "the opening does not report it"; }
    if (opened->info().events != model_.event_count()) { return "a writer has other events"; }
    histogram_.count(Met::kDamageBelowTheIndex);
    // What is damaged stands in the way of no append.
    ModelBatch batch = new_batch(3, 300);
    const std::uint64_t first = model_.event_count();
    const auto receipt = opened->append(to_batch(batch));
    if (!receipt) { return "appending does not go on: " + to_string(receipt.error()); }
    if (auto wrong = check_receipt(*receipt, batch, first)) { return wrong; }
    model_.add(std::move(batch));
    model_.settle();
    if (auto closed = opened->close(); !closed) { return "closing failed: " + to_string(closed.error()); }
    return std::nullopt;
  }

  // The first frame that is not known durable, after a kill: hurt it, and opening must not go on by itself.
  Wrong hurt_tail() {
    const auto scanned = scan();
    if (!scanned) { return "a killed store cannot be scanned"; }
    const engine::ScanFacts& facts = scanned->facts;
    const engine::Segment* segment = engine::find_segment(facts.segments, facts.durable.offset);
    if (segment == nullptr || facts.durable.offset >= facts.end.offset || segment != facts.segments.back().get()) {
      return std::nullopt;
    }
    const auto whole = files_.contents(segment->path());
    if (!whole) { return "a segment file is not there"; }
    (void)flip(segment->path(), *whole, facts.durable.offset - segment->base() + pick(engine::kFrameHeaderBytes));
    auto opened = try_open(options_);
    if (opened) { return "a hurt tail was not reported"; }
    const ErrorCode code = opened.error().code();
    if (code != ErrorCode::kSuspectTail && code != ErrorCode::kDamaged) {
      return "a hurt tail was called " + to_string(opened.error());
    }
    if (code == ErrorCode::kDamaged || chance(0.5)) {
      histogram_.count(code == ErrorCode::kDamaged ? Met::kVerdictA : Met::kVerdictD);
      files_.set_contents(segment->path(), *whole);
      return std::nullopt;
    }
    OpenOptions accepting = options_;
    accepting.accept_suspect_tail = true;
    auto accepted = try_open(accepting);
    if (!accepted) { return "an accepted tail was not cut: " + to_string(accepted.error()); }
    model_.waive_after(facts.durable.position.value());
    store_.emplace(std::move(*accepted));
    if (auto wrong = check_recovered(0)) { return wrong; }
    if (store_->recovery().kind != RecoveryKind::kSuspectAccepted) {
      return "an accepted tail is not reported as such";
    }
    files_.kill_process();
    store_.reset();
    return std::nullopt;
  }

  std::mt19937_64 random_;
  platform::SimFileSystem files_;
  platform::SimClock clock_;
  platform::SimMachine machine_;
  Histogram& histogram_;
  OpenOptions options_;
  engine::IndexPolicy index_;
  std::uint64_t write_ahead_ = 0;
  Model model_;
  std::optional<Store> store_;
  std::optional<std::uint64_t> left_;  // calls until the power goes
  bool dead_ = false;                  // the process was killed in the middle of a call
  bool sync_failed_ = false;           // once, somewhere
  bool in_roll_ = false;
  bool merged_ = false;  // an index file was made of others, which are still there
  bool opening_ = false;
  bool made_ = false;
  bool torn_ = false;
};

}  // namespace

std::optional<std::string> run_cycle(std::uint64_t seed, Histogram& histogram) { return Cycle(seed, histogram).run(); }

}  // namespace tidemark::crash
