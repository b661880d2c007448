// SPDX-License-Identifier: Apache-2.0
// The damage that is done on purpose to the files of a cycle's store: whoever meets it says so.
#include <algorithm>
#include <fmt/format.h>
#include <utility>
#include <vector>

#include "engine/recovery/index_files.h"
#include "engine/recovery/verify.h"
#include "tests/crash/cycle.h"

namespace tidemark::crash {

std::optional<Cycle::Scanned> Cycle::scan() {
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
std::byte Cycle::flip(const std::filesystem::path& path, std::vector<std::byte> bytes, std::uint64_t offset) {
  bytes[offset] ^= static_cast<std::byte>(1U << pick(8));
  files_.set_contents(path, bytes);
  return bytes[offset];
}

// After a clean close every bit of every segment in use is known: whichever flips, it is reported. By the opening, if
// it reads that far back; always by verify and by whoever reads the frame.
Wrong Cycle::hurt_acknowledged() {
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

Wrong Cycle::check_verify_tells(const engine::Segment& segment, std::uint64_t offset) {
  const auto verified = engine::verify_store(kFolder, environment(), {});
  if (!verified) { return "verify failed: " + to_string(verified.error()); }
  const bool told = std::ranges::any_of(verified->damages, [&](const Damage& damage) {
    return damage.file.filename() == segment.path().filename() && (!damage.offset || damage.offset->value() <= offset);
  });
  return told ? Wrong() : Wrong("verify does not name it");
}

Wrong Cycle::check_readers_tell() {
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
Wrong Cycle::check_writer_tells(bool covered) {
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
Wrong Cycle::hurt_tail() {
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
  if (store_->recovery().kind != RecoveryKind::kSuspectAccepted) { return "an accepted tail is not reported as such"; }
  files_.kill_process();
  store_.reset();
  return std::nullopt;
}

}  // namespace tidemark::crash
