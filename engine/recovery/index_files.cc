// SPDX-License-Identifier: Apache-2.0
#include "engine/recovery/index_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <set>
#include <utility>

#include "engine/format/index_file.h"
#include "engine/log/index_note.h"
#include "index/guarded.h"
#include "index/run.h"

namespace tidemark::engine {

namespace {

constexpr std::size_t kNone = SIZE_MAX;

struct Candidate {
  std::shared_ptr<const index::Run> run;
  IndexNote note;
  Position reach;            // how far the runs lead that begin with this one
  std::size_t next = kNone;  // the one after it on that way

  [[nodiscard]] std::uint32_t last_trailer() const { return note.at_end.totals.last_trailer; }
};

// The files of one look at the folder.
struct Look {
  std::vector<Candidate> candidates;  // by first, then by end
  std::vector<std::filesystem::path> files;
  std::vector<std::filesystem::path> temporaries;
  bool lost_some = false;    // a file went away under the look
  bool missed_some = false;  // one could not be looked at, and may be whole
};

// Whether the error is about who looks, and not about the file.
bool is_ours(const Error& error) {
  if (error.code() == ErrorCode::kOutOfMemory) { return true; }
  constexpr std::array kOurs = {ENOMEM, EMFILE, ENFILE, EACCES, EPERM};
  return std::ranges::find(kOurs, error.system_error()) != kOurs.end();
}

Result<Candidate> open_candidate(platform::FileSystem& files, const std::filesystem::path& path,
                                 const IndexRange& range, const Lineage& lineage) {
  auto file = files.open(path, platform::OpenMode::kRead);
  if (!file) { return std::unexpected(std::move(file.error())); }
  auto run = index::Run::open(**file, path);
  if (!run) { return std::unexpected(std::move(run.error())); }
  const auto note = decode_index_note((*run)->note());
  const bool fits = (*run)->first() == range.first && (*run)->end() == range.end && note &&
                    note->at_end.point.position == range.end &&
                    lineage.shares((*run)->log_id(), note->at_end.point.offset);
  if (!fits) {
    return std::unexpected(Error(ErrorCode::kDamaged, "the index run is not what its name says").with_path(path));
  }
  return Candidate{.run = std::move(*run), .note = *note, .reach = range.end};
}

Result<Look> look_at(platform::FileSystem& files, const std::filesystem::path& folder, const Lineage& lineage) {
  auto entries = files.list(folder);
  if (!entries) { return std::unexpected(std::move(entries.error())); }
  Look look;
  // By the names' order they come by first, then by end.
  for (const auto& entry : *entries) {
    if (entry.is_folder) { continue; }
    if (is_temporary_index_file_name(entry.name)) { look.temporaries.push_back(folder / entry.name); }
    const auto range = parse_index_file_name(entry.name);
    if (!range) { continue; }
    std::filesystem::path path = folder / entry.name;
    auto candidate = open_candidate(files, path, *range, lineage);
    if (candidate) {
      look.candidates.push_back(std::move(*candidate));
    } else if (candidate.error().code() == ErrorCode::kNotFound) {
      look.lost_some = true;
      continue;
    } else if (is_ours(candidate.error())) {
      look.missed_some = true;
    }
    look.files.push_back(std::move(path));
  }
  return look;
}

// From the last to the first: each goes on with the one after it that leads furthest, the longest of those.
void find_ways(std::vector<Candidate>& candidates) {
  for (std::size_t i = candidates.size(); i-- > 0;) {
    Candidate& one = candidates[i];
    const auto after = std::ranges::equal_range(candidates, one.run->end(), {},
                                                [](const Candidate& other) { return other.run->first(); });
    for (const Candidate& other : after) {
      if (other.note.trailer_before != one.last_trailer() || other.reach < one.reach) { continue; }
      one.reach = other.reach;
      one.next = static_cast<std::size_t>(&other - candidates.data());
    }
  }
}

// Of those that begin at one position, from the n-th on, the one that leads furthest.
std::size_t best_of(const std::vector<Candidate>& candidates, std::size_t n) {
  std::size_t best = n;
  for (std::size_t i = n; i < candidates.size() && candidates[i].run->first() == candidates[n].run->first(); ++i) {
    if (candidates[i].reach >= candidates[best].reach) { best = i; }
  }
  return best;
}

// The runs of the way that begins with a candidate, and where they end.
IndexIsland follow(const std::vector<Candidate>& candidates, std::size_t start) {
  IndexIsland way;
  way.trailer_before = candidates[start].note.trailer_before;
  for (std::size_t i = start; i != kNone; i = candidates[i].next) {
    way.runs.push_back(candidates[i].run);
    way.end = candidates[i].note.at_end;
  }
  return way;
}

FoundIndex choose(Look look) {
  std::erase_if(look.candidates,
                [](const Candidate& one) { return one.run->first() == Position(0) && one.note.trailer_before != 0; });
  find_ways(look.candidates);
  FoundIndex found;
  std::set<std::filesystem::path> taken;
  Position end;
  for (std::size_t i = 0; i < look.candidates.size(); ++i) {
    if (look.candidates[i].run->first() < end) { continue; }
    // Beginning where the last way ends it would have been that one's next, if it were of the same log.
    const bool is_first = end == Position(0) && look.candidates[i].run->first() == Position(0);
    if (!is_first && look.candidates[i].run->first() == end) { continue; }
    IndexIsland way = follow(look.candidates, best_of(look.candidates, i));
    for (const auto& run : way.runs) { taken.insert(run->path()); }
    end = way.end.point.position;
    if (is_first) {
      found.runs = std::move(way.runs);
      found.end = way.end;
    } else {
      found.islands.push_back(std::move(way));
    }
  }
  for (auto& path : look.files) {
    if (!taken.contains(path)) { found.leftovers.push_back(std::move(path)); }
  }
  // It may be as good as what was taken.
  if (look.missed_some) { found.leftovers.clear(); }
  for (auto& path : look.temporaries) { found.leftovers.push_back(std::move(path)); }
  return found;
}

}  // namespace

Result<FoundIndex> find_index(platform::FileSystem& files, const std::filesystem::path& folder,
                              const Lineage& lineage) {
  // Beside a living writer a file may be merged away between the list and its opening: then what it became is listed
  // the next time.
  constexpr int kLooks = 4;
  return index::guarded([&]() -> Result<FoundIndex> {
    for (int n = 1;; ++n) {
      auto look = look_at(files, folder, lineage);
      if (!look) { return std::unexpected(std::move(look.error())); }
      if (!look->lost_some || n == kLooks) { return choose(std::move(*look)); }
    }
  });
}

}  // namespace tidemark::engine
