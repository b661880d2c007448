// SPDX-License-Identifier: Apache-2.0
// Tidemark by its public interface, with its defaults. Ids are made by the library, as they are if nobody gives one.
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "bench/compare/stores.h"
#include "tidemark/tidemark.hpp"

namespace tidemark::compare {

namespace {

template <class T>
T must(Result<T> result, const char* what) {
  if (!result) { throw Failure(std::string("tidemark ") + what + ": " + to_string(result.error())); }
  if constexpr (!std::is_void_v<T>) { return std::move(*result); }
}

// The last version where the others count events.
Expect expect_of(const std::optional<std::uint64_t>& length) {
  if (!length) { return Expect::any(); }
  return *length == 0 ? Expect::no_stream() : Expect::exactly(*length - 1);
}

NewEvent new_event(const EventToAppend& event) { return {.type = event.type, .data = as_bytes(event.payload)}; }

void add(Batch& batch, const Append& append) {
  auto stream = batch.to(append.stream, expect_of(append.expected_length));
  for (const EventToAppend& event : append.events) { stream.add(new_event(event)); }
}

EventSeen seen(const Event& event) {
  const std::uint64_t position = event.position().value();
  return {.position = position,
          .next_position = position + 1,
          .version = event.version().value(),
          .stream = event.stream(),
          .type = event.type(),
          .payload = as_text(event.data())};
}

void give(Cursor cursor, const Visit& visit) {
  while (const Event* event = cursor.next()) {
    if (!visit(seen(*event))) { return; }
  }
  must(cursor.status(), "read");
}

class Tickets final : public Submitter {
 public:
  explicit Tickets(tidemark::Store& store) : store_(store) {}
  void submit(const Append& append) override {
    batch_.clear();
    add(batch_, append);
    tickets_.push_back(must(store_.submit(batch_), "submit"));
  }
  void wait_oldest() override {
    must(tickets_.front().wait(), "wait");
    tickets_.pop_front();
  }

 private:
  tidemark::Store& store_;
  Batch batch_;
  std::deque<Ticket> tickets_;
};

class TidemarkStore final : public Store {
 public:
  void open(const std::filesystem::path& folder, const Opening& how) override {
    // What is not durable is said with each append: the store itself is opened as ever.
    how_.durability = how.durable ? Durability::kDurable : Durability::kBuffered;
    store_.emplace(
        must(tidemark::Store::open(folder, {.allow_unsafe_file_system = how.allow_unsafe_file_system}), "open"));
  }

  void close() override {
    must(store_->close(), "close");
    store_.reset();
  }

  Answer append(const Append& append) override {
    thread_local std::vector<NewEvent> events;
    events.clear();
    for (const EventToAppend& event : append.events) { events.push_back(new_event(event)); }
    const auto receipt = store_->append(append.stream, expect_of(append.expected_length), events, how_);
    if (receipt) { return {.conflict = false, .length = receipt->streams.front().last.value() + 1}; }
    if (receipt.error().code() != ErrorCode::kVersionConflict) { must(receipt, "append"); }
    const auto actual = receipt.error().conflicts().front().actual;
    return {.conflict = true, .length = actual ? actual->value() + 1 : 0};
  }

  void append_together(std::span<const Append> appends) override {
    Batch batch;
    for (const Append& append : appends) { add(batch, append); }
    must(store_->append(batch, how_), "append");
  }

  void sync() override {
    const std::uint64_t written = store_->info().written.value();
    if (written > 0) { must(store_->wait_durable(Position(written - 1)), "wait_durable"); }
  }

  std::unique_ptr<Submitter> submitter() override { return std::make_unique<Tickets>(*store_); }

  std::uint64_t stream_length(std::string_view stream) override {
    const auto info = must(store_->stream(stream), "stream");
    return info ? info->last_version.value() + 1 : 0;
  }

  void read_stream(std::string_view stream, const Visit& visit) override {
    give(store_->read(Query::stream(std::string(stream))), visit);
  }

  void read_all(std::uint64_t from, const Visit& visit) override {
    give(store_->read(Query::all(), {.from_position = Position(from)}), visit);
  }

  // A subscription, which sleeps until it is woken.
  void follow(const std::stop_token& stop, const Visit& visit) override {
    auto subscription = must(store_->subscribe(Query::all()), "subscribe");
    while (!stop.stop_requested()) {
      const auto run = subscription.next(stop);
      if (!run && run.error().code() == ErrorCode::kStopped) { return; }
      for (const Event& event : must(run, "next")) { visit(seen(event)); }
    }
  }

 private:
  std::optional<tidemark::Store> store_;
  AppendOptions how_;
};

}  // namespace

std::unique_ptr<Store> make_tidemark_store() { return std::make_unique<TidemarkStore>(); }

}  // namespace tidemark::compare
