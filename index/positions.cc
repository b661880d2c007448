// SPDX-License-Identifier: Apache-2.0
#include "index/positions.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace tidemark::index {

namespace {

using Part = std::unique_ptr<Positions>;
using Found = Result<std::optional<Position>>;

bool comes_before(Way way, Position a, Position b) { return way == Way::kUp ? a < b : b < a; }

class AllPositions final : public Positions {
 public:
  AllPositions(Position end, Way way) : end_(end), way_(way) {}
  Found seek(Position from) override {
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
  KeyPositions(Postings postings, Way way) : postings_(std::move(postings)), way_(way) {}

  Found seek(Position from) override {
    const bool up = way_ == Way::kUp;
    if (fetched_ == 0 || (up ? chunk_[fetched_ - 1] < from : from < chunk_[0])) {
      if (auto done = up ? fetch_up(from) : fetch_down(from); !done) {
        return std::unexpected(std::move(done.error()));
      }
    }
    const auto chunk = std::span(chunk_).first(fetched_);
    if (up) {
      const auto at = std::ranges::lower_bound(chunk, from);
      return at == chunk.end() ? std::nullopt : std::optional(*at);
    }
    const auto after = std::ranges::upper_bound(chunk, from);
    return after == chunk.begin() ? std::nullopt : std::optional(*(after - 1));
  }

 private:
  // What is wanted next often follows what was fetched last; otherwise the ordinal is looked for.
  Status fetch_up(Position from) {
    const bool begun = fetched_ > 0;
    if (begun) {
      if (auto done = fetch(ordinal_ + fetched_, kChunk); !done) { return done; }
      if (fetched_ == 0 || !(chunk_[fetched_ - 1] < from)) { return {}; }
    }
    auto ordinal = postings_.below(from);
    if (!ordinal) { return std::unexpected(std::move(ordinal.error())); }
    return fetch(*ordinal, kChunk);
  }

  Status fetch_down(Position from) {
    auto below = postings_.below(from.next());
    if (!below) { return std::unexpected(std::move(below.error())); }
    const std::uint64_t n = std::min<std::uint64_t>(*below, kChunk);
    return fetch(*below - n, n);
  }

  Status fetch(std::uint64_t ordinal, std::uint64_t n) {
    ordinal_ = ordinal;
    auto got = postings_.positions(ordinal, std::span(chunk_).first(static_cast<std::size_t>(n)));
    if (!got) { return std::unexpected(std::move(got.error())); }
    fetched_ = *got;
    return {};
  }

  static constexpr std::size_t kChunk = 64;

  const Postings postings_;
  const Way way_;
  std::array<Position, kChunk> chunk_{};
  std::uint64_t ordinal_ = 0;  // of chunk_[0]
  std::size_t fetched_ = 0;
};

class InAll final : public Positions {
 public:
  explicit InAll(std::vector<Part> parts) : parts_(std::move(parts)) {}
  Found seek(Position from) override {
    std::size_t agreed = 0;
    for (std::size_t i = 0; agreed < parts_.size(); i = (i + 1) % parts_.size()) {
      auto found = parts_[i]->seek(from);
      if (!found || !*found) { return found; }
      agreed = **found == from ? agreed + 1 : 1;
      from = **found;
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
  Found seek(Position from) override {
    std::optional<Position> best;
    for (Branch& branch : branches_) {
      if (branch.stale || (branch.at && comes_before(way_, *branch.at, from))) {
        auto found = branch.part->seek(from);
        if (!found) { return found; }
        branch.at = *found;
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

// Puts the parts of a query together, the rarest key first: it leads the others. The first error is kept and ends it.
class Planner {
 public:
  Planner(const Tiers& index, Position end, Way way) : index_(index), end_(end), way_(way) {}

  Result<Part> plan(const KeyQuery& query) {
    std::vector<Counted> both;
    if (query.scope) { both.push_back(key(*query.scope)); }
    if (!query.items.empty()) {
      std::vector<Counted> items;
      for (const KeyQuery::Item& item : query.items) { items.push_back(plan_item(item)); }
      both.push_back(any(std::move(items)));
    }
    Part part = both.empty() ? std::make_unique<AllPositions>(end_, way_) : all(std::move(both)).part;
    if (error_) { return std::unexpected(std::move(*error_)); }
    return part;
  }

 private:
  struct Counted {
    Part part;
    std::uint64_t count = 0;  // at most so many positions
  };

  Counted key(const Key& key) {
    if (error_) { return nothing(); }
    auto postings = index_.postings(key, end_);
    if (!postings) {
      error_ = std::move(postings.error());
      return nothing();
    }
    const std::uint64_t count = postings->count();
    return {std::make_unique<KeyPositions>(std::move(*postings), way_), count};
  }

  Counted plan_item(const KeyQuery::Item& item) {
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

  const Tiers& index_;
  const Position end_;
  const Way way_;
  std::optional<Error> error_;
};

}  // namespace

Result<std::unique_ptr<Positions>> find_positions(const Tiers& index, const KeyQuery& query, Position end, Way way) {
  return Planner(index, end, way).plan(query);
}

}  // namespace tidemark::index
