// SPDX-License-Identifier: Apache-2.0
#include "engine/recovery/index_healer.h"

#include <optional>
#include <utility>
#include <vector>

#include "engine/log/body_keys.h"
#include "engine/log/index_note.h"
#include "engine/recovery/log_range.h"
#include "engine/recovery/scan.h"
#include "index/guarded.h"
#include "index/memory_run_source.h"
#include "index/merged_run_source.h"

namespace tidemark::engine {

namespace {

using index::Tiers;
using RunPointer = std::shared_ptr<const index::Run>;

// A run is built in parts of about so many events, so that what is still unsorted stays small.
constexpr std::uint64_t kPartEvents = 32768;
constexpr std::size_t kMergedParts = 8;

// Reads a part of the log into runs that lie side by side.
class RunBuilder {
 public:
  RunBuilder(const IndexFileMaker& maker, const Tiers& index, Position first, const IndexNote& note)
      : maker_(maker), index_(index), first_(first), note_(note) {
    begin(first);
  }

  Status add(const RangeFrame& frame) {
    const BodyKeys keys(frame.body);
    bool is_first = true;
    const auto take = [&](const EventRecord& record, std::uint32_t offset) {
      names_.assign({keys.stream(record.stream), keys.type(record.type)});
      if (!keys.category(record.stream).name.empty()) { names_.push_back(keys.category(record.stream)); }
      for (const std::uint32_t tag : record.tags) { names_.push_back(keys.tag(tag)); }
      for (std::uint32_t i = 0; i < keys.checkpoint_count() && is_first; ++i) {
        names_.push_back(keys.name(keys.checkpoint_number(i)));
      }
      is_first = false;
      added_ = source_->add(names_, record.id, {frame.at.value(), offset});
      return added_.has_value();
    };
    if (!for_each_event(frame.header, frame.body, frame.header.body_bytes, take)) {
      if (!added_) { return added_; }
      return std::unexpected(Error(ErrorCode::kDamaged, "a frame's events cannot be decoded").with_offset(frame.at));
    }
    return source_->event_count() < kPartEvents ? Status() : end_part();
  }

  Result<RunPointer> finish() {
    if (source_->event_count() > 0) {
      if (auto done = end_part(); !done) { return std::unexpected(std::move(done.error())); }
    }
    if (auto done = merge(parts_.size()); !done) { return std::unexpected(std::move(done.error())); }
    return parts_.front();
  }

 private:
  void begin(Position first) {
    source_.emplace(first, [this](const index::Key& key) -> Result<std::uint64_t> {
      // The newest part that has the key tells of all before it.
      auto in_parts = built_.count(key, source_->first());
      return !in_parts || *in_parts > 0 ? in_parts : index_.count(key, first_);
    });
  }

  Status end_part() {
    auto part = maker_.build(*source_, note_);
    if (!part) { return std::unexpected(std::move(part.error())); }
    const Position next = source_->end();
    parts_.push_back(std::move(*part));
    levels_.push_back(0);
    // Neighbours of one size become one, so that there are few.
    while (levels_.size() >= kMergedParts && levels_[levels_.size() - kMergedParts] == levels_.back()) {
      if (auto done = merge(kMergedParts); !done) { return done; }
    }
    built_ = Tiers(parts_, {});
    begin(next);
    return {};
  }

  // The last so many parts become one.
  Status merge(std::size_t count) {
    if (count < 2) { return {}; }
    const auto first = parts_.end() - static_cast<std::ptrdiff_t>(count);
    auto source = index::MergedRunSource::make({first, parts_.end()});
    if (!source) { return std::unexpected(std::move(source.error())); }
    auto merged = maker_.build(**source, note_);
    if (!merged) { return std::unexpected(std::move(merged.error())); }
    const unsigned level = levels_.back() + 1;
    parts_.erase(first, parts_.end());
    levels_.resize(parts_.size());
    parts_.push_back(std::move(*merged));
    levels_.push_back(level);
    return {};
  }

  const IndexFileMaker& maker_;
  const Tiers& index_;  // of all before the run, at least
  const Position first_;
  const IndexNote note_;
  std::optional<index::MemoryRunSource> source_;
  Tiers::Runs parts_;
  std::vector<unsigned> levels_;  // of the parts: how often each was merged
  Tiers built_{{}, {}};           // of the parts
  std::vector<index::Key> names_;
  Status added_;
};

}  // namespace

IndexHealer::IndexHealer(platform::FileSystem& files, std::filesystem::path folder, const Lineage& lineage,
                         Catalog& catalog, std::function<void()> healed)
    : files_(files), folder_(std::move(folder)), lineage_(lineage), catalog_(catalog), healed_one_(std::move(healed)) {}

Result<RunPointer> IndexHealer::heal(const RunPointer& damaged) {
  return index::guarded([&]() -> Result<RunPointer> {
    const std::scoped_lock lock(mutex_);
    if (RunPointer run = known(damaged)) {
      if (catalog_.replace_run(damaged, run)) { healed_one_(); }  // it may have come back: an opening looks twice
      return run;
    }
    auto run = build(*damaged);
    if (!run) { return run; }
    healed_.push_back({damaged, *run});
    if (catalog_.replace_run(damaged, *run)) { healed_one_(); }
    return run;
  });
}

RunPointer IndexHealer::known(const RunPointer& damaged) {
  std::erase_if(healed_, [](const Healed& one) { return one.damaged.expired(); });
  for (const Healed& one : healed_) {
    if (one.damaged.lock() == damaged) { return one.run; }
  }
  return nullptr;
}

Result<RunPointer> IndexHealer::build(const index::Run& run) const {
  const auto note = decode_index_note(run.note());
  if (!note) {
    return std::unexpected(Error(ErrorCode::kDamaged, "the note of an index run makes no sense").with_path(run.path()));
  }
  const auto view = catalog_.view();
  const IndexFileMaker maker(files_, folder_, run.log_id());  // a fork has some of its parent's
  RunBuilder builder(maker, *view, run.first(), *note);
  auto done = read_range(files_, folder_, lineage_, {run.first(), run.end()},
                         [&](const RangeFrame& frame) { return builder.add(frame); });
  if (!done) { return std::unexpected(std::move(done.error())); }
  return builder.finish();
}

}  // namespace tidemark::engine
