// SPDX-License-Identifier: Apache-2.0
// Tidemark behind the interface of the benchmark harness (store.h there), so that it is measured by the same driver as
// the other stores. bench/peers/README.md.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <store.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tidemark/tidemark.hpp"

namespace pb {

namespace {

template <class T>
T must(tidemark::Result<T> result, const char* what) {
  if (!result) { die(std::string("tidemark ") + what + ": " + tidemark::to_string(result.error())); }
  if constexpr (!std::is_void_v<T>) { return std::move(*result); }
}

tidemark::Bytes bytes_of(std::string_view text) { return tidemark::as_bytes(text); }

// The harness counts the events that a stream must hold; Tidemark names the version of the last one.
tidemark::Expect expect_of(std::int64_t count) {
  if (count == kAny) { return tidemark::Expect::any(); }
  if (count == 0) { return tidemark::Expect::no_stream(); }
  return tidemark::Expect::exactly(static_cast<std::uint64_t>(count) - 1);
}

// Ids are made by the library: those of the harness come from a pool and repeat, which Tidemark refuses.
class TidemarkStore : public Store {
 public:
  explicit TidemarkStore(bool two_tags) : two_tags_(two_tags) {}

  void open(const std::string& folder, const OpenOptions& options) override {
    tidemark::OpenOptions how;
    how.durability = options.durable ? tidemark::Durability::kDurable : tidemark::Durability::kBuffered;
    // Otherwise the segments are written twice: full of zeros first, so that commits are cheap. None is waited for
    // here.
    if (options.bulk && !options.durable) { how.preallocation = tidemark::Preallocation::kUnwritten; }
    store_.emplace(must(tidemark::Store::open(folder, how), "open"));
  }

  AppendResult append(const AppendReq& request) override {
    tidemark::Batch batch;
    fill(batch, request);
    auto receipt = store_->append(batch);
    if (receipt) {
      const std::uint64_t last = receipt->last().value();
      return {Status::ok, receipt->streams.front().last.value() + 1, last};
    }
    if (receipt.error().code() != tidemark::ErrorCode::kVersionConflict) {
      fprintf(stderr, "tidemark append: %s\n", tidemark::to_string(receipt.error()).c_str());
      return {};
    }
    const auto actual = receipt.error().conflicts().front().actual;
    return {Status::conflict, actual ? actual->value() + 1 : 0, 0};
  }

  // One batch, of as many streams as there are.
  void append_bulk(std::span<const AppendReq> requests) override {
    tidemark::Batch batch;
    for (const AppendReq& request : requests) { fill(batch, request); }
    must(store_->append(batch), "append");
  }

  std::int64_t stream_length(std::string_view stream) override {
    const auto info = must(store_->stream(stream), "stream");
    return info ? static_cast<std::int64_t>(info->last_version.value()) + 1 : 0;
  }

  std::uint64_t read_stream(std::string_view stream, std::uint64_t from, std::uint64_t count, Visitor visit) override {
    tidemark::ReadOptions how;
    if (from > 0) { how.from_version = tidemark::Version(from); }
    how.limit = count;
    return give(store_->read(tidemark::Query::stream(std::string(stream)), how), visit);
  }

  std::uint64_t read_all(std::uint64_t from, Visitor visit) override {
    return give(store_->read(tidemark::Query::all(), {.from_position = tidemark::Position(from)}), visit);
  }

  void sync() override {
    const auto written = store_->info().written.value();
    if (written > 0) { must(store_->wait_durable(tidemark::Position(written - 1)), "wait_durable"); }
  }

  void close() override {
    must(store_->close(), "close");
    store_.reset();
  }

 private:
  void fill(tidemark::Batch& batch, const AppendReq& request) const {
    auto stream = batch.to(request.stream, expect_of(request.expected));
    for (const EventIn& in : request.events) {
      tidemark::NewEvent event{.type = in.type, .data = bytes_of(in.payload)};
      // One that its stream alone has, and one of a thousand that many share.
      std::string of_stream;
      std::string shared;
      if (two_tags_) {
        of_stream = std::string("of:").append(request.stream);
        shared = std::string("customer:").append(request.stream.substr(request.stream.size() - 3));
        event.tags = {of_stream, shared};
      }
      stream.add(event);
    }
  }

  static std::uint64_t give(tidemark::Cursor cursor, Visitor visit) {
    std::uint64_t seen = 0;
    while (const tidemark::Event* event = cursor.next()) {
      ++seen;
      const EventOut out{.position = event->position().value(),
                         .next = 0,
                         .version = event->version().value(),
                         .id = reinterpret_cast<const std::uint8_t*>(event->id().bytes().data()),
                         .stream = event->stream(),
                         .type = event->type(),
                         .payload = tidemark::as_text(event->data())};
      if (!visit(out)) { break; }
    }
    must(cursor.status(), "read");
    return seen;
  }

  const bool two_tags_;
  std::optional<tidemark::Store> store_;
};

}  // namespace

std::unique_ptr<Store> make_tidemark(bool two_tags) { return std::make_unique<TidemarkStore>(two_tags); }

}  // namespace pb
