// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/model.h"

#include <algorithm>
#include <fmt/format.h>
#include <random>

namespace tidemark::crash {

void Model::set_durable_up_to(std::size_t count) {
  for (std::size_t i = 0; i < std::min(count, batches_.size()); ++i) { batches_[i].standing = Standing::kDurable; }
}

std::uint64_t Model::event_count() const {
  std::uint64_t n = 0;
  for (const auto& batch : batches_) { n += batch.events.size(); }
  return n;
}

std::uint64_t Model::durable_event_count() const {
  std::uint64_t n = 0;
  for (const auto& batch : batches_) {
    if (batch.standing == Standing::kDurable) { n += batch.events.size(); }
  }
  return n;
}

std::uint64_t Model::stream_count(const std::string& stream) const {
  std::uint64_t n = 0;
  for (const auto& batch : batches_) {
    for (const auto& event : batch.events) { n += event.stream == stream ? 1 : 0; }
  }
  return n;
}

std::vector<const ModelEvent*> Model::events() const {
  std::vector<const ModelEvent*> all;
  for (const auto& batch : batches_) {
    for (const auto& event : batch.events) { all.push_back(&event); }
  }
  return all;
}

std::optional<std::string> Model::cut_to(std::uint64_t events) {
  std::uint64_t n = 0;
  std::size_t whole = 0;
  while (whole < batches_.size() && n < events) { n += batches_[whole++].events.size(); }
  if (n != events) { return fmt::format("{} events are there, which is not a whole number of batches", events); }
  for (std::size_t i = whole; i < batches_.size(); ++i) {
    if (batches_[i].standing == Standing::kDurable) {
      return fmt::format("only {} events are there; {} were acknowledged as durable", events, durable_event_count());
    }
  }
  batches_.resize(whole);
  return std::nullopt;
}

void Model::settle() { set_durable_up_to(batches_.size()); }

void Model::waive_after(std::uint64_t events) {
  std::uint64_t n = 0;
  for (auto& batch : batches_) {
    n += batch.events.size();
    if (n > events) { batch.standing = Standing::kUnknown; }
  }
}

std::optional<std::string> differs(const Event& event, const ModelEvent& expected, std::uint64_t position) {
  const auto say = [&](std::string_view what) {
    return fmt::format("the event at position {} has another {}", position, what);
  };
  if (event.position().value() != position) { return say("position"); }
  if (event.stream() != expected.stream) { return say("stream"); }
  if (event.version().value() != expected.version) { return say("version"); }
  if (event.id() != expected.id) { return say("id"); }
  if (event.type() != expected.type) { return say("type"); }
  if (as_text(event.data()) != expected.data) { return say("content"); }
  if (as_text(event.metadata()) != expected.metadata) { return say("metadata"); }
  if (!std::ranges::equal(event.tags(), expected.tags)) { return say("tags"); }
  if (expected.valid && event.valid() != *expected.valid) { return say("valid time"); }
  return std::nullopt;
}

namespace {

// What only the index tells: the events of a type and of a tag, and the streams that there are.
std::optional<std::string> compare_index(const Store& store, const std::vector<const ModelEvent*>& expected,
                                         std::uint64_t count, std::uint64_t seed) {
  const ModelEvent& one = *expected[seed % count];
  const auto compare_query = [&](const Query& query, const auto& matches) -> std::optional<std::string> {
    const bool backward = seed / 7 % 2 == 0;
    std::vector<std::uint64_t> positions;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (matches(*expected[i])) { positions.push_back(i); }
    }
    if (backward) { std::ranges::reverse(positions); }
    Cursor some = store.read(query, {.direction = backward ? Direction::kBackward : Direction::kForward});
    std::size_t given = 0;
    while (const Event* event = some.next()) {
      if (given == positions.size()) { return to_string(query) + " shows too many events"; }
      if (auto wrong = differs(*event, *expected[positions[given]], positions[given])) {
        return to_string(query) + ": " + *wrong;
      }
      ++given;
    }
    if (!some.status()) { return to_string(some.status().error()); }
    if (given != positions.size()) { return to_string(query) + " shows too few events"; }
    return std::nullopt;
  };
  const auto has_type = [&](const ModelEvent& event) { return event.type == one.type; };
  if (auto wrong = compare_query(Query::type(one.type), has_type)) { return wrong; }
  if (!one.tags.empty()) {
    const std::string& tag = one.tags[seed / 3 % one.tags.size()];
    const auto has_tag = [&](const ModelEvent& event) {
      return std::ranges::find(event.tags, tag) != event.tags.end();
    };
    if (auto wrong = compare_query(Query::tag(tag), has_tag)) { return wrong; }
  }
  std::map<std::string, StreamInfo> heads;
  for (std::uint64_t i = 0; i < count; ++i) {
    heads[expected[i]->stream] = {expected[i]->stream, Version(expected[i]->version), Position(i)};
  }
  const auto streams = store.streams();
  if (!streams) { return to_string(streams.error()); }
  const auto is_right = [&](const StreamInfo& stream) {
    const auto head = heads.find(stream.name);
    return head != heads.end() && head->second.last_version == stream.last_version &&
           head->second.last_position == stream.last_position;
  };
  if (streams->size() != heads.size() || !std::ranges::all_of(*streams, is_right)) {
    return "the list of streams is another one";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> compare(const Store& store, const Model& model, std::uint64_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto expected = model.events();
  if (count > expected.size()) {
    return fmt::format("{} events are shown and at most {} were appended", count, expected.size());
  }
  const Access access = random() % 2 == 0 ? Access::kMapped : Access::kCopied;
  std::uint64_t position = 0;
  std::optional<RecordedTime> last_recorded;
  std::optional<std::string> wrong;
  Cursor all = store.read(Query::all(), {.access = access});
  while (const Event* event = all.next()) {
    if (position >= count) { return fmt::format("more than {} events are shown", count); }
    wrong = differs(*event, *expected[position], position);
    if (wrong) { return wrong; }
    if (last_recorded && event->recorded() < *last_recorded) { return "recorded times fall"; }
    last_recorded = event->recorded();
    ++position;
  }
  if (!all.status()) { return to_string(all.status().error()); }
  if (position != count) { return fmt::format("{} events are shown instead of {}", position, count); }
  if (count == 0) { return std::nullopt; }

  // One stream, a random way.
  const std::string& stream = expected[random() % count]->stream;
  std::vector<std::uint64_t> positions;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (expected[i]->stream == stream) { positions.push_back(i); }
  }
  const bool backward = random() % 2 == 0;
  const std::uint64_t from = random() % positions.size();
  Cursor one = store.read(Query::stream(stream), {.direction = backward ? Direction::kBackward : Direction::kForward,
                                                  .from_version = Version(from),
                                                  .access = access});
  std::uint64_t version = from;
  std::uint64_t given = 0;
  while (const Event* event = one.next()) {
    if (version >= positions.size()) { return "a stream shows more events than it has"; }
    wrong = differs(*event, *expected[positions[version]], positions[version]);
    if (wrong) { return wrong; }
    version = backward ? version - 1 : version + 1;
    ++given;
  }
  if (!one.status()) { return to_string(one.status().error()); }
  if (given != (backward ? from + 1 : positions.size() - from)) { return "a stream shows too few events"; }
  if (auto other = compare_index(store, expected, count, random())) { return other; }
  const ModelEvent& sought = *expected[random() % count];
  const auto found = store.event_by_id(sought.id);
  if (!found || !*found || (*found)->data.size() != sought.data.size()) { return "an event is not found by its id"; }
  return std::nullopt;
}

}  // namespace tidemark::crash
