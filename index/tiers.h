// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/key.h"
#include "index/memory_table.h"
#include "index/run.h"
#include "index/run_healer.h"
#include "tidemark/error.hpp"
#include "tidemark/event.hpp"
#include "tidemark/types.hpp"

namespace tidemark::index {

// The positions of one key, in order, below the end that they were asked for with; for a stream the n-th is version n.
// Belongs to one thread; the tiers must outlive it.
class Postings {
 public:
  [[nodiscard]] std::uint64_t count() const { return count_; }
  // Those from the ordinal-th on, as many as fit and are there; gives how many.
  [[nodiscard]] Result<std::size_t> positions(std::uint64_t ordinal, std::span<Position> into) const;
  // How many are below a position.
  [[nodiscard]] Result<std::uint64_t> below(Position position) const;

 private:
  friend class Tiers;
  // What one run or table has of them.
  struct Part {
    const std::shared_ptr<const Run>* run = nullptr;
    RunKey run_key = {};
    const MemoryTable* table = nullptr;
    std::uint64_t base = 0;
    std::uint64_t count = 0;
  };
  Postings(const Key& key, Position end, RunHealer* healer) : key_(key), end_(end), healer_(healer) {}
  [[nodiscard]] Result<std::size_t> positions_in(const Part& part, std::uint64_t ordinal,
                                                 std::span<Position> into) const;
  template <class Ask>
  [[nodiscard]] auto ask(const Part& part, Ask question) const -> decltype(question(**part.run, part.run_key));

  Key key_;
  Position end_;
  RunHealer* healer_;
  std::uint64_t count_ = 0;
  std::vector<Part> parts_;  // oldest first, each with at least one
};

// The index of a log: key -> the positions of its events, id -> position, position -> place. Run files for what is old,
// tables in memory for what is new, side by side from position 0 on. Derived from the log: it can be thrown away and
// built again. What it is made of never changes but for the last table, which grows.
//
// Every question names an end: positions from there on do not exist for it, so that readers with different views share
// one index. Safe to ask from many threads. A run that turns out to be damaged is healed, if there is somebody to do
// it, and asked again. Errors are a run's or the healer's: kDamaged, kIo, kOutOfMemory.
class Tiers {
 public:
  using Runs = std::vector<std::shared_ptr<const Run>>;
  using Tables = std::vector<std::shared_ptr<const MemoryTable>>;

  // At least one table, the last one that grows, unless nobody asks for places. The healer, if there is one, must live
  // as long as this is asked.
  Tiers(Runs runs, Tables tables, RunHealer* healer = nullptr)
      : runs_(std::move(runs)), tables_(std::move(tables)), healer_(healer) {}

  [[nodiscard]] const Runs& runs() const { return runs_; }
  [[nodiscard]] const Tables& tables() const { return tables_; }

  // How many positions the key has below end.
  [[nodiscard]] Result<std::uint64_t> count(const Key& key, Position end) const;
  // The same of several keys, together: the processor waits for memory for many of them at once.
  [[nodiscard]] Status counts(std::span<const Key* const> keys, Position end, std::span<std::uint64_t> into) const;
  // What tables tell of them, without a look at a run: nothing for a key that no table has and was told of.
  void counts_in_tables(std::span<const Key* const> keys, Position end,
                        std::span<std::optional<std::uint64_t>> into) const;
  [[nodiscard]] Result<Postings> postings(const Key& key, Position end) const;

  using Entry = MemoryKeyIndex::Entry;
  // The keys of a kind with a position below end, in the byte order of their names.
  [[nodiscard]] Result<std::vector<Entry>> list(KeyKind kind, const NamePage& page, Position end) const;
  // How many keys of a kind have a position below end.
  [[nodiscard]] Result<std::uint64_t> key_count(KeyKind kind, Position end) const;

  // Whether the event at this place, at this position, has the id that is looked for.
  using IdCheck = std::function<Result<bool>(Position, const Place&)>;
  // The position of the event with this id, if there is one below end. A run only narrows; the check decides.
  [[nodiscard]] Result<std::optional<Position>> find(const EventId& id, Position end, const IdCheck& check) const;

  // Where an event stands. The position must have been published.
  [[nodiscard]] Result<Place> place(Position position) const;
  // Of several positions, rising or falling, together: the processor waits for all of them at once. Gives for how many
  // there was no error; that of the next one is told by place().
  [[nodiscard]] std::size_t places_of(std::span<const Position> positions, std::span<Place> into) const;
  // The same for several positions side by side; gives for how many: at least one.
  [[nodiscard]] Result<std::size_t> places(Position from, std::span<Place> into) const;

 private:
  using RunPointer = std::shared_ptr<const Run>;
  // What the question gives for a run, or for that run healed.
  template <class Ask>
  [[nodiscard]] auto ask(const RunPointer& run, Ask question) const -> decltype(question(*run));
  [[nodiscard]] static Result<std::uint64_t> new_keys(const Run& run, KeyKind kind, Position end);
  // The one that has it, of a position below the tables.
  [[nodiscard]] const RunPointer& run_of(Position position) const;
  // How many positions keys have in the runs alone, of a few keys.
  [[nodiscard]] Status counts_in_runs(std::span<const Key* const> keys, Position end,
                                      std::span<std::uint64_t> into) const;

  Runs runs_;      // oldest first
  Tables tables_;  // likewise
  RunHealer* healer_;
};

}  // namespace tidemark::index
