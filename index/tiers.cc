// SPDX-License-Identifier: Apache-2.0
#include "index/tiers.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <ranges>
#include <set>
#include <utility>

namespace tidemark::index {

namespace {

// So many searches of a key in a run go at the same time. One takes four waits for memory, one after the other; the
// processor can wait for about so many pieces of memory together.
constexpr std::size_t kSearchesAtOnce = 32;

Result<std::uint64_t> count_in(const Run& run, const RunKey& key, Position end) {
  if (end >= run.end()) { return key.count; }
  return run.count_below(key, end);
}

// A key in a run, and how many of its positions are below the end.
struct Counted {
  RunKey key;
  std::uint64_t count = 0;
};

Result<std::optional<Counted>> counted(const Run& run, Result<std::optional<RunKey>> found, Position end) {
  if (!found) { return std::unexpected(std::move(found.error())); }
  if (!*found) { return std::nullopt; }
  auto count = count_in(run, **found, end);
  if (!count) { return std::unexpected(std::move(count.error())); }
  return Counted{**found, *count};
}

// What one run says does not follow from another, or from the log.
Error contradiction() {
  return {ErrorCode::kDamaged, "the index contradicts the log: build it again (`tidemark index rebuild`)"};
}

}  // namespace

// --- Postings ---

// What the question gives for the part's run, or for that run healed.
template <class Ask>
auto Postings::ask(const Part& part, Ask question) const -> decltype(question(**part.run, part.run_key)) {
  auto answer = question(**part.run, part.run_key);
  if (answer || healer_ == nullptr || !is_healable(answer.error())) { return answer; }
  auto healed = healer_->heal(*part.run);
  if (!healed) { return std::unexpected(std::move(healed.error())); }
  auto key = (*healed)->find(key_);
  if (!key) { return std::unexpected(std::move(key.error())); }
  if (!*key || (*key)->base != part.base) { return std::unexpected(contradiction()); }
  return question(**healed, **key);
}

Result<std::size_t> Postings::positions_in(const Part& part, std::uint64_t ordinal, std::span<Position> into) const {
  const auto room = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), part.base + part.count - ordinal));
  if (part.run == nullptr) { return part.table->keys.positions(key_, ordinal - part.base, into.first(room), end_); }
  return ask(part, [&](const Run& run, const RunKey& key) { return run.positions(key, ordinal, into.first(room)); });
}

Result<std::size_t> Postings::positions(std::uint64_t ordinal, std::span<Position> into) const {
  std::size_t done = 0;
  for (const Part& part : parts_) {
    if (done == into.size()) { break; }
    if (ordinal >= part.base + part.count) { continue; }
    if (ordinal < part.base) { return std::unexpected(contradiction()); }
    auto got = positions_in(part, ordinal, into.subspan(done));
    if (!got) { return got; }
    done += *got;
    ordinal += *got;
  }
  return done;
}

Result<std::uint64_t> Postings::below(Position position) const {
  if (position >= end_) { return count_; }
  for (const Part& part : std::views::reverse(parts_)) {
    const Position first = part.run != nullptr ? (*part.run)->first() : part.table->first;
    if (position <= first) { continue; }
    if (part.run == nullptr) { return part.base + part.table->keys.count(key_, position); }
    auto count = ask(part, [&](const Run& run, const RunKey& key) { return count_in(run, key, position); });
    if (!count) { return count; }
    return part.base + *count;
  }
  return 0;
}

// --- Tiers ---

template <class Ask>
auto Tiers::ask(const RunPointer& run, Ask question) const -> decltype(question(*run)) {
  auto answer = question(*run);
  if (answer || healer_ == nullptr || !is_healable(answer.error())) { return answer; }
  auto healed = healer_->heal(run);
  if (!healed) { return std::unexpected(std::move(healed.error())); }
  return question(**healed);
}

Status Tiers::counts_in_runs(std::span<const Key* const> keys, Position end, std::span<std::uint64_t> into) const {
  std::array<RunSearch, kSearchesAtOnce> searches;
  std::array<std::size_t, kSearchesAtOnce> open{};  // the keys that no run had yet
  std::iota(open.begin(), open.end(), std::size_t{0});
  std::size_t open_count = keys.size();
  for (std::size_t left = runs_.size(); left > 0 && open_count > 0;) {
    if (end <= runs_[left - 1]->first()) {
      --left;
      continue;
    }
    // Newest first: what a run says of a key counts those before it.
    const std::size_t runs = std::min(left, kSearchesAtOnce / open_count);
    for (std::size_t r = 0; r < runs; ++r) {
      for (std::size_t k = 0; k < open_count; ++k) {
        searches[k * runs + r] = RunSearch(*runs_[left - 1 - r], *keys[open[k]]);
      }
    }
    const auto some = std::span(searches).first(open_count * runs);
    std::ranges::for_each(some, &RunSearch::to_entries);
    std::ranges::for_each(some, &RunSearch::to_block);
    std::ranges::for_each(some, &RunSearch::to_keys);
    std::size_t still_open = 0;
    for (std::size_t k = 0; k < open_count; ++k) {
      const Key& key = *keys[open[k]];
      bool has_it = false;
      for (std::size_t r = 0; r < runs && !has_it; ++r) {
        const RunPointer& run = runs_[left - 1 - r];
        auto found = ask(run, [&](const Run& one) {
          return counted(one, &one == run.get() ? some[k * runs + r].find(key) : one.find(key), end);
        });
        if (!found) { return std::unexpected(std::move(found.error())); }
        has_it = found->has_value();
        if (has_it) { into[open[k]] = (*found)->key.base + (*found)->count; }
      }
      if (!has_it) { open[still_open++] = open[k]; }
    }
    open_count = still_open;
    left -= runs;
  }
  return {};
}

Status Tiers::counts(std::span<const Key* const> keys, Position end, std::span<std::uint64_t> into) const {
  std::array<const Key*, kSearchesAtOnce> left{};  // those that no table told the whole of
  std::array<std::uint64_t*, kSearchesAtOnce> counts{};
  std::array<std::uint64_t, kSearchesAtOnce> in_runs{};
  for (std::size_t from = 0; from < keys.size(); from += kSearchesAtOnce) {
    std::size_t n = std::min(kSearchesAtOnce, keys.size() - from);
    for (std::size_t i = 0; i < n; ++i) {
      left[i] = keys[from + i];
      counts[i] = &into[from + i];
      *counts[i] = 0;
    }
    for (const auto& table : std::views::reverse(tables_)) {
      if (end <= table->first || n == 0) { continue; }
      const auto some = std::span(left).first(n);
      for (const Key* key : some) { table->keys.prefetch_slot(*key); }
      for (const Key* key : some) { table->keys.prefetch_key(*key); }
      n = 0;
      for (std::size_t i = 0; i < some.size(); ++i) {
        const auto seen = table->keys.look(*some[i], end);
        *counts[i] += seen.count + seen.before.value_or(0);
        if (seen.before) { continue; }
        left[n] = left[i];
        counts[n] = counts[i];
        ++n;
      }
    }
    std::ranges::fill(in_runs, 0);
    if (auto done = counts_in_runs(std::span(left).first(n), end, std::span(in_runs).first(n)); !done) { return done; }
    for (std::size_t i = 0; i < n; ++i) { *counts[i] += in_runs[i]; }
  }
  return {};
}

void Tiers::counts_in_tables(std::span<const Key* const> keys, Position end,
                             std::span<std::optional<std::uint64_t>> into) const {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    into[i].reset();
    std::uint64_t newer = 0;
    for (const auto& table : std::views::reverse(tables_)) {
      if (end <= table->first) { continue; }
      const auto seen = table->keys.look(*keys[i], end);
      newer += seen.count;
      if (!seen.before) { continue; }
      into[i] = newer + *seen.before;
      break;
    }
  }
}

Result<std::uint64_t> Tiers::count(const Key& key, Position end) const {
  const Key* const one = &key;
  std::uint64_t count = 0;
  if (auto done = counts({&one, 1}, end, {&count, 1}); !done) { return std::unexpected(std::move(done.error())); }
  return count;
}

Result<Postings> Tiers::postings(const Key& key, Position end) const {
  Postings postings(key, end, healer_);
  postings.parts_.reserve(std::min(runs_.size() + tables_.size(), kSearchesAtOnce));
  std::array<RunSearch, kSearchesAtOnce> searches;
  for (std::size_t left = runs_.size(); left > 0;) {
    if (end <= runs_[left - 1]->first()) {
      --left;
      continue;
    }
    const std::size_t n = std::min(left, kSearchesAtOnce);
    for (std::size_t i = 0; i < n; ++i) { searches[i] = RunSearch(*runs_[left - 1 - i], key); }
    const auto some = std::span(searches).first(n);
    std::ranges::for_each(some, &RunSearch::to_entries);
    std::ranges::for_each(some, &RunSearch::to_block);
    std::ranges::for_each(some, &RunSearch::to_keys);
    bool is_first = false;  // no older run has the key
    for (std::size_t i = 0; i < n && !is_first; ++i) {
      const RunPointer& run = runs_[left - 1 - i];
      auto found = ask(run, [&](const Run& one) {
        return counted(one, &one == run.get() ? some[i].find(key) : one.find(key), end);
      });
      if (!found) { return std::unexpected(std::move(found.error())); }
      if (!*found) { continue; }
      const auto& [run_key, count] = **found;
      if (postings.parts_.empty()) { postings.count_ = run_key.base + count; }
      // An empty part is kept out, but for what it says of those before it.
      if (count > 0) {
        postings.parts_.push_back({.run = &run, .run_key = run_key, .base = run_key.base, .count = count});
      }
      is_first = run_key.base == 0;
    }
    left = is_first ? 0 : left - n;
  }
  std::ranges::reverse(postings.parts_);
  for (const auto& table : tables_) {
    if (end <= table->first) { break; }
    const std::uint64_t count = table->keys.count(key, end);
    if (count == 0) { continue; }
    postings.parts_.push_back({.table = table.get(), .base = postings.count_, .count = count});
    postings.count_ += count;
  }
  return postings;
}

Result<std::vector<Tiers::Entry>> Tiers::list(KeyKind kind, const NamePage& page, Position end) const {
  if (runs_.empty() && tables_.size() == 1) { return tables_.front()->keys.list(kind, page, end); }
  std::vector<Entry> entries;
  std::string after(page.after);
  while (entries.size() < page.limit) {
    const std::uint64_t wanted = page.limit - entries.size();
    std::set<std::string> names;
    bool more = false;  // of some tier: names past its own last one may be missing
    std::optional<std::string> whole_up_to;
    const auto take = [&](std::vector<std::string> found) {
      if (found.size() == wanted) {
        more = true;
        if (!whole_up_to || found.back() < *whole_up_to) { whole_up_to = found.back(); }
      }
      for (auto& name : found) { names.insert(std::move(name)); }
    };
    for (const auto& run : runs_) {
      if (end <= run->first()) { continue; }
      auto found = ask(run, [&](const Run& one) { return one.list(kind, after, page.prefix, wanted); });
      if (!found) { return std::unexpected(std::move(found.error())); }
      std::vector<std::string> own;
      for (auto& one : *found) { own.push_back(std::move(one.name)); }
      take(std::move(own));
    }
    for (const auto& table : tables_) {
      if (end <= table->first) { continue; }
      std::vector<std::string> own;
      for (auto& one : table->keys.list(kind, {page.prefix, after, wanted}, end)) {
        own.push_back(std::move(one.name));
      }
      take(std::move(own));
    }
    for (const auto& name : names) {
      if (entries.size() == page.limit || (whole_up_to && name > *whole_up_to)) { break; }
      auto found = postings(make_key(kind, name), end);
      if (!found) { return std::unexpected(std::move(found.error())); }
      if (found->count() == 0) { continue; }
      Position last;
      auto got = found->positions(found->count() - 1, {&last, 1});
      if (!got) { return std::unexpected(std::move(got.error())); }
      entries.push_back({name, found->count(), last});
    }
    if (!more) { break; }
    after = *whole_up_to;
  }
  return entries;
}

Result<std::uint64_t> Tiers::new_keys(const Run& run, KeyKind kind, Position end) {
  if (run.end() <= end) { return run.beginning_count(kind); }
  std::uint64_t count = 0;
  RunKeyCursor keys(run, kind);
  for (;;) {
    auto more = keys.next();
    if (!more) { return std::unexpected(std::move(more.error())); }
    if (!*more) { return count; }
    if (keys.key().base > 0) { continue; }
    auto below = run.count_below(keys.key(), end);
    if (!below) { return below; }
    if (*below > 0) { ++count; }
  }
}

Result<std::uint64_t> Tiers::key_count(KeyKind kind, Position end) const {
  std::uint64_t count = 0;
  for (const auto& run : runs_) {
    if (end <= run->first()) { break; }
    auto begun = ask(run, [&](const Run& one) { return new_keys(one, kind, end); });
    if (!begun) { return begun; }
    count += *begun;
  }
  // A key of a table is new if nothing older has it.
  for (const auto& table : tables_) {
    if (end <= table->first) { break; }
    if (runs_.empty() && table == tables_.front()) {
      count += table->keys.key_count(kind, end);
      continue;
    }
    std::vector<Key> keys;  // first all, so that nobody who adds waits for a file
    table->keys.for_each(kind, end, [&](const Key& key) { keys.push_back(key); });
    for (const Key& key : keys) {
      auto before = this->count(key, table->first);
      if (!before) { return before; }
      if (*before == 0) { ++count; }
    }
  }
  return count;
}

Result<std::optional<Position>> Tiers::find(const EventId& id, Position end, const IdCheck& check) const {
  for (const auto& table : std::views::reverse(tables_)) {
    if (end <= table->first) { continue; }
    if (auto position = table->ids.find(id, end)) { return position; }
  }
  std::vector<Position> candidates;
  for (const auto& run : std::views::reverse(runs_)) {
    if (end <= run->first()) { continue; }
    auto found = ask(run, [&](const Run& one) {
      candidates.clear();
      return one.candidates(id, candidates);
    });
    if (!found) { return std::unexpected(std::move(found.error())); }
    for (const Position candidate : candidates) {
      if (candidate >= end) { break; }
      auto at = ask(run, [&](const Run& one) { return one.place(candidate); });
      if (!at) { return std::unexpected(std::move(at.error())); }
      auto right = check(candidate, *at);
      if (!right) { return std::unexpected(std::move(right.error())); }
      if (*right) { return std::optional(candidate); }
    }
  }
  return std::optional<Position>();
}

std::size_t Tiers::places_of(std::span<const Position> positions, std::span<Place> into) const {
  const Position tables_from = tables_.front()->first;
  const RunPointer* run = nullptr;
  const auto enter_run_of = [&](Position position) {
    if (run == nullptr || position < (*run)->first() || position >= (*run)->end()) { run = &run_of(position); }
  };
  for (const Position position : positions) {
    if (position >= tables_from) { continue; }
    enter_run_of(position);
    (*run)->prefetch_place_offset(position);
  }
  for (const Position position : positions) {
    if (position >= tables_from) { continue; }
    enter_run_of(position);
    (*run)->prefetch_place(position);
  }
  std::size_t done = 0;
  for (; done < positions.size(); ++done) {
    const auto got = place(positions[done]);
    if (!got) { break; }
    into[done] = *got;
  }
  return done;
}

const Tiers::RunPointer& Tiers::run_of(Position position) const {
  return *std::prev(std::ranges::upper_bound(runs_, position, {}, [](const auto& run) { return run->first(); }));
}

Result<Place> Tiers::place(Position position) const {
  for (const auto& table : std::views::reverse(tables_)) {
    if (position >= table->first) { return table->place(position); }
  }
  return ask(run_of(position), [&](const Run& one) { return one.place(position); });
}

Result<std::size_t> Tiers::places(Position from, std::span<Place> into) const {
  for (const auto& table : std::views::reverse(tables_)) {
    if (from < table->first) { continue; }
    into[0] = table->place(from);
    return 1;
  }
  const RunPointer& run = run_of(from);
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), run->end() - from));
  auto done = ask(run, [&](const Run& one) { return one.places(from, into.first(n)); });
  if (!done) { return std::unexpected(std::move(done.error())); }
  return n;
}

}  // namespace tidemark::index
