// SPDX-License-Identifier: Apache-2.0
// Goal: a write that is cut by a power loss, at whatever byte or with whatever of its sectors on the disk, leaves whole
// batches; the rest is called torn, and never damage.
// Method: each write of each workload, cut at each edge of a sector, with everything before it on the disk and with
// nothing of what was not synced; the last frame of each workload cut at each of its bytes; and each write that changes
// few sectors with every subset of them.
#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "engine/format/frame.h"
#include "tests/faults/campaign.h"

namespace tidemark::faults {

namespace {

using platform::SeamCall;
using platform::SeamFault;
using Kind = SeamCall::Kind;

constexpr std::uint64_t kSector = engine::kSectorBytes;

enum class Sort : std::uint8_t { kCutAfterAll, kCutAlone, kSubset };
constexpr std::string_view kSortNames[] = {"cut", "cut-alone", "subset"};

// The name that a file has now: it may have been opened under a temporary one.
std::filesystem::path name_now(Stage& stage, const std::string& opened_as) {
  std::filesystem::path path = opened_as;
  const auto files = stage.files().files();
  if (std::ranges::find(files, path) == files.end() && path.extension() == engine::kTemporarySuffix) {
    path.replace_extension();
  }
  return path;
}

std::vector<std::byte> contents_now(Stage& stage, const std::string& opened_as) {
  return stage.files().contents(name_now(stage, opened_as)).value_or(std::vector<std::byte>());
}

// The sectors in which two contents of a file differ, within a range.
std::vector<std::uint64_t> changed_sectors(const std::vector<std::byte>& before, const std::vector<std::byte>& after,
                                           const DryCall& write) {
  std::vector<std::uint64_t> changed;
  for (std::uint64_t n = write.offset / kSector; n * kSector < write.offset + write.length; ++n) {
    const auto piece = [n](const std::vector<std::byte>& bytes) {
      const std::uint64_t begin = std::min<std::uint64_t>(n * kSector, bytes.size());
      return std::span(bytes).subspan(begin, std::min<std::uint64_t>(kSector, bytes.size() - begin));
    };
    const auto old = piece(before);
    const auto fresh = piece(after);
    const bool grew = old.size() != fresh.size();
    const bool is_zero = std::ranges::all_of(fresh, [](std::byte b) { return b == std::byte{0}; });
    if (grew ? !is_zero : !std::ranges::equal(old, fresh)) { changed.push_back(n); }
  }
  return changed;
}

// What a write was when it was made.
struct Write {
  DryCall call;
  std::vector<std::uint64_t> changed = {};  // sectors
  std::uint64_t last_frame_begin = 0;       // in the file, of a write of frames
  std::uint64_t last_frame_end = 0;
};

// Where the last frame of a write begins and ends, if it is one of frames.
void find_last_frame(const std::vector<std::byte>& after, Write& write) {
  for (std::uint64_t at = write.call.offset; at + engine::kFrameHeaderBytes <= write.call.offset + write.call.length;) {
    engine::FrameHeader header{};
    if (at + sizeof header > after.size()) { return; }
    std::copy_n(after.data() + at, sizeof header, reinterpret_cast<std::byte*>(&header));
    if (header.magic != engine::kFrameMagic) { return; }
    write.last_frame_begin = at;
    write.last_frame_end = engine::frame_end(at, header.table_bytes, header.body_bytes);
    at = write.last_frame_end;
  }
}

// All writes of a workload.
std::vector<Write> writes_of(const Workload& workload, const StageOptions& options) {
  std::vector<Write> writes;
  std::vector<std::byte> before;
  bool is_open = false;  // the last one is being carried out
  Stage stage(options);
  const auto finish = [&] {
    if (!std::exchange(is_open, false)) { return; }
    const auto after = contents_now(stage, writes.back().call.path);
    writes.back().changed = changed_sectors(before, after, writes.back().call);
    find_last_frame(after, writes.back());
  };
  stage.set_watch([&](const SeamCall& call) -> std::optional<SeamFault> {
    finish();
    if (call.kind != Kind::kPwritev) { return std::nullopt; }
    writes.push_back({.call = {call.kind, call.number, std::string(call.path), call.offset, call.length}});
    before = contents_now(stage, writes.back().call.path);
    is_open = true;
    return std::nullopt;
  });
  workload.run(stage);
  finish();
  stage.set_watch({});
  return writes;
}

Found run_cut(const Workload& workload, const StageOptions& options, const Write& write, Sort sort, std::uint64_t bits,
              Counts& counts) {
  Stage stage(options);
  std::filesystem::path path;
  stage.set_watch([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.number == write.call.number) {
      path = name_now(stage, write.call.path);
      stage.crash_after_this();
      if (sort != Sort::kSubset) { return SeamFault{.error = EIO, .only = bits}; }
    }
    return std::nullopt;
  });
  workload.run(stage);
  const std::uint64_t first = write.call.offset / kSector;
  const std::uint64_t last = (write.call.offset + write.call.length - 1) / kSector;
  platform::SimSurvival survival;
  survival.bytes = [&](const std::filesystem::path& file, std::uint64_t block) -> std::uint64_t {
    const bool is_of_write = file == path && block >= first && block <= last;
    if (!is_of_write) { return sort == Sort::kCutAlone ? 0 : kSector; }
    if (sort != Sort::kSubset) { return kSector; }
    const auto place = std::ranges::find(write.changed, block);
    return place == write.changed.end() || (bits >> (place - write.changed.begin()) & 1U) != 0 ? kSector : 0;
  };
  if (sort == Sort::kCutAlone) {
    survival.name = [](const std::string&) { return false; };
  }
  const bool crashed = stage.is_down();
  if (!stage.wrong()) {
    stage.come_back(survival);
    counts.add(Count::kPowerLosses);
    stage.survive();
  }
  for (const RecoveryKind kind : stage.verdicts()) { counts.add(Count::kTornTails, kind == RecoveryKind::kTornTail); }
  counts.add(Count::kAlarms, stage.alarms());
  if (!stage.wrong() && crashed) { return std::nullopt; }
  return Finding{fmt::format("--workload {} --payload {} --call {} --fault {} --bytes {} --seed {}", workload.name,
                             to_string(options.payload), write.call.number, kSortNames[static_cast<std::size_t>(sort)],
                             bits, options.seed),
                 stage.wrong().value_or("the write was not made this time")};
}

// All that is done to one write.
Found cut_write(const Request& request, const Workload& workload, const StageOptions& options, const Write& write,
                bool is_last, Counts& counts) {
  const auto wanted = [&](Sort sort, std::uint64_t bits) {
    return wants(request.bytes, bits) &&
           (!request.fault || *request.fault == kSortNames[static_cast<std::size_t>(sort)]);
  };
  const auto cut = [&](Sort sort, std::uint64_t bits, Count count) -> Found {
    if (!wanted(sort, bits)) { return std::nullopt; }
    counts.add(count);
    return run_cut(workload, options, write, sort, bits, counts);
  };
  const std::uint64_t end = write.call.offset + write.call.length;
  for (std::uint64_t at = write.call.offset; at <= end;) {
    for (const Sort sort : {Sort::kCutAfterAll, Sort::kCutAlone}) {
      if (auto found = cut(sort, at - write.call.offset, Count::kCuts)) { return found; }
    }
    at = at == end ? end + 1 : std::min(end, (at / kSector + 1) * kSector);
  }
  if (is_last || !request.quick) {
    const std::uint64_t step = request.bytes ? 1 : is_last ? (request.quick ? 5 : 1) : 7;
    for (std::uint64_t at = write.last_frame_begin; at < write.last_frame_end && at < end; ++at) {
      // Of a large frame both ends, and what is between at every 61st byte.
      const bool is_inner = at > write.last_frame_begin + 2048 && at + 2048 < write.last_frame_end;
      if (!request.bytes && (at % step != 0 || (is_inner && at % 61 != 0))) { continue; }
      if (auto found = cut(Sort::kCutAfterAll, at - write.call.offset, Count::kCuts)) { return found; }
    }
  }
  const std::size_t sectors_max = request.quick ? 5 : 10;
  if (write.changed.empty() || write.changed.size() > sectors_max) { return std::nullopt; }
  for (std::uint64_t bits = 0; bits < std::uint64_t{1} << write.changed.size(); ++bits) {
    if (auto found = cut(Sort::kSubset, bits, Count::kSubsets)) { return found; }
  }
  return std::nullopt;
}

}  // namespace

Found run_cuts(const Request& request, Counts& counts) {
  const StageOptions options = stage_options(request);
  const auto add_pieces = [&](const Workload& workload, const DryRun& /*dry*/, std::vector<Piece>& pieces) {
    std::vector<Write> writes = writes_of(workload, options);
    const auto last = std::ranges::find_if(writes.rbegin(), writes.rend(),
                                           [](const Write& write) { return write.last_frame_end != 0; });
    for (Write& write : writes) {
      if (!wants(request.call, write.call.number)) { continue; }
      const bool is_last = last != writes.rend() && &write == &*last;
      pieces.push_back([&request, workload, options, write, is_last](Counts& own) {
        return cut_write(request, workload, options, write, is_last, own);
      });
    }
  };
  if (auto found = run_workloads(request, options, add_pieces, counts)) { return found; }
  if (request.is_whole() &&
      (request.every * counts[Count::kCuts] < 5000 || request.every * counts[Count::kSubsets] < 1000 ||
       request.every * counts[Count::kTornTails] < 1000)) {
    return Finding{"", "too few cuts were made"};
  }
  return std::nullopt;
}

}  // namespace tidemark::faults
