// SPDX-License-Identifier: Apache-2.0
// Store::decide: read, ask, append if nothing came between, else again.
#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "engine/commit/batch_access.h"
#include "engine/format/names.h"
#include "engine/read/cursor_impl.h"
#include "engine/store/store_core.h"
#include "platform/checksum.h"

namespace tidemark::engine {

namespace {

bool is_one_stream(const Query& query) { return query.scope() == Query::Scope::kStream && query.items().empty(); }

std::uint64_t turn_of(const Query& query) {
  const std::string text = is_one_stream(query) ? query.scope_name() : to_string(query);
  return platform::xxh3_64(as_bytes(text));
}

// What a decision adds to its batch, so that nothing can come between: the version of the stream as it was seen, or
// else that nothing after the last position that was seen matches.
class Guard {
 public:
  // events: of the stream.
  Guard(const Query& query, std::optional<Position> last_seen, std::uint64_t events, Batch& batch) : query_(query) {
    if (is_one_stream(query)) {
      const Expect seen = events == 0 ? Expect::no_stream() : Expect::exactly(events - 1);
      Expect& expect = BatchAccess::expectation(batch, query.scope_name());
      if (expect == Expect::any() || expect == seen) {
        expect = seen;
        return;
      }
    }
    // An expectation of the decision's own stands where the version would: it is to hold as well, and what fails of it
    // is the answer.
    condition_ = BatchAccess::conditions(batch).size();
    batch.fail_if_match(query, {.after = last_seen});
  }

  [[nodiscard]] bool failed_in(const Error& error) const {
    if (condition_) {
      return std::ranges::any_of(error.match_conflicts(),
                                 [&](const MatchConflict& one) { return one.condition == *condition_; });
    }
    return std::ranges::any_of(error.conflicts(),
                               [&](const Conflict& one) { return one.stream == query_.scope_name(); });
  }

 private:
  const Query& query_;
  std::optional<std::size_t> condition_;  // none: it is the version
};

}  // namespace

Result<Receipt> StoreCore::decide(const Query& query, const Decision& decision, const DecideOptions& options) {
  Result<Outcome> outcome = std::unexpected(Error(ErrorCode::kOutOfMemory, {}));
  try {
    if (auto writable = check_may_append(); !writable) { return std::unexpected(std::move(writable.error())); }
    if (!decision) { return std::unexpected(Error(ErrorCode::kInvalidArgument, "there is no decision to call")); }
    if (auto good = check_query(query); !good) { return std::unexpected(std::move(good.error())); }
    auto turn = turns_.take(turn_of(query), options.stop);
    if (!turn) { return std::unexpected(std::move(turn.error())); }
    outcome = decide_in_turn(query, decision, options, *turn);
    if (!outcome) { return std::unexpected(std::move(outcome.error())); }
    // The turn ends here: the next one sees what was sequenced, and need not wait for the disk before it decides.
  } catch (const std::bad_alloc&) { return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory")); }
  return finish_append(*outcome, options.stop,
                       "stopped while waiting for the disk: the decision has its place in the log and will most likely "
                       "be there; read what it decided on to be sure");
}

Result<Outcome> StoreCore::decide_in_turn(const Query& query, const Decision& decision, const DecideOptions& options,
                                          Turns::Turn& turn) {
  const std::uint32_t rounds = std::max<std::uint32_t>(options.rounds, 1);
  for (std::uint32_t round = 0; round < rounds; ++round) {
    auto outcome = decide_once(query, decision, options, turn);
    if (!outcome) { return std::unexpected(std::move(outcome.error())); }
    if (*outcome) { return std::move(**outcome); }
  }
  return std::unexpected(Error(
      ErrorCode::kContended, "other appends to what was decided on (" + to_string(query) + ") came between " +
                                 std::to_string(rounds) +
                                 " times; nothing was appended: try again later, or let them decide too, so that they "
                                 "take turns"));
}

// One round; nothing if another append came between.
Result<std::optional<Outcome>> StoreCore::decide_once(const Query& query, const Decision& decision,
                                                      const DecideOptions& options, Turns::Turn& turn) {
  const Level level = level_of(options.durability.value_or(options_.durability));
  // Everything that this process has sequenced by now can be read once it is written.
  if (auto seen = committer_->reach(committer_->marks().sequenced.position, Level::kWritten, options.stop); !seen) {
    return std::unexpected(std::move(seen.error()));
  }
  auto reading = std::make_unique<detail::CursorImpl>(
      shared_from_this(), query, ReadOptions{.from_version = options.from_version, .visibility = Visibility::kWritten});
  if (!reading->status()) { return std::unexpected(reading->status().error()); }
  const Position end = reading->end();
  const std::uint64_t events = reading->ordinals();
  Cursor history(std::move(reading));
  const std::optional<Position> last_seen = history.last_visible();
  Batch batch;
  Status decided;
  {
    const Turns::Inside inside(turn);
    decided = decision(history, batch);
  }
  if (auto ours = check_process(); !ours) { return std::unexpected(std::move(ours.error())); }
  if (decided) { decided = history.status(); }  // a history cut short is nothing to decide on
  if (!decided) {
    // It is an answer like any other: if what it rests on is lost after all, it was none.
    if (auto stands = committer_->reach(end, level, options.stop); !stands) {
      return std::unexpected(std::move(stands.error()));
    }
    return std::unexpected(std::move(decided.error()));
  }
  const Guard guard(query, last_seen, events, batch);
  auto outcome =
      begin_append(batch, {.durability = options.durability, .stop = options.stop}, Committer::Room::kWait, true);
  if (!outcome) { return std::unexpected(std::move(outcome.error())); }
  if (!outcome->answer && guard.failed_in(outcome->answer.error())) { return std::nullopt; }
  return std::move(*outcome);
}

}  // namespace tidemark::engine
