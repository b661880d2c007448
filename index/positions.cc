// SPDX-License-Identifier: Apache-2.0
#include "index/positions.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace tidemark::index {

namespace {

using Part = std::unique_ptr<Positions>;

bool comes_before(Way way, Position a, Position b) { return way == Way::kUp ? a < b : b < a; }

class AllPositions final : public Positions {
 public:
  AllPositions(Position end, Way way) : end_(end), way_(way) {}
  std::optional<Position> seek(Position from) override {
    if (from < end_) { return from; }
    if (way_ == Way::kUp || end_ == Position(0)) { return std::nullopt; }
    return Position(end_.value() - 1);
  }

 private:
  const Position end_;
  const Way way_;
};

// A key's own, fetched by the handful.
class KeyPositions final : public Positions {
 public:
  KeyPositions(const KeyIndex& index, const Key& key, std::uint64_t count, Position end, Way way)
      : index_(index), key_(key), count_(count), end_(end), way_(way) {}

  std::optional<Position> seek(Position from) override {
    if (count_ == 0) { return std::nullopt; }
    if (way_ == Way::kUp) {
      if (fetched_ == 0 || chunk_[fetched_ - 1] < from) { fetch_up(from); }
    } else {
      if (fetched_ == 0 || from < chunk_[0]) { fetch_down(from); }
    }
    const auto chunk = std::span(chunk_).first(fetched_);
    if (way_ == Way::kUp) {
      const auto at = std::ranges::lower_bound(chunk, from);
      return at == chunk.end() ? std::nullopt : std::optional(*at);
    }
    const auto after = std::ranges::upper_bound(chunk, from);
    return after == chunk.begin() ? std::nullopt : std::optional(*(after - 1));
  }

 private:
  // What is wanted next often follows what was fetched last; otherwise the ordinal is looked for.
  void fetch_up(Position from) {
    std::uint64_t ordinal = ordinal_ + fetched_;
    fetch(ordinal);
    if (fetched_ == 0 || !(chunk_[fetched_ - 1] < from)) { return; }
    ordinal = from < end_ ? index_.count(key_, from) : count_;
    fetch(ordinal);
  }

  void fetch_down(Position from) {
    const std::uint64_t below = from < end_ ? index_.count(key_, from.next()) : count_;
    const std::uint64_t n = std::min<std::uint64_t>(below, chunk_.size());
    fetch(below - n, n);
  }

  void fetch(std::uint64_t ordinal, std::uint64_t n = kChunk) {
    ordinal_ = ordinal;
    n = std::min(n, count_ - std::min(ordinal, count_));
    fetched_ = index_.positions(key_, ordinal, std::span(chunk_).first(static_cast<std::size_t>(n)), end_);
  }

  static constexpr std::size_t kChunk = 64;

  const KeyIndex& index_;
  const Key key_;
  const std::uint64_t count_;
  const Position end_;
  const Way way_;
  std::array<Position, kChunk> chunk_{};
  std::uint64_t ordinal_ = 0;  // of chunk_[0]
  std::size_t fetched_ = 0;
};

class InAll final : public Positions {
 public:
  explicit InAll(std::vector<Part> parts) : parts_(std::move(parts)) {}
  std::optional<Position> seek(Position from) override {
    std::size_t agreed = 0;
    for (std::size_t i = 0; agreed < parts_.size(); i = (i + 1) % parts_.size()) {
      const auto found = parts_[i]->seek(from);
      if (!found) { return std::nullopt; }
      agreed = *found == from ? agreed + 1 : 1;
      from = *found;
    }
    return from;
  }

 private:
  std::vector<Part> parts_;
};

class InAny final : public Positions {
 public:
  InAny(std::vector<Part> parts, Way way) : way_(way) {
    for (auto& part : parts) { branches_.push_back({std::move(part), {}, true}); }
  }
  std::optional<Position> seek(Position from) override {
    std::optional<Position> best;
    for (Branch& branch : branches_) {
      if (branch.stale || (branch.at && comes_before(way_, *branch.at, from))) {
        branch.at = branch.part->seek(from);
        branch.stale = false;
      }
      if (branch.at && (!best || comes_before(way_, *branch.at, *best))) { best = branch.at; }
    }
    return best;
  }

 private:
  struct Branch {
    Part part;
    std::optional<Position> at;  // nothing: it has no more
    bool stale = true;
  };
  std::vector<Branch> branches_;
  const Way way_;
};

// Puts the parts of a query together, the rarest key first: it leads the others.
class Planner {
 public:
  Planner(const KeyIndex& index, Position end, Way way) : index_(index), end_(end), way_(way) {}

  Part plan(const KeyQuery& query) const {
    std::vector<Counted> both;
    if (query.scope) { both.push_back(key(*query.scope)); }
    if (!query.items.empty()) {
      std::vector<Counted> items;
      for (const KeyQuery::Item& item : query.items) { items.push_back(plan_item(item)); }
      both.push_back(any(std::move(items)));
    }
    if (both.empty()) { return std::make_unique<AllPositions>(end_, way_); }
    return all(std::move(both)).part;
  }

 private:
  struct Counted {
    Part part;
    std::uint64_t count = 0;  // at most so many positions
  };

  Counted key(const Key& key) const {
    const std::uint64_t count = index_.count(key, end_);
    return {std::make_unique<KeyPositions>(index_, key, count, end_, way_), count};
  }

  Counted plan_item(const KeyQuery::Item& item) const {
    std::vector<Counted> parts;
    for (const Key& tag : item.tags) { parts.push_back(key(tag)); }
    if (!item.types.empty()) {
      std::vector<Counted> types;
      for (const Key& type : item.types) { types.push_back(key(type)); }
      parts.push_back(any(std::move(types)));
    }
    return all(std::move(parts));
  }

  Counted all(std::vector<Counted> parts) const {
    if (parts.size() == 1) { return std::move(parts.front()); }
    std::ranges::sort(parts, {}, &Counted::count);
    if (parts.empty() || parts.front().count == 0) { return nothing(); }
    const std::uint64_t count = parts.front().count;
    return {std::make_unique<InAll>(take(parts)), count};
  }

  Counted any(std::vector<Counted> parts) const {
    std::erase_if(parts, [](const Counted& part) { return part.count == 0; });
    if (parts.empty()) { return nothing(); }
    if (parts.size() == 1) { return std::move(parts.front()); }
    std::uint64_t count = 0;
    for (const Counted& part : parts) { count += part.count; }
    return {std::make_unique<InAny>(take(parts), way_), count};
  }

  Counted nothing() const { return {std::make_unique<AllPositions>(Position(0), way_), 0}; }

  static std::vector<Part> take(std::vector<Counted>& parts) {
    std::vector<Part> taken;
    taken.reserve(parts.size());
    for (Counted& part : parts) { taken.push_back(std::move(part.part)); }
    return taken;
  }

  const KeyIndex& index_;
  const Position end_;
  const Way way_;
};

}  // namespace

std::unique_ptr<Positions> find_positions(const KeyIndex& index, const KeyQuery& query, Position end, Way way) {
  return Planner(index, end, way).plan(query);
}

}  // namespace tidemark::index
