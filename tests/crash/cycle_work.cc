// SPDX-License-Identifier: Apache-2.0
// What is done to the store of a cycle between two crashes: appends, alone and in groups, conflicts, repetitions,
// reads.
#include <array>
#include <chrono>
#include <cstddef>
#include <fmt/format.h>
#include <map>
#include <utility>
#include <vector>

#include "tests/crash/cycle.h"

namespace tidemark::crash {

ModelBatch Cycle::new_batch(std::uint64_t events_max, std::uint64_t data_max) {
  ModelBatch batch;
  std::map<std::string, std::uint64_t> counts;
  const std::uint64_t events = 1 + pick(events_max);
  for (std::uint64_t i = 0; i < events; ++i) {
    ModelEvent event;
    event.stream = fmt::format("stream-{}", pick(8));
    auto [count, fresh] = counts.try_emplace(event.stream, 0);
    if (fresh) { count->second = model_.stream_count(event.stream); }
    event.version = count->second++;
    std::array<std::byte, 16> id{};
    for (std::byte& byte : id) { byte = static_cast<std::byte>(random_()); }
    event.id = EventId(id);
    event.type = fmt::format("Type{}", pick(4));
    // Long runs of zeros look like sectors that were not written.
    event.data = chance(0.3) ? std::string(pick(data_max * 4 + 1), '\0') : std::string(pick(data_max + 1), 'x');
    for (char& c : event.data) { c = c == 'x' ? static_cast<char>(random_()) : c; }
    if (chance(0.2)) { event.tags = {"tag:1", fmt::format("tag:{}", pick(5) + 2)}; }
    if (chance(0.3)) { event.valid = ValidTime(std::chrono::microseconds(static_cast<std::int64_t>(random_() >> 8U))); }
    batch.events.push_back(std::move(event));
  }
  return batch;
}

Batch Cycle::to_batch(const ModelBatch& from) {
  Batch batch;
  for (const auto& event : from.events) {
    NewEvent added{.type = event.type, .data = as_bytes(event.data), .valid = event.valid, .id = event.id};
    added.tags.assign(event.tags.begin(), event.tags.end());
    batch.to(event.stream).add(added);
  }
  return batch;
}

// With what is true of each stream as the expectation, one kind or another.
Batch Cycle::expecting(const ModelBatch& from) {
  Batch batch = to_batch(from);
  for (const auto& event : from.events) {
    const std::uint64_t count = model_.stream_count(event.stream);
    const Expect truth = count == 0 ? Expect::no_stream() : chance(0.5) ? Expect::exactly(count - 1) : Expect::any();
    batch.check(event.stream, truth);
  }
  return batch;
}

Wrong Cycle::check_receipt(const Receipt& receipt, const ModelBatch& batch, std::uint64_t first) const {
  if (receipt.first.value() != first || receipt.count != batch.events.size()) {
    return fmt::format("a receipt says positions {} and {} more, not {} and {}", receipt.first.value(), receipt.count,
                       first, batch.events.size());
  }
  for (const auto& stream : receipt.streams) {
    std::optional<std::uint64_t> first_version;
    std::uint64_t last_version = 0;
    for (const auto& event : batch.events) {
      if (event.stream != stream.stream) { continue; }
      if (!first_version) { first_version = event.version; }
      last_version = event.version;
    }
    if (!first_version || stream.first.value() != *first_version || stream.last.value() != last_version) {
      return "a receipt gives wrong versions";
    }
  }
  return std::nullopt;
}

Wrong Cycle::append(ModelBatch batch) {
  const Durability durability = chance(0.7) ? Durability::kDurable : Durability::kBuffered;
  const std::uint64_t first = model_.event_count();
  auto receipt = store_->append(expecting(batch), {.durability = durability});
  if (receipt) {
    auto wrong = check_receipt(*receipt, batch, first);
    model_.add(std::move(batch));
    acknowledge(model_.batch_count(), durability);
    return wrong;
  }
  if (!crashed()) { return "an append failed: " + to_string(receipt.error()); }
  if (receipt.error().code() == ErrorCode::kOutcomeUnknown) { model_.add(std::move(batch)); }
  return std::nullopt;
}

// The first `count` batches stand as asked.
void Cycle::acknowledge(std::size_t count, Durability durability) {
  if (durability == Durability::kDurable) {
    model_.set_durable_up_to(count);
  } else if (model_.batches()[count - 1].standing == Standing::kUnknown) {
    model_.batches()[count - 1].standing = Standing::kBuffered;
  }
}

// Several appenders in one group: submitted one after the other, then waited for.
Wrong Cycle::append_group() {
  struct Submitted {
    Ticket ticket;
    std::size_t batch;
    std::uint64_t first;
    Durability durability;
  };
  std::vector<Submitted> submitted;
  const std::uint64_t appenders = 2 + pick(4);
  for (std::uint64_t i = 0; i < appenders; ++i) {
    ModelBatch batch = new_batch(3, 200);
    const Durability durability = chance(0.7) ? Durability::kDurable : Durability::kBuffered;
    auto ticket = store_->submit(expecting(batch), {.durability = durability});
    if (!ticket) {
      if (!crashed()) { return "a submission failed: " + to_string(ticket.error()); }
      break;
    }
    const std::uint64_t first = model_.event_count();
    model_.add(std::move(batch));
    submitted.push_back({std::move(*ticket), model_.batch_count() - 1, first, durability});
  }
  if (submitted.size() >= 2) { histogram_.count(Met::kGroupOfSeveral); }
  std::optional<std::size_t> first_not_there;
  for (const auto& one : submitted) {
    const auto receipt = one.ticket.wait();
    if (receipt) {
      if (auto wrong = check_receipt(*receipt, model_.batches()[one.batch], one.first)) { return wrong; }
      acknowledge(one.batch + 1, one.durability);
    } else if (!crashed()) {
      return "a ticket failed: " + to_string(receipt.error());
    } else if (receipt.error().code() != ErrorCode::kOutcomeUnknown && !first_not_there) {
      first_not_there = one.batch;
    }
  }
  if (first_not_there) { model_.batches().resize(*first_not_there); }
  return std::nullopt;
}

Wrong Cycle::conflict() {
  if (model_.batch_count() == 0) { return std::nullopt; }
  const std::string stream = model_.batches()[pick(model_.batch_count())].events[0].stream;
  const std::uint64_t count = model_.stream_count(stream);
  const auto receipt = store_->append(stream, Expect::exactly(count + pick(3)), {{.type = "Never"}});
  if (receipt) { return "an append with a wrong expectation succeeded"; }
  if (crashed()) { return std::nullopt; }
  const auto& conflicts = receipt.error().conflicts();
  if (receipt.error().code() != ErrorCode::kVersionConflict || conflicts.size() != 1 ||
      conflicts[0].actual != Version(count - 1)) {
    return "a conflict does not say what is: " + to_string(receipt.error());
  }
  // A conflict is an answer that rests on all before it.
  model_.settle();
  histogram_.count(Met::kConflict);
  return std::nullopt;
}

Wrong Cycle::repeat() {
  if (model_.batch_count() == 0) { return std::nullopt; }
  const std::size_t n = pick(model_.batch_count());
  const ModelBatch& batch = model_.batches()[n];
  std::uint64_t first = 0;
  for (std::size_t i = 0; i < n; ++i) { first += model_.batches()[i].events.size(); }
  const auto receipt = store_->append(to_batch(batch));
  if (crashed()) { return std::nullopt; }
  if (!receipt) { return "an append could not be repeated: " + to_string(receipt.error()); }
  if (!receipt->already_appended) { return "a repeated append was written again"; }
  model_.set_durable_up_to(n + 1);
  histogram_.count(Met::kIdempotentRepeat);
  return check_receipt(*receipt, batch, first);
}

Wrong Cycle::work() {
  if (chance(0.85)) { arm(1 + pick(60)); }
  const std::uint64_t steps = 3 + pick(25);
  for (std::uint64_t step = 0; step < steps && !crashed(); ++step) {
    Wrong wrong;
    const std::uint64_t kind = pick(100);
    if (kind < 50) {
      wrong = append(new_batch(3, 300));
    } else if (kind < 70) {
      wrong = append_group();
    } else if (kind < 75) {
      wrong = append(new_batch(30, 2000));
    } else if (kind < 82) {
      wrong = conflict();
    } else if (kind < 90) {
      wrong = repeat();
    } else if (kind < 95) {
      const std::uint64_t durable = store_->info().durable.value();
      wrong = compare(*store_, model_, durable, random_());
      if (crashed()) { wrong.reset(); }  // the power went while reading
    } else if (model_.event_count() > 0) {
      const auto done = store_->wait_durable(Position(model_.event_count() - 1));
      if (done) { model_.settle(); }
      if (!done && !crashed()) { wrong = "waiting failed: " + to_string(done.error()); }
    }
    if (wrong) { return wrong; }
  }
  disarm();
  return std::nullopt;
}

}  // namespace tidemark::crash
