// SPDX-License-Identifier: Apache-2.0
// Goal: no bytes in an active segment make the scan or the verification crash, run on, or contradict each other.
// Method: segment 1 of the input gets a right header, super-a gets what a running store would say, with the input's
// own marks; the log is scanned, verified and opened read-only, and what they say is held against each other.
#include <algorithm>

#include "engine/format/segment.h"
#include "engine/format/superblock.h"
#include "engine/recovery/plan.h"
#include "engine/recovery/scan.h"
#include "engine/recovery/verify.h"
#include "tests/fuzz/targets.h"
#include "tests/fuzz/twin.h"

namespace tidemark::fuzz {

namespace {

using namespace engine;

// A store of one segment, which is in use.
Archive store_of(Archive input) {
  const ArchiveFile* const super = find_file(input, kSuperblockNames[0]);
  Superblock superblock{};
  if (super != nullptr && super->bytes.size() >= sizeof(Superblock)) {
    superblock = load_as<Superblock>(super->bytes.data());
  }
  superblock.generation = 7;
  superblock.state = superblock.state == StoreState::kClosed ? StoreState::kClosed : StoreState::kRunning;
  superblock.highest_segment = 1;
  const auto image = encode_superblock(superblock);

  ArchiveFile segment{.name = segment_file_name(SegmentNumber(1))};
  if (const ArchiveFile* const given = find_file(input, segment.name)) { segment.bytes = given->bytes; }
  segment.bytes.resize(std::max<std::size_t>(segment.bytes.size(), 4096));
  SegmentHeader header{};
  header.log_id = superblock.log_id;
  header.number = 1;
  header.size = segment.bytes.size();
  std::ranges::copy(encode_segment_header(header), segment.bytes.begin());

  Archive store;
  for (const auto name : kSuperblockNames) {
    store.push_back({.name = std::string(name), .bytes = {image.begin(), image.end()}});
  }
  store.push_back(std::move(segment));
  return store;
}

struct Scanned {
  ScanFacts facts;
  std::uint64_t events = 0;
};

Scanned scan(Twin& twin, const Superblock& superblock) {
  Scanned scanned;
  const auto visit = [&](const ScannedFrame& frame) {
    const auto count = [](const EventRecord&, std::uint32_t) { return true; };
    if (!for_each_event(frame.header, frame.body, frame.header.body_bytes, count)) { return false; }
    require(frame.header.first_position == scanned.events, "a frame was taken that does not follow");
    scanned.events += frame.header.event_count;
    return true;
  };
  auto facts = scan_log(twin.files, twin.folder, superblock, visit);
  if (facts) { scanned.facts = std::move(*facts); }
  require(facts.has_value() || facts.error().code() == ErrorCode::kUnsupportedFormat, "the scan gives an odd error");
  return scanned;
}

void check_facts(const Scanned& scanned) {
  const ScanFacts& facts = scanned.facts;
  if (facts.segments.empty()) { return; }
  const Segment& segment = *facts.segments.back();
  require(facts.end.offset >= Offset(kSegmentHeaderBytes) && facts.end.offset <= segment.end(),
          "the log ends outside its last segment");
  require(facts.durable.offset <= facts.end.offset, "more is durable than there is");
  require(facts.durable.position <= facts.end.position, "more events are durable than there are");
  require(facts.end.position.value() == scanned.events, "the scan counts other events than it showed");
  require(facts.frames_in_doubt <= facts.frames, "more frames are in doubt than there are");
  require(facts.nonzero_bytes <= facts.bad_bytes, "more bytes are not zero than are bad");
  require(facts.bad_bytes <= segment.end() - facts.end.offset, "more is bad than the segment has");
}

}  // namespace

void run_segment(Bytes input) {
  Twin twin(store_of(unpack(input)));
  const auto before = twin.snapshot();
  const auto loaded = load_superblocks(twin.files, twin.folder);
  require(loaded.has_value() && loaded->has_value(), "good superblocks do not load");
  const Scanned scanned = scan(twin, (*loaded)->newest);
  check_facts(scanned);
  const auto report = verify_store(twin.folder, twin.environment(), {});
  require(report.has_value() || report.error().code() == ErrorCode::kUnsupportedFormat,
          "the verification gives an odd error");
  auto store = twin.open(to_read());
  if (!store) {
    require(store.error().code() == ErrorCode::kUnsupportedFormat, "a read-only opening gives an odd error");
    return;
  }
  const RecoveryKind kind = store->recovery().kind;
  const bool hurt = kind == RecoveryKind::kDamaged || kind == RecoveryKind::kSuspect;
  if (!report) {
    // The verification goes on past what does not decode, and may then meet a frame of a kind that it does not know.
    require(hurt, "a sound store opens that cannot be verified");
    return;
  }
  const auto shown = read_everything(*store, !report->whole());
  require(!hurt || !report->whole(), "the verification is content with what cannot be opened");
  require(hurt || report->whole(),
          "the verification refuses what opens: " + (report->whole() ? "" : report->damages.front().what));
  require(shown.events.size() <= scanned.events, "a reader was shown more than the scan found");
  require(twin.snapshot() == before, "looking changed a file");
}

}  // namespace tidemark::fuzz
