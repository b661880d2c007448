// SPDX-License-Identifier: Apache-2.0
#include "index/merged_run_source.h"

#include <algorithm>
#include <array>
#include <utility>

#include "index/guarded.h"
#include "index/run_positions.h"

namespace tidemark::index {

Result<std::unique_ptr<MergedRunSource>> MergedRunSource::make(std::vector<std::shared_ptr<const Run>> runs) {
  bool fit = !runs.empty();
  for (std::size_t i = 1; i < runs.size(); ++i) {
    fit = fit && runs[i]->first() == runs[i - 1]->end() && runs[i]->log_id() == runs[i - 1]->log_id();
  }
  if (!fit) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument, "these index runs do not lie side by side in one log"));
  }
  return guarded([&]() -> Result<std::unique_ptr<MergedRunSource>> {
    return std::unique_ptr<MergedRunSource>(new MergedRunSource(std::move(runs)));
  });
}

MergedRunSource::MergedRunSource(std::vector<std::shared_ptr<const Run>> runs) {
  const Position first = runs.front()->first();
  parts_.reserve(runs.size());
  for (std::shared_ptr<const Run>& run : runs) {
    const Run& one = *run;
    parts_.push_back({.run = std::move(run),
                      .offset = one.first() - first,
                      .keys = RunKeyCursor(one),
                      .ids = TableCursor(one.ids())});
  }
  with_key_.reserve(parts_.size());
}

std::uint64_t MergedRunSource::id_count() const {
  std::uint64_t n = 0;
  for (const Part& part : parts_) { n += part.run->id_count(); }
  return n;
}

Status MergedRunSource::start() {
  next_place_ = 0;
  for (Part& part : parts_) {
    part.ids = TableCursor(part.run->ids());
    if (auto done = advance_id(part); !done) { return done; }
  }
  return rewind_keys();
}

Status MergedRunSource::rewind_keys() {
  with_key_.clear();
  for (Part& part : parts_) {
    part.keys = RunKeyCursor(*part.run);
    if (auto done = advance_key(part); !done) { return done; }
  }
  return {};
}

Status MergedRunSource::advance_key(Part& part) {
  auto more = part.keys.next();
  if (!more) { return std::unexpected(std::move(more.error())); }
  part.has_key = *more;
  return {};
}

void MergedRunSource::find_least() {
  for (Part& part : parts_) {
    if (!part.has_key) { continue; }
    if (!with_key_.empty()) {
      const RunKeyCursor& least = with_key_.front()->keys;
      const auto order =
          part.keys.kind() != least.kind() ? part.keys.kind() <=> least.kind() : part.keys.name() <=> least.name();
      if (order > 0) { continue; }
      if (order < 0) { with_key_.clear(); }
    }
    with_key_.push_back(&part);
  }
}

Result<bool> MergedRunSource::next_key(KeyHead& into) {
  for (Part* part : with_key_) {
    if (auto done = advance_key(*part); !done) { return std::unexpected(std::move(done.error())); }
  }
  with_key_.clear();
  find_least();
  if (with_key_.empty()) { return false; }
  const RunKeyCursor& first = with_key_.front()->keys;
  into = {.kind = first.kind(), .name = first.name(), .base = first.key().base, .count = 0};
  for (const Part* part : with_key_) {
    const RunKey& key = part->keys.key();
    if (key.base != into.base + into.count) {
      return std::unexpected(
          part->run->bytes().damaged(key.at, "a key of the index run does not go on where the run before it ended"));
    }
    into.count += key.count;
  }
  reading_ = 0;
  read_ = 0;
  return true;
}

Status MergedRunSource::next_positions(std::span<std::uint32_t> into) {
  std::array<Position, kPositionsPerChunk> some;
  while (!into.empty()) {
    const Part& part = *with_key_[reading_];
    const RunKey& key = part.keys.key();
    if (read_ == key.count) {
      ++reading_;
      read_ = 0;
      continue;
    }
    // Up to the end of a chunk: none is decoded twice.
    const std::uint64_t n = std::min<std::uint64_t>(into.size(), kPositionsPerChunk - read_ % kPositionsPerChunk);
    auto given = read_positions(part.run->bytes(), key, read_, std::span(some).first(n));
    if (!given) { return std::unexpected(std::move(given.error())); }
    for (std::size_t i = 0; i < *given; ++i) { into[i] = static_cast<std::uint32_t>(some[i] - first()); }
    into = into.subspan(*given);
    read_ += *given;
  }
  return {};
}

Status MergedRunSource::advance_id(Part& part) {
  auto more = part.ids.next(part.id);
  if (!more) { return std::unexpected(std::move(more.error())); }
  part.has_id = *more;
  if (part.has_id && part.id.value >= part.run->end() - part.run->first()) {
    return std::unexpected(part.run->bytes().damaged(0, "an id in the index run has a position that is not in it"));
  }
  part.id.value += part.offset;
  return {};
}

Status MergedRunSource::next_ids(std::span<HashedValue> into) {
  for (HashedValue& entry : into) {
    Part* least = nullptr;
    for (Part& part : parts_) {
      if (part.has_id && (least == nullptr || part.id.hash < least->id.hash)) { least = &part; }
    }
    if (least == nullptr) {
      return std::unexpected(parts_.front().run->bytes().damaged(0, "the index runs have fewer ids than they say"));
    }
    entry = least->id;
    if (auto done = advance_id(*least); !done) { return done; }
  }
  return {};
}

Status MergedRunSource::next_places(std::span<Place> into) {
  for (const Part& part : parts_) {
    const std::uint64_t end = part.run->end() - first();
    if (into.empty()) { break; }
    if (next_place_ >= end) { continue; }
    const std::uint64_t n = std::min<std::uint64_t>(into.size(), end - next_place_);
    if (auto done = part.run->places(first() + next_place_, into.first(n)); !done) { return done; }
    into = into.subspan(n);
    next_place_ += n;
  }
  return {};
}

}  // namespace tidemark::index
