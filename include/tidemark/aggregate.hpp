// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tidemark/decide.hpp"
#include "tidemark/snapshot.hpp"
#include "tidemark/store.hpp"

// A stream folded into a state. The fold is a function (State&, const Event&) that gives nothing, or a Status whose
// error ends the call. A state begins as State{}. What the caller's functions throw passes through.
namespace tidemark {

// A state, and the version of the last event that is in it.
template <class State>
struct Loaded {
  State state{};
  std::optional<Version> version = {};  // none: the stream has no event
  std::uint64_t folded = 0;             // events that were read; the others came with a snapshot

  // For an append that rests on this state: fails if another came between.
  [[nodiscard]] Expect expect() const { return version ? Expect::exactly(*version) : Expect::no_stream(); }
};

// How a state becomes the bytes of a snapshot and comes back.
template <class State>
struct SnapshotCodec {
  // See SaveSnapshotOptions::schema.
  std::string schema = {};
  std::function<std::vector<std::byte>(const State&)> encode = {};
  // Nothing if it cannot read the bytes: then all events are folded.
  std::function<std::optional<State>(Bytes)> decode = {};
};

struct LoadOptions {
  // The state as of this version, inclusive; of now if the stream does not reach so far.
  std::optional<Version> until = {};
};

namespace detail {

template <class State, class Fold>
[[nodiscard]] Status fold_rest(Cursor& events, Fold& fold, Loaded<State>& loaded) {
  while (const Event* const event = events.next()) {
    if constexpr (std::is_void_v<std::invoke_result_t<Fold&, State&, const Event&>>) {
      std::invoke(fold, loaded.state, *event);
    } else {
      if (Status folded = std::invoke(fold, loaded.state, *event); !folded) { return folded; }
    }
    loaded.version = event->version();
    ++loaded.folded;
  }
  return events.status();
}

template <class State>
[[nodiscard]] Result<Loaded<State>> from_snapshot(const Store& store, std::string_view stream,
                                                  const SnapshotCodec<State>& codec, const LoadOptions& options) {
  auto found = store.snapshot(stream, {.schema = codec.schema, .until = options.until});
  if (!found) { return std::unexpected(std::move(found.error())); }
  Loaded<State> loaded;
  if (*found) {
    if (std::optional<State> state = codec.decode((*found)->state)) {
      loaded.state = std::move(*state);
      loaded.version = (*found)->version;
    }
  }
  return loaded;
}

template <class State, class Fold>
[[nodiscard]] Result<Loaded<State>> load_from(const Store& store, std::string_view stream, Fold& fold,
                                              Loaded<State> loaded, const LoadOptions& options) {
  const Version first = loaded.version ? loaded.version->next() : Version(0);
  ReadOptions how{.from_version = first, .visibility = Visibility::kWritten};
  if (options.until && *options.until < first) {
    how.limit = 0;
  } else if (options.until && *options.until - first < how.limit) {
    how.limit = *options.until - first + 1;
  }
  Cursor events = store.read(Query::stream(stream), how);
  if (Status folded = fold_rest(events, fold, loaded); !folded) { return std::unexpected(std::move(folded.error())); }
  return loaded;
}

template <class State, class Fold, class Decide>
[[nodiscard]] Result<Receipt> decide_from(Store& store, std::string_view stream, Fold& fold, Decide& decision,
                                          const Loaded<State>& begin, DecideOptions options) {
  options.from_version = begin.version ? begin.version->next() : Version(0);
  const auto round = [&](Cursor& history, Batch& out) -> Status {
    Loaded<State> loaded = begin;
    if (Status folded = fold_rest(history, fold, loaded); !folded) { return folded; }
    return std::invoke(decision, std::as_const(loaded.state), out);
  };
  return store.decide(stream, std::cref(round), options);
}

}  // namespace detail

// The state of a stream: all its events folded, every append that was acknowledged to this process among them, also if
// it is not durable yet. An append that rests on it is answered only when what it rests on is.
template <class State, class Fold>
[[nodiscard]] Result<Loaded<State>> load(const Store& store, std::string_view stream, Fold&& fold,
                                         const LoadOptions& options = {}) {
  return detail::load_from(store, stream, fold, Loaded<State>(), options);
}

// The same, from the newest snapshot that there is and the events after it. Without one, or if decode gives nothing,
// from the first event.
template <class State, class Fold>
[[nodiscard]] Result<Loaded<State>> load(const Store& store, std::string_view stream, Fold&& fold,
                                         const SnapshotCodec<State>& codec, const LoadOptions& options = {}) {
  auto begin = detail::from_snapshot(store, stream, codec, options);
  if (!begin) { return begin; }
  return detail::load_from(store, stream, fold, std::move(*begin), options);
}

// Store::decide for who decides on the state: decision is a function (const State&, Batch& out) that gives a Status.
// DecideOptions::from_version is not looked at.
template <class State, class Fold, class Decide>
[[nodiscard]] Result<Receipt> decide(Store& store, std::string_view stream, Fold&& fold, Decide&& decision,
                                     const DecideOptions& options = {}) {
  return detail::decide_from(store, stream, fold, decision, Loaded<State>(), options);
}

// The same, from the newest snapshot that there is. State has to be copyable: each round begins with the snapshot's.
template <class State, class Fold, class Decide>
[[nodiscard]] Result<Receipt> decide(Store& store, std::string_view stream, Fold&& fold, Decide&& decision,
                                     const SnapshotCodec<State>& codec, const DecideOptions& options = {}) {
  auto begin = detail::from_snapshot(store, stream, codec, {});
  if (!begin) { return std::unexpected(std::move(begin.error())); }
  return detail::decide_from(store, stream, fold, decision, *begin, options);
}

// Keeps what was loaded, for the next load. Nothing for a stream without events. Errors: see Store::save_snapshot; they
// mean only that the next load takes longer.
template <class State>
[[nodiscard]] Status save_snapshot(Store& store, std::string_view stream, const Loaded<State>& loaded,
                                   const SnapshotCodec<State>& codec) {
  if (!loaded.version) { return {}; }
  return store.save_snapshot(stream, *loaded.version, codec.encode(loaded.state), {.schema = codec.schema});
}

}  // namespace tidemark
