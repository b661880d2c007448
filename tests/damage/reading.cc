// SPDX-License-Identifier: Apache-2.0
#include "tests/damage/reading.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

namespace tidemark::damage {

namespace {

class Reading {
 public:
  Reading(const Store& store, const std::vector<OwnedEvent>& appended, Shown& shown)
      : store_(store), appended_(appended), shown_(shown), visible_(store.info().events) {
    for (const OwnedEvent& event : appended) {
      const std::uint64_t position = event.position.value();
      if (position >= visible_) { continue; }
      streams_[event.stream].push_back(position);
      categories_[event.stream.substr(0, event.stream.find('-'))].push_back(position);
      types_[event.type].push_back(position);
      for (const std::string& tag : event.tags) { tags_[tag].push_back(position); }
    }
  }

  Wrong run() {
    if (visible_ > appended_.size()) {
      return fmt::format("{} events are shown and {} were appended", visible_, appended_.size());
    }
    if (auto wrong = forward()) { return wrong; }
    if (auto wrong = backward()) { return wrong; }
    for (const auto& [name, positions] : streams_) {
      if (auto wrong = stream(name, positions)) { return wrong; }
    }
    if (auto wrong = stream_list()) { return wrong; }
    if (auto wrong = by_names()) { return wrong; }
    return find_each();
  }

 private:
  // Reads a query whose events, in the order of the reading, are at these positions.
  Wrong read(const Query& query, const ReadOptions& options, const std::vector<std::uint64_t>& positions,
             std::uint64_t& given, std::optional<Error>& error) {
    const std::string_view how = options.direction == Direction::kForward ? "forward" : "backward";
    given = 0;
    Cursor cursor = store_.read(query, options);
    while (const Event* event = cursor.next()) {
      if (given >= positions.size()) { return fmt::format("read {}, more than {} events are shown", how, given); }
      if (!same_event(*event, appended_[positions[given]])) {
        return fmt::format("read {}, the event at position {} is another one", how, positions[given]);
      }
      ++given;
    }
    const Status status = cursor.status();
    if (!status) { error = status.error(); }
    if (!status) { return allowed(status.error()); }
    if (given < positions.size()) {
      return fmt::format("read {}, only {} of {} events are shown, without an error", how, given, positions.size());
    }
    return std::nullopt;
  }

  Wrong allowed(const Error& error) {
    ++shown_.with_errors;
    if (error.code() == ErrorCode::kDamaged) { return std::nullopt; }
    return "a read ended with " + to_string(error);
  }

  [[nodiscard]] std::vector<std::uint64_t> all(bool backward) const {
    std::vector<std::uint64_t> positions(visible_);
    for (std::uint64_t i = 0; i < visible_; ++i) { positions[i] = backward ? visible_ - 1 - i : i; }
    return positions;
  }

  Wrong forward() {
    if (auto wrong = read(Query::all(), {}, all(false), shown_.events, shown_.error)) { return wrong; }
    std::uint64_t copied = 0;
    std::optional<Error> error;
    if (auto wrong = read(Query::all(), {.access = Access::kCopied}, all(false), copied, error)) { return wrong; }
    if (copied == shown_.events && error.has_value() == shown_.error.has_value()) { return std::nullopt; }
    return fmt::format("{} events are shown mapped and {} copied", shown_.events, copied);
  }

  Wrong backward() {
    std::uint64_t given = 0;
    std::optional<Error> error;
    for (const Access access : {Access::kMapped, Access::kCopied}) {
      const ReadOptions options{.direction = Direction::kBackward, .access = access};
      if (auto wrong = read(Query::all(), options, all(true), given, error)) { return wrong; }
    }
    return std::nullopt;
  }

  Wrong stream(const std::string& name, const std::vector<std::uint64_t>& positions) {
    const std::vector<std::uint64_t> reversed(positions.rbegin(), positions.rend());
    std::uint64_t given = 0;
    std::optional<Error> error;
    if (auto wrong = read(Query::stream(name), {}, positions, given, error)) { return wrong; }
    const ReadOptions back{.direction = Direction::kBackward, .access = Access::kCopied};
    if (auto wrong = read(Query::stream(name), back, reversed, given, error)) { return wrong; }
    const auto info = store_.stream(name);
    if (!info) { return allowed(info.error()); }
    const bool right = *info && (*info)->name == name && (*info)->last_version.value() + 1 == positions.size() &&
                       (*info)->last_position.value() == positions.back();
    return right ? std::nullopt : Wrong("the head of stream " + name + " is another one");
  }

  Wrong stream_list() {
    const auto list = store_.streams();
    if (!list) { return allowed(list.error()); }
    bool right = list->size() == streams_.size();
    auto expected = streams_.begin();
    for (std::size_t i = 0; right && i < list->size(); ++i, ++expected) {
      right = (*list)[i].name == expected->first && (*list)[i].last_version.value() + 1 == expected->second.size() &&
              (*list)[i].last_position.value() == expected->second.back();
    }
    return right ? std::nullopt : Wrong("the list of streams is another one");
  }

  using ByName = std::map<std::string, std::vector<std::uint64_t>>;

  // Categories, types and tags: the events of each, together in one query, and the lists of them.
  Wrong by_names() {
    const auto matching = [&](const Query& query, const std::vector<std::uint64_t>& positions) -> Wrong {
      std::uint64_t given = 0;
      std::optional<Error> error;
      auto wrong = read(query, {}, positions, given, error);
      if (wrong) { return to_string(query) + ": " + *wrong; }
      const std::vector<std::uint64_t> reversed(positions.rbegin(), positions.rend());
      return read(query, {.direction = Direction::kBackward, .access = Access::kCopied}, reversed, given, error);
    };
    const auto all_of = [&](const ByName& names, const auto& query_of) -> Wrong {
      for (const auto& [name, positions] : names) {
        if (auto wrong = matching(query_of(name), positions)) { return wrong; }
      }
      return std::nullopt;
    };
    if (auto wrong = all_of(categories_, [](const std::string& name) { return Query::category(name); })) {
      return wrong;
    }
    if (auto wrong = all_of(types_, [](const std::string& name) { return Query::type(name); })) { return wrong; }
    if (auto wrong = all_of(tags_, [](const std::string& name) { return Query::tag(name); })) { return wrong; }
    if (auto wrong = matching(Query::type("Never"), {})) { return wrong; }
    if (!types_.empty() && !tags_.empty()) {
      const auto& [type, of_type] = *types_.begin();
      const auto& [tag, of_tag] = *tags_.rbegin();
      std::vector<std::uint64_t> both;
      std::vector<std::uint64_t> either;
      std::ranges::set_intersection(of_type, of_tag, std::back_inserter(both));
      std::ranges::set_union(of_type, of_tag, std::back_inserter(either));
      if (auto wrong = matching(Query::type(type).tags({tag}), both)) { return wrong; }
      if (auto wrong = matching(Query::all().any_of({{.types = {type}}, {.tags = {tag}}}), either)) { return wrong; }
    }
    if (auto wrong = listed(store_.categories(), categories_, "categories")) { return wrong; }
    if (auto wrong = listed(store_.types(), types_, "types")) { return wrong; }
    return listed(store_.tags(), tags_, "tags");
  }

  Wrong listed(const Result<std::vector<NameInfo>>& list, const ByName& names, std::string_view what) {
    if (!list) { return allowed(list.error()); }
    bool right = list->size() == names.size();
    auto expected = names.begin();
    for (std::size_t i = 0; right && i < list->size(); ++i, ++expected) {
      right = (*list)[i].name == expected->first && (*list)[i].events == expected->second.size() &&
              (*list)[i].last_position.value() == expected->second.back();
    }
    return right ? std::nullopt : Wrong(fmt::format("the list of {} is another one", what));
  }

  Wrong find_each() {
    shown_.found.assign(appended_.size(), false);
    for (std::size_t i = 0; i < appended_.size(); ++i) {
      const auto found = store_.event_by_id(appended_[i].id);
      if (!found) {
        if (auto wrong = allowed(found.error())) { return wrong; }
      } else if (*found) {
        if (!same_event(**found, appended_[i])) { return fmt::format("the id of event {} gives another one", i); }
        shown_.found[i] = true;
      } else if (i < visible_) {
        return fmt::format("event {} is shown and not found by its id", i);
      }
    }
    return std::nullopt;
  }

  const Store& store_;
  const std::vector<OwnedEvent>& appended_;
  Shown& shown_;
  const std::uint64_t visible_;
  // The positions of the events that are shown.
  ByName streams_;
  ByName categories_;
  ByName types_;
  ByName tags_;
};

}  // namespace

bool same_event(const Event& event, const OwnedEvent& expected) {
  return event.position() == expected.position && event.stream() == expected.stream &&
         event.version() == expected.version && event.id() == expected.id && event.type() == expected.type &&
         event.recorded() == expected.recorded && event.valid() == expected.valid &&
         std::ranges::equal(event.data(), expected.data) && std::ranges::equal(event.metadata(), expected.metadata) &&
         std::ranges::equal(event.tags(), expected.tags);
}

bool same_event(const OwnedEvent& event, const OwnedEvent& expected) {
  return event.position == expected.position && event.stream == expected.stream && event.version == expected.version &&
         event.id == expected.id && event.type == expected.type && event.recorded == expected.recorded &&
         event.valid == expected.valid && event.data == expected.data && event.metadata == expected.metadata &&
         event.tags == expected.tags;
}

Wrong read_everything(const Store& store, const std::vector<OwnedEvent>& appended, Shown& shown) {
  return Reading(store, appended, shown).run();
}

}  // namespace tidemark::damage
