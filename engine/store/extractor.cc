// SPDX-License-Identifier: Apache-2.0
#include "engine/store/extractor.h"

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/copy/new_folder.h"
#include "engine/copy/segment_copier.h"
#include "engine/log/origin_file.h"
#include "engine/recovery/scan.h"
#include "engine/recovery/segment_bytes.h"
#include "engine/recovery/verify.h"
#include "engine/store/store_core.h"

namespace tidemark::engine {

namespace {

// The events of some streams, by their positions, in order: from a store into a new one.
class Extraction {
 public:
  Extraction(const StoreCore& source, std::vector<std::uint64_t> positions, const CopyProgress& progress)
      : source_(source), positions_(std::move(positions)), segments_(source.segment_list()), progress_(progress) {}

  // Frame by frame: each is read whole and checked.
  Status into(StoreCore& target) {
    const auto view = source_.catalog().view();
    while (next_ < positions_.size()) {
      const auto place = view->place(Position(positions_[next_]));
      if (!place) { return std::unexpected(place.error()); }
      auto frame = read(Offset(place->frame));
      if (!frame) { return std::unexpected(std::move(frame.error())); }
      const std::uint64_t first = next_;
      auto batch = take(*frame);
      if (!batch) { return std::unexpected(std::move(batch.error())); }
      if (auto done = target.apply(std::move(*batch), Position(first)); !done) { return done; }
      ++batches_;
      if (progress_) { progress_(next_, positions_.size()); }
    }
    return {};
  }

  [[nodiscard]] std::uint64_t batches() const { return batches_; }
  [[nodiscard]] const std::vector<std::uint64_t>& positions() const { return positions_; }

 private:
  Error damaged(std::uint64_t offset, std::string_view what) const { return damaged_source(*segment_, offset, what); }

  Result<FrameCheck> read(Offset at) {
    const Segment* segment = find_segment(*segments_, at);
    if (segment == nullptr) {
      return std::unexpected(Error(ErrorCode::kDamaged, "the segment of an event is not there"));
    }
    if (segment != segment_) {
      auto file = segment->open_for_reading();
      if (!file) { return std::unexpected(std::move(file.error())); }
      bytes_.emplace(std::move(*file), segment->size(), Unreadable::kFails, segment->number());
      segment_ = segment;
    }
    offset_ = at - segment->base();
    auto check = look_for_frame(*bytes_, {segment->log_id(), segment->number().value(), offset_}, segment->size());
    if (!check) { return check; }
    const std::uint64_t position = positions_[next_];
    const FrameHeader& header = check->header;
    if (check->state != FrameCheck::State::kWhole || position < header.first_position ||
        position - header.first_position >= header.event_count) {
      return std::unexpected(damaged(offset_, "there is no whole frame where one belongs"));
    }
    return check;
  }

  // What is carried of a frame, and moves past it.
  Result<EncodedBatch> take(const FrameCheck& check) {
    const FrameHeader& header = check.header;
    const auto table = check.frame.subspan(kFrameHeaderBytes, header.table_bytes);
    const auto body = check.frame.subspan(kFrameHeaderBytes + header.table_bytes, header.body_bytes);
    const std::uint64_t first = next_;
    const auto end = std::lower_bound(positions_.begin() + static_cast<std::ptrdiff_t>(first), positions_.end(),
                                      header.first_position + header.event_count);
    next_ = static_cast<std::uint64_t>(end - positions_.begin());
    // Consumers' checkpoints tell positions of the source, and stay there.
    const bool has_checkpoints = (header.flags & frame_flags::kCheckpoints) != 0;
    if (next_ - first == header.event_count && !has_checkpoints) {
      if (auto whole = EncodedBatch::from_frame(header, table, body)) { return std::move(*whole); }
      return std::unexpected(damaged(offset_, "a frame's events cannot be decoded"));
    }
    return take_some(header, table, body, first);
  }

  // The events of a frame at the positions from the n-th on, as a batch of their own.
  Result<EncodedBatch> take_some(const FrameHeader& header, Bytes table, Bytes body, std::uint64_t n) {
    const auto view = BodyView::open(header, table, body, true);
    if (!view) { return std::unexpected(damaged(offset_, "a frame's names cannot be decoded")); }
    Batch batch;
    std::vector<std::uint8_t> flags;
    std::vector<bool> named(view->stream_count());
    std::uint64_t position = header.first_position;
    const auto add = [&](const EventRecord& record, std::uint32_t) {
      const bool is_carried = n < next_ && positions_[n] == position;
      ++position;
      if (!is_carried) { return true; }
      ++n;
      const std::uint64_t version = view->first_version(record.stream).value();
      const Expect expect = version == 0 ? Expect::no_stream() : Expect::exactly(Version(version - 1));
      const bool is_first = !named[record.stream];
      named[record.stream] = true;
      std::vector<std::string_view> tags;
      for (const std::uint32_t tag : record.tags) { tags.push_back(view->tag_name(tag)); }
      batch.to(view->stream_name(record.stream), is_first ? expect : Expect::any())
          .add({.type = view->type_name(record.type),
                .data = record.data,
                .metadata = record.metadata,
                .tags = std::move(tags),
                .valid = record.valid,
                .id = record.id});
      flags.push_back(static_cast<std::uint8_t>((record.id_made ? event_flags::kIdMade : 0U) |
                                                (record.lost ? event_flags::kLost : 0U)));
      return true;
    };
    if (!for_each_event(header, *view, body.size(), add, true) || n != next_) {
      return std::unexpected(damaged(offset_, "a frame's events cannot be decoded"));
    }
    return EncodedBatch::encode_carried(batch, RecordedTime(std::chrono::nanoseconds(header.recorded_ns)), flags);
  }

  const StoreCore& source_;
  const std::vector<std::uint64_t> positions_;
  const std::shared_ptr<const SegmentList> segments_;
  const CopyProgress& progress_;
  std::uint64_t next_ = 0;  // in positions_
  std::uint64_t batches_ = 0;
  const Segment* segment_ = nullptr;
  std::optional<SegmentBytes> bytes_;  // of segment_
  std::uint64_t offset_ = 0;           // in it, of the frame at hand
};

// The streams of all events that match.
Result<std::set<std::string>> streams_of(const StoreCore& source, const Query& query) {
  std::set<std::string> names;
  Cursor matches = source.read(query, {.visibility = Visibility::kDurable, .access = Access::kCopied});
  auto read = matches.for_each([&](const Event& event) {
    if (!names.contains(std::string(event.stream()))) { names.emplace(event.stream()); }
  });
  if (!read) { return std::unexpected(std::move(read.error())); }
  return names;
}

Result<std::vector<std::uint64_t>> positions_of(const StoreCore& source, const std::set<std::string>& streams,
                                                Position end) {
  const auto view = source.catalog().view();
  std::vector<std::uint64_t> all;
  std::vector<Position> some(1024);
  for (const std::string& name : streams) {
    const auto postings = view->postings(index::make_key(index::KeyKind::kStream, name), end);
    if (!postings) { return std::unexpected(postings.error()); }
    for (std::uint64_t ordinal = 0; ordinal < postings->count();) {
      auto got = postings->positions(ordinal, some);
      if (!got) { return std::unexpected(std::move(got.error())); }
      if (*got == 0) {
        return std::unexpected(Error(ErrorCode::kDamaged,
                                     "the index does not tell all positions of a stream: build it "
                                     "again (`tidemark index rebuild`)"));
      }
      for (const Position position : std::span(some).first(*got)) { all.push_back(position.value()); }
      ordinal += *got;
    }
  }
  std::ranges::sort(all);
  return all;
}

Result<ExtractReport> extract_throwing(const std::filesystem::path& folder, const Query& query,
                                       const std::filesystem::path& into, const ExtractOptions& options,
                                       Environment environment, const CopyProgress& progress) {
  platform::FileSystem& files = environment.files;
  auto made = NewFolder::prepare(files, folder, into, "an extraction");
  if (!made) { return std::unexpected(std::move(made.error())); }
  auto source = open_store(
      folder, {.read_only = true, .create = false, .allow_unsafe_file_system = options.allow_unsafe_file_system},
      environment);
  if (!source) { return std::unexpected(std::move(source.error())); }
  if (auto whole = (*source)->check_end(); !whole) { return std::unexpected(std::move(whole.error())); }
  const Position end = (*source)->visible_end({.visibility = Visibility::kDurable});
  auto streams = streams_of(**source, query);
  if (!streams) { return std::unexpected(std::move(streams.error())); }
  if (streams->empty()) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument, "no event matches the query: there is nothing to extract")
                               .with_path(folder));
  }
  auto positions = positions_of(**source, *streams, end);
  if (!positions) { return std::unexpected(std::move(positions.error())); }
  Extraction extraction(**source, std::move(*positions), progress);

  if (auto ready = made->make(); !ready) { return std::unexpected(std::move(ready.error())); }
  const auto& unfinished = made->unfinished();
  const auto fill = [&]() -> Status {
    // The last recorded time may lie ahead of this machine's clock; it is kept as it is.
    auto target = open_store(unfinished,
                             {.durability = Durability::kBuffered,
                              .accept_clock = true,
                              .allow_unsafe_file_system = options.allow_unsafe_file_system},
                             environment);
    if (!target) { return std::unexpected(std::move(target.error())); }
    Status done = extraction.into(**target);
    Status closed = (*target)->close();
    if (!done) { return done; }
    if (!closed) { return closed; }
    if (auto written = OriginFile::write(files, unfinished, (*source)->lineage().own(), extraction.positions());
        !written) {
      return written;
    }
    if (auto synced = files.sync_folder(unfinished); !synced) { return synced; }
    auto check = verify_store(unfinished, environment, {});
    if (!check) { return std::unexpected(std::move(check.error())); }
    if (check->whole() && check->events == extraction.positions().size()) { return {}; }
    return std::unexpected(
        Error(ErrorCode::kDamaged, "the new store does not read back as it was written: is this disk whole?")
            .with_path(unfinished));
  };
  if (auto done = fill(); !done) {
    (void)made->clear();  // the disk may be full
    return std::unexpected(std::move(done.error()));
  }
  if (auto named = made->finish(); !named) { return std::unexpected(std::move(named.error())); }
  return ExtractReport{streams->size(), extraction.positions().size(), extraction.batches()};
}

}  // namespace

Result<ExtractReport> extract_streams(const std::filesystem::path& folder, const Query& query,
                                      const std::filesystem::path& into, const ExtractOptions& options,
                                      Environment environment, const CopyProgress& progress) {
  try {
    return extract_throwing(folder, query, into, options, environment, progress);
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
}

}  // namespace tidemark::engine
