// SPDX-License-Identifier: Apache-2.0
#include "engine/log/segment.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace tidemark::engine {

namespace {

constexpr std::uint64_t kWordBits = 64;

bool test_bit(const std::vector<std::atomic<std::uint64_t>>& bits, std::uint64_t i) {
  return (bits[i / kWordBits].load(std::memory_order_relaxed) >> (i % kWordBits) & 1U) != 0;
}

// Whether it was not set before.
bool set_bit(std::vector<std::atomic<std::uint64_t>>& bits, std::uint64_t i) {
  const std::uint64_t bit = std::uint64_t{1} << (i % kWordBits);
  return (bits[i / kWordBits].fetch_or(bit, std::memory_order_relaxed) & bit) == 0;
}

}  // namespace

Segment::Segment(platform::FileSystem& files, std::filesystem::path path, const SegmentHeader& header)
    : files_(files), path_(std::move(path)), header_(header) {}

Status Segment::map() const {
  if (mapped_.load(std::memory_order_acquire)) { return {}; }
  const std::scoped_lock lock(mutex_);
  if (mapped_.load(std::memory_order_relaxed)) { return {}; }
  auto file = open_for_reading();
  if (!file) { return std::unexpected(std::move(file.error())); }
  auto mapping = (*file)->map();
  if (!mapping) { return std::unexpected(std::move(mapping.error()).with_segment(number()).with_offset(Offset(0))); }
  if ((*mapping)->bytes().size() < size()) {
    return std::unexpected(
        Error(ErrorCode::kDamaged, "the segment file is shorter than its header says: somebody cut it")
            .with_path(path_)
            .with_segment(number())
            .with_offset(Offset((*mapping)->bytes().size())));
  }
  populated_ = std::vector<std::atomic<std::uint64_t>>(size() / kWindowBytes / kWordBits + 1);
  const std::uint64_t cells = size() / kVerifiedCellBytes;
  verified_.emplace(cells);
  remembering_ =
      std::vector<std::atomic<std::uint64_t>>(cells / platform::ForgettableBits::kBitsPerPage / kWordBits + 1);
  mapping_ = std::move(*mapping);
  bytes_ = mapping_->bytes().first(size());
  mapped_.store(true, std::memory_order_release);  // with map()'s acquire: all of the above is seen whole
  return {};
}

Status Segment::populate(std::uint64_t offset, std::uint64_t length) const {
  const std::uint64_t first = offset / kWindowBytes;
  const std::uint64_t last = (offset + length - 1) / kWindowBytes;
  for (std::uint64_t window = first; window <= last; ++window) {
    if (test_bit(populated_, window)) { continue; }
    const std::uint64_t begin = window * kWindowBytes;
    auto done = mapping_->populate(begin, std::min(kWindowBytes, size() - begin));
    if (!done) {
      return std::unexpected(
          std::move(done.error()).with_segment(number()).with_offset(Offset(std::max(offset, begin))));
    }
    (void)set_bit(populated_, window);
  }
  return {};
}

Result<std::span<const std::byte>> Segment::view(std::uint64_t offset, std::uint64_t length) const {
  if (auto mapped = map(); !mapped) { return std::unexpected(std::move(mapped.error())); }
  if (offset > size() || length > size() - offset) {
    return std::unexpected(Error(ErrorCode::kDamaged, "a frame reaches past the end of its segment")
                               .with_path(path_)
                               .with_segment(number())
                               .with_offset(Offset(offset)));
  }
  if (length > 0) {
    if (auto here = populate(offset, length); !here) { return std::unexpected(std::move(here.error())); }
  }
  return bytes_.subspan(offset, length);
}

Result<std::unique_ptr<platform::File>> Segment::open_for_reading() const {
  auto file = files_.open(path_, platform::OpenMode::kRead);
  if (!file && file.error().code() == ErrorCode::kNotFound) {
    return std::unexpected(
        Error(ErrorCode::kDamaged, "the segment's file is gone: somebody removed it; put it back from a backup")
            .with_path(path_)
            .with_segment(number())
            .with_system_error(file.error().system_error()));
  }
  if (!file) { return std::unexpected(std::move(file.error()).with_segment(number())); }
  return std::move(*file);
}

bool Segment::is_verified(std::uint64_t frame_offset) const {
  return mapped_.load(std::memory_order_acquire) && verified_->test(frame_offset / kVerifiedCellBytes);
}

void Segment::set_verified(std::uint64_t frame_offset) const { set_cell(frame_offset / kVerifiedCellBytes); }

void Segment::set_cell(std::uint64_t cell) const {
  const std::uint64_t page = cell / platform::ForgettableBits::kBitsPerPage;
  if (memory_ != nullptr && !test_bit(remembering_, page) && set_bit(remembering_, page)) { memory_->take_page(*this); }
  verified_->set(cell);
}

std::uint64_t Segment::forget() const {
  if (!mapped_.load(std::memory_order_acquire)) { return 0; }
  std::uint64_t pages = 0;
  for (auto& word : remembering_) { pages += static_cast<std::uint64_t>(std::popcount(word.exchange(0))); }
  verified_->forget();
  return pages * platform::ForgettableBits::kPageBytes;
}

// The cell after the one that the frame starts in: all of it is the frame's own.
bool Segment::has_verified_names(std::uint64_t frame_offset) const {
  return is_verified(frame_offset + kVerifiedCellBytes);
}

void Segment::set_verified_names(std::uint64_t frame_offset) const { set_verified(frame_offset + kVerifiedCellBytes); }

void Segment::keep(const KnownFrame& frame) const { known_.keep(frame, size(), memory_.get()); }

// A cell that only this event has. It lies behind the header's own cells; that the table is not counted moves those of
// one frame together, and no further than the frame goes.
bool Segment::has_agreed(std::uint64_t frame_offset, std::uint32_t offset) const {
  return verified_->test(agreed_cell(frame_offset, offset));
}

void Segment::set_agreed(std::uint64_t frame_offset, std::uint32_t offset) const {
  set_cell(agreed_cell(frame_offset, offset));
}

void Segment::prefetch_known(std::uint64_t frame_offset, std::uint32_t offset) const {
  const std::uint64_t cell = agreed_cell(frame_offset, offset);
  if (cell >= size() / kVerifiedCellBytes) { return; }
  known_.prefetch(frame_offset);
  verified_->prefetch(cell);
}

void Segments::start_with(SegmentList segments) {
  for (const auto& segment : segments) { segment->remember_within(memory_); }
  const std::scoped_lock lock(mutex_);
  list_ = std::make_shared<const SegmentList>(std::move(segments));
}

std::shared_ptr<const SegmentList> Segments::snapshot() const {
  const std::scoped_lock lock(mutex_);
  return list_;
}

void Segments::add(std::shared_ptr<Segment> segment) {
  segment->remember_within(memory_);
  const std::scoped_lock lock(mutex_);
  auto longer = std::make_shared<SegmentList>(*list_);
  longer->push_back(std::move(segment));
  list_ = std::move(longer);
}

const Segment* find_segment(const SegmentList& list, Offset offset) {
  const auto after = std::ranges::upper_bound(list, offset, {}, [](const auto& segment) { return segment->base(); });
  if (after == list.begin()) { return nullptr; }
  const Segment* segment = std::prev(after)->get();
  return offset < segment->end() ? segment : nullptr;
}

}  // namespace tidemark::engine
