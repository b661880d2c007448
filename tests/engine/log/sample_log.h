// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/format/index_file.h"
#include "engine/format/segment.h"
#include "engine/log/catalog.h"
#include "engine/log/index_note.h"
#include "engine/recovery/index_files.h"
#include "platform/sim/sim_file_system.h"
#include "tests/engine/format/sample_frame.h"
#include "tests/index/run_model.h"

// A log that is only told of: what its events are called, where they stand, where it can be read on; and what an index
// of it has to say. Each event is a frame of its own in one segment.
namespace tidemark::test {

class SampleLog {
 public:
  static constexpr std::uint64_t kFrameBytes = 64;

  explicit SampleLog(std::uint64_t events, std::uint64_t seed = 1) {
    model_.log_id = some_log_id();
    std::mt19937_64 random(seed);
    for (std::uint64_t i = 0; i < events; ++i) {
      const std::string category(1, static_cast<char>('a' + random() % 3));
      const std::string stream = category == "c" ? category : category + "-" + std::to_string(random() % 5);
      const std::string type = "T" + std::to_string(random() % 3);
      trailers_.push_back(static_cast<std::uint32_t>(random()) | 1U);
      model_.events.push_back({.keys = {{index::KeyKind::kStream, stream},
                                        {index::KeyKind::kCategory, category},
                                        {index::KeyKind::kType, type}},
                               .id = index::test::id_of(i * 7919),
                               .place = {engine::kSegmentHeaderBytes + i * kFrameBytes, 3}});
    }
  }

  [[nodiscard]] const index::test::Model& model() const { return model_; }
  [[nodiscard]] std::uint64_t size() const { return model_.events.size(); }

  // The next event.
  void add_to(engine::Catalog& catalog) const {
    const auto& event = model_.events.at(catalog.end().value());
    const std::uint64_t position = catalog.end().value();
    std::optional<Version> version;  // now and then
    if (position % 5 < 3) {
      version = Version(static_cast<std::uint64_t>(
          std::ranges::count(model_.events.begin(), model_.events.begin() + static_cast<std::ptrdiff_t>(position),
                             event.keys[0], [](const auto& one) { return one.keys[0]; })));
    }
    const engine::BodyKeys keys(event.keys[0].second, event.keys[2].second);
    engine::Catalog::Frame(catalog, keys).add({}, *event.id, event.place, version);
  }

  [[nodiscard]] std::uint32_t trailer_before(std::uint64_t position) const {
    return position == 0 ? 0 : trailers_.at(position - 1);
  }
  [[nodiscard]] engine::ResumePoint edge(std::uint64_t position) const {
    const std::uint64_t end = engine::kSegmentHeaderBytes + position * kFrameBytes;
    const auto recorded = static_cast<std::int64_t>(1000 + position);
    return {.point = {Offset(end), Position(position)},
            .segment = SegmentNumber(1),
            .totals = {.end = end,
                       .frames = position,
                       .events = position,
                       .digest = position * 31,
                       .previous_digest = 0,
                       .first_position = Position(0),
                       .next_position = Position(position),
                       .first_recorded_ns = 1001,
                       .last_recorded_ns = recorded,
                       .last_trailer = trailer_before(position)},
            .recorded_ns = recorded,
            .epoch = 1};
  }
  [[nodiscard]] engine::IndexNote note(std::uint64_t first, std::uint64_t end) const {
    return {.at_end = edge(end), .trailer_before = trailer_before(first)};
  }

  // The index file of these events, as it would be built from the log.
  [[nodiscard]] const std::vector<std::byte>& file(std::uint64_t first, std::uint64_t end) const {
    auto& bytes = built_[{first, end}];
    if (bytes.empty()) { bytes = file_with(first, end, note(first, end)); }
    return bytes;
  }
  [[nodiscard]] std::vector<std::byte> file_with(std::uint64_t first, std::uint64_t end,
                                                 const engine::IndexNote& note) const {
    const auto note_bytes = engine::encode_index_note(note);
    return must(index::build_run(*model_.source(first, end), {.log_id = model_.log_id, .note = note_bytes}));
  }

 private:
  index::test::Model model_;
  std::vector<std::uint32_t> trailers_;
  mutable std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<std::byte>> built_;
};

inline bool is_index_name(const std::string& name) {
  return engine::parse_index_file_name(name) || engine::is_temporary_index_file_name(name);
}

// What the folder has of an index must say what the log says, whatever happened before. Gives up to where it leads.
inline std::uint64_t expect_right_index(platform::SimFileSystem& files, const std::filesystem::path& folder,
                                        const SampleLog& log) {
  const auto found = must(engine::find_index(files, folder, some_log_id()));
  std::uint64_t end = 0;
  for (const auto& run : found.runs) {
    EXPECT_EQ(run->first().value(), end);
    end = run->end().value();
    const auto bytes = files.contents(run->path());
    EXPECT_TRUE(bytes && *bytes == log.file(run->first().value(), end)) << run->path();
  }
  EXPECT_EQ(found.end.has_value(), end > 0);
  if (found.end) { EXPECT_EQ(*found.end, log.edge(end)); }
  std::size_t ours = 0;
  for (const auto& path : files.files()) { ours += is_index_name(path.filename().string()) ? 1U : 0U; }
  std::size_t told = found.runs.size() + found.leftovers.size();
  for (const auto& island : found.islands) { told += island.runs.size(); }
  EXPECT_EQ(told, ours);
  return end;
}

// Every key's positions below end, every place and id.
inline void expect_right_answers(const index::Tiers& view, const SampleLog& log, std::uint64_t end) {
  for (const auto& [name, positions] : log.model().positions(0, end)) {
    const auto postings = must(view.postings(index::make_key(name.first, name.second), Position(end)));
    ASSERT_EQ(postings.count(), positions.size());
    std::vector<Position> got(positions.size());
    ASSERT_EQ(must(postings.positions(0, got)), positions.size());
    for (std::size_t i = 0; i < positions.size(); ++i) { ASSERT_EQ(got[i].value(), positions[i]); }
  }
  for (std::uint64_t i = 0; i < end; ++i) {
    const auto& event = log.model().events[i];
    ASSERT_EQ(must(view.place(Position(i))), event.place);
    const auto right = [&](Position position, const index::Place&) -> Result<bool> { return position.value() == i; };
    ASSERT_EQ(must(view.find(*event.id, Position(end), right)), Position(i));
  }
}

}  // namespace tidemark::test
