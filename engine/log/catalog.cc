// SPDX-License-Identifier: Apache-2.0
#include "engine/log/catalog.h"

#include <algorithm>
#include <utility>

namespace tidemark::engine {

namespace {

constexpr std::uint32_t kNoNumber = UINT32_MAX;

}  // namespace

Catalog::Catalog(index::Tiers::Runs runs) { start_with(std::move(runs)); }

void Catalog::start_with(index::Tiers::Runs runs) {
  newest_ = std::make_shared<index::MemoryTable>(runs.empty() ? Position(0) : runs.back()->end());
  const std::scoped_lock lock(mutex_);
  set_view(std::move(runs), {newest_});
}

void Catalog::take(Catalog&& from) {
  const auto view = from.view();
  const std::scoped_lock lock(mutex_);
  set_view(view->runs(), view->tables());
  newest_ = std::move(from.newest_);
}

void Catalog::heal_with(index::RunHealer* healer) {
  healer_ = healer;
  const std::scoped_lock lock(mutex_);
  set_view(view_->runs(), view_->tables());
}

// Under the lock.
void Catalog::set_view(index::Tiers::Runs runs, index::Tiers::Tables tables) {
  view_ = std::make_shared<index::Tiers>(std::move(runs), std::move(tables), healer_);
}

Catalog::Frame::Frame(Catalog& catalog, const BodyKeys& keys) : catalog_(catalog), keys_(keys) { forget_numbers(); }

void Catalog::Frame::forget_numbers() {
  catalog_.numbers_.assign(keys_.stream_count() + keys_.name_count(), kNoNumber);
  table_ = catalog_.newest_.get();
}

void Catalog::Frame::add(const EventNames& event, const EventId& id, const index::Place& place,
                         std::optional<Version> version) {
  if (table_ != catalog_.newest_.get()) { forget_numbers(); }
  index::MemoryTable& table = *catalog_.newest_;
  const Position position = table.end();
  std::uint32_t& stream = catalog_.numbers_[event.stream];
  if (stream == kNoNumber) {
    stream =
        table.keys.add(keys_.stream(event.stream), position, version ? std::optional(version->value()) : std::nullopt);
  } else {
    table.keys.add_again(index::KeyKind::kStream, stream, position);
  }
  const std::size_t category = keys_.category_number(event.stream);
  if (!keys_.name(category).name.empty()) { add_name(category, position); }
  add_name(keys_.type_number(event.type), position);
  for (const std::uint32_t tag : event.tags) { add_name(keys_.tag_number(tag), position); }
  for (std::uint32_t i = 0; i < keys_.checkpoint_count() && !has_begun_; ++i) {
    add_name(keys_.checkpoint_number(i), position);
  }
  table.ids.add(id, position);
  table.places.add(place);
  has_begun_ = true;
}

void Catalog::Frame::add_name(std::size_t number, Position position) {
  index::MemoryKeyIndex& keys = catalog_.newest_->keys;
  const index::Key& key = keys_.name(number);
  std::uint32_t& known = catalog_.numbers_[keys_.stream_count() + number];
  if (known == kNoNumber) {
    known = keys.add(key, position);
  } else {
    keys.add_again(key.kind, known, position);
  }
}

std::shared_ptr<const index::MemoryTable> Catalog::close_table() {
  auto next = std::make_shared<index::MemoryTable>(newest_->end());
  next->keys.reserve_as(newest_->keys);  // as a rule it becomes like this one
  next->ids.reserve_as(newest_->ids);
  const std::scoped_lock lock(mutex_);
  index::Tiers::Tables tables = view_->tables();
  tables.push_back(next);
  set_view(view_->runs(), std::move(tables));
  return std::exchange(newest_, std::move(next));
}

std::shared_ptr<const index::Tiers> Catalog::view() const {
  const std::scoped_lock lock(mutex_);
  return view_;
}

void Catalog::replace_oldest_table(std::shared_ptr<const index::Run> run) {
  const std::scoped_lock lock(mutex_);
  index::Tiers::Runs runs = view_->runs();
  runs.push_back(std::move(run));
  const index::Tiers::Tables& tables = view_->tables();
  set_view(std::move(runs), {tables.begin() + 1, tables.end()});
}

void Catalog::replace_runs(std::size_t n, std::size_t count, std::shared_ptr<const index::Run> run) {
  const std::scoped_lock lock(mutex_);
  index::Tiers::Runs runs = view_->runs();
  const auto first = runs.begin() + static_cast<std::ptrdiff_t>(n);
  *first = std::move(run);
  runs.erase(first + 1, first + static_cast<std::ptrdiff_t>(count));
  set_view(std::move(runs), view_->tables());
}

bool Catalog::replace_run(const std::shared_ptr<const index::Run>& old, std::shared_ptr<const index::Run> run) {
  const std::scoped_lock lock(mutex_);
  index::Tiers::Runs runs = view_->runs();
  const auto at = std::ranges::find(runs, old);
  if (at == runs.end()) { return false; }
  *at = std::move(run);
  set_view(std::move(runs), view_->tables());
  return true;
}

}  // namespace tidemark::engine
