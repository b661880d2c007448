// SPDX-License-Identifier: Apache-2.0
#include "tests/damage/trial.h"

#include <algorithm>
#include <fmt/format.h>

#include "engine/recovery/verify.h"

namespace tidemark::damage {

namespace {

std::string line_of(std::string_view stream, Bytes data) {
  const std::string_view begin = as_text(data.first(std::min<std::size_t>(data.size(), 24)));
  return fmt::format("{} {} bytes {}", stream, data.size(), begin);
}

}  // namespace

Work& Work::add(std::string_view stream, std::string_view data, std::optional<EventId> id) {
  NewEvent event{.type = "Happened", .data = as_bytes(data), .id = id};
  event.tags = {"a:tag-that-is-longer-than-a-short-string"};
  batch.to(stream).add(event);
  lines.push_back(line_of(stream, as_bytes(data)));
  return *this;
}

void Trial::is_wrong(std::string what) {
  if (!wrong_) { wrong_ = std::move(what); }
}

bool Trial::open(const OpenOptions& options) {
  auto core = call("opening", [&] { return engine::open_store(ground_.folder(), options, ground_.environment()); });
  if (!core || !*core) { return false; }
  store_.emplace(std::move(**core));
  return true;
}

void Trial::expect(const Work& work) { model_.push_back({work.lines, Standing::kThere}); }

void Trial::expect(const std::vector<OwnedEvent>& events) {
  Entry entry{{}, Standing::kThere};
  for (const OwnedEvent& event : events) { entry.lines.push_back(line_of(event.stream, event.data)); }
  model_.push_back(std::move(entry));
}

void Trial::note(const Work& work, const Result<Receipt>& result) {
  const Sheltered here;
  Standing standing = Standing::kThere;
  if (!result) {
    switch (result.error().code()) {
      case ErrorCode::kOutcomeUnknown:
        standing = Standing::kUnknown;
        break;
      case ErrorCode::kOutOfMemory:
      case ErrorCode::kStoreFailed:
      case ErrorCode::kVersionConflict:
      case ErrorCode::kIdConflict:
      case ErrorCode::kClosed:
        standing = Standing::kAbsent;
        break;
      default:
        is_wrong("an append failed with " + to_string(result.error()));
    }
  } else if (result->already_appended) {
    return;
  }
  model_.push_back({work.lines, standing});
}

std::optional<Result<Receipt>> Trial::append(const Work& work, const AppendOptions& options) {
  tried_ = true;
  auto result = attempt("append", [&] { return store_->append(work.batch, options); });
  if (result) { note(work, *result); }
  return result;
}

std::optional<Result<Receipt>> Trial::decide(std::string_view stream, const Work& work) {
  tried_ = true;
  auto result = attempt("decide", [&] {
    return store_->decide(stream, [&](Cursor& history, Batch& out) -> Status {
      while (history.next() != nullptr) {}
      out = work.batch;
      return {};
    });
  });
  if (result) { note(work, *result); }
  return result;
}

std::optional<Result<Ticket>> Trial::submit(const Work& work, const AppendOptions& options) {
  tried_ = true;
  return call("submit", [&] { return store_->submit(work.batch, options); });
}

// A ticket that could not tell for want of memory tells later.
std::optional<Result<Receipt>> Trial::wait(const Ticket& of, const Work& work) {
  auto result = attempt("wait", [&] { return of.wait(); });
  if (result && !*result && (*result).error().code() == ErrorCode::kOutcomeUnknown) {
    const Sheltered here;
    auto again = attempt("wait", [&] { return of.wait(); });
    if (again) { result = std::move(again); }
  }
  if (result) { note(work, *result); }
  return result;
}

void Trial::settle() {
  if (store_ && !store_->info().read_only) {
    const auto went_on = append(Work().add("a", "went on").add("b", "went on").add("afterwards", "went on"));
    if (went_on && !*went_on && (*went_on).error().code() != ErrorCode::kStoreFailed &&
        (*went_on).error().code() != ErrorCode::kClosed) {
      is_wrong("with memory back, appending fails with " + to_string((*went_on).error()));
    }
    const bool failed = went_on && !*went_on;
    const Status closed = store_->close();
    if (!closed && !failed) { is_wrong("with memory back, closing fails with " + to_string(closed.error())); }
  }
  store_.reset();
  ticket.reset();
  if (wrong_) { return; }
  if (mended) { ground_.restore(*mended); }
  auto core = engine::open_store(ground_.folder(), options_, ground_.environment());
  if (!core) {
    is_wrong("opening again fails with " + to_string(core.error()));
    return;
  }
  if (auto verified = engine::verify_store(ground_.folder(), ground_.environment(), {}); !verified) {
    is_wrong("verify fails afterwards with " + to_string(verified.error()));
  } else if (!verified->whole()) {
    is_wrong("verify finds damage afterwards: " + verified->damages.front().what);
  }
  Store store(std::move(*core));
  std::vector<std::string> found;
  const Status read = store.read(Query::all(), {.access = Access::kCopied}).for_each([&](const Event& event) {
    found.push_back(line_of(event.stream(), event.data()));
  });
  if (!read) { is_wrong("reading afterwards fails with " + to_string(read.error())); }
  if (auto wrong = compare(found)) { is_wrong(*wrong); }
  if (auto closed = store.close(); !closed) { is_wrong("closing again fails with " + to_string(closed.error())); }
}

// The log must be the batches that are there, in their order, and of those in doubt each as a whole or not at all.
Wrong Trial::compare(const std::vector<std::string>& found) const {
  auto at = found.begin();
  for (const Entry& entry : model_) {
    const auto left = static_cast<std::size_t>(found.end() - at);
    const bool here = left >= entry.lines.size() && std::equal(entry.lines.begin(), entry.lines.end(), at);
    if (entry.standing == Standing::kThere && !here) {
      return fmt::format("acknowledged and not there after {} events: \"{}\"", at - found.begin(), entry.lines.front());
    }
    if (here && entry.standing != Standing::kAbsent) { at += static_cast<std::ptrdiff_t>(entry.lines.size()); }
  }
  if (at == found.end()) { return std::nullopt; }
  return fmt::format("there and not acknowledged, after {} events: \"{}\"", at - found.begin(), *at);
}

}  // namespace tidemark::damage
