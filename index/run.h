// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/key.h"
#include "index/run_bytes.h"
#include "index/run_keys.h"
#include "index/run_places.h"
#include "index/run_table.h"
#include "platform/file_system.h"
#include "tidemark/error.hpp"
#include "tidemark/event.hpp"
#include "tidemark/types.hpp"

namespace tidemark::index {

// What is known of the events at the positions [first, end) of a log, in one file that was written once and never
// changes: positions by key, positions by id, places by position. Derived from the log: it can be deleted and built
// again. docs/format/index.md.
//
// Safe from many threads. Each part of the file is brought into memory and checked at its first use; one that does not
// hold what was written is kDamaged with path and offset, whatever the bytes are, and so is a file that contradicts
// itself. Memory: a bit for every 16 KiB of the file.
class Run {
 public:
  // `path` is for errors.
  [[nodiscard]] static Result<std::shared_ptr<const Run>> open(std::unique_ptr<platform::Mapping> mapping,
                                                               std::filesystem::path path);
  [[nodiscard]] static Result<std::shared_ptr<const Run>> open(platform::File& file, std::filesystem::path path);
  // Of bytes in memory, which must outlive it.
  [[nodiscard]] static Result<std::shared_ptr<const Run>> over(std::span<const std::byte> bytes);

  [[nodiscard]] Position first() const { return Position(header().first); }
  [[nodiscard]] Position end() const { return Position(header().end); }
  [[nodiscard]] const platform::Uuid& log_id() const { return header().log_id; }
  [[nodiscard]] std::uint64_t file_size() const { return bytes_.size(); }
  // What the writer was given to keep.
  [[nodiscard]] std::span<const std::byte> note() const { return std::span(header().note).first(header().note_size); }
  [[nodiscard]] const std::filesystem::path& path() const { return bytes_.path(); }

  // How many keys of a kind have a position in this run, and how many of them have none before it: a sum of those over
  // runs that lie side by side, from the log's first position on, counts each key once.
  [[nodiscard]] std::uint64_t key_count(KeyKind kind) const { return header().of_kind(kind_slot(kind)).keys; }
  [[nodiscard]] std::uint64_t beginning_count(KeyKind kind) const {
    return header().of_kind(kind_slot(kind)).beginning;
  }

  // The key, if it has a position in this run. The hash narrows, the bytes decide.
  [[nodiscard]] Result<std::optional<RunKey>> find(const Key& key) const;
  // The key's positions from the ordinal-th on, as many as this run has and fit; gives how many. Ordinals count through
  // all runs: one below key.base is kInvalidArgument.
  [[nodiscard]] Result<std::size_t> positions(const RunKey& key, std::uint64_t ordinal, std::span<Position> into) const;
  // How many of the key's positions in this run are below end.
  [[nodiscard]] Result<std::uint64_t> count_below(const RunKey& key, Position end) const;
  [[nodiscard]] Result<Position> last(const RunKey& key) const;

  // Appends the positions in this run at which the event with this id can be, in rising order. A candidate is no proof:
  // only 36 bits of the id's hash are kept, so compare the id of the event there. An id that is in the run is always
  // among its candidates; one that is not has a candidate in one of 2^36 / id_count cases.
  [[nodiscard]] Status candidates(const EventId& id, std::vector<Position>& into, IdHasher hasher = hash_id) const;
  [[nodiscard]] std::uint64_t id_count() const { return header().id_count; }

  // Where events stand. kInvalidArgument for a position that is not in this run.
  [[nodiscard]] Result<Place> place(Position position) const;
  [[nodiscard]] Status places(Position from, std::span<Place> into) const;
  // Ask the processor for what place() will look at, of a position in this run: the second with what the first one
  // asked for. For several positions, before place() of the first.
  void prefetch_place_offset(Position position) const;
  void prefetch_place(Position position) const;

  struct Listed {
    std::string name;
    RunKey key;
    Position last;
  };
  // The keys of a kind that begin with prefix and come after `after` (if given), by the order of their bytes.
  [[nodiscard]] Result<std::vector<Listed>> list(KeyKind kind, std::optional<std::string_view> after,
                                                 std::string_view prefix, std::uint64_t limit) const;

  // For those that go through all of a run.
  [[nodiscard]] const RunBytes& bytes() const { return bytes_; }
  [[nodiscard]] const KeyBlocks& blocks() const { return blocks_; }
  [[nodiscard]] const Table& ids() const { return ids_; }

  explicit Run(std::unique_ptr<RunBytes> opened);

 private:
  [[nodiscard]] static Result<std::shared_ptr<const Run>> make(std::span<const std::byte> bytes,
                                                               std::unique_ptr<platform::Mapping> mapping,
                                                               std::filesystem::path path);
  friend class RunSearch;
  [[nodiscard]] const RunHeader& header() const { return bytes_.header(); }
  [[nodiscard]] Result<std::optional<RunKey>> find_in_block(const Key& key, std::uint64_t block) const;
  struct PlaceBlock {
    const std::byte* bytes;
    std::uint64_t size;
    std::uint64_t count;   // places
    std::uint64_t offset;  // in the file
  };
  [[nodiscard]] Result<PlaceBlock> place_block(std::uint64_t number) const;
  [[nodiscard]] Error senseless(const PlaceBlock& block) const;

  const std::unique_ptr<RunBytes> owned_;
  const RunBytes& bytes_;
  const KeyBlocks blocks_;
  const Table keys_;
  const Table ids_;
};

// Looks for a key in a run as Run::find does, in steps: each asks the processor for what the next one looks at, and
// waits for nothing. So that a key is looked for in several runs at once, they all take the first step, then the
// second. Steps look at nothing that was not checked before: then it is find() that does all.
class RunSearch {
 public:
  RunSearch() = default;
  RunSearch(const Run& run, const Key& key);  // the first step
  void to_entries();
  void to_block();
  void to_keys();
  // The last one. As Run::find.
  [[nodiscard]] Result<std::optional<RunKey>> find(const Key& key) const;

 private:
  enum class Seen : std::uint8_t { kNothing, kAbsent, kBlock };

  const Run* run_ = nullptr;
  std::uint64_t hash_ = 0;
  std::uint64_t block_ = 0;  // where it most likely is, if one was seen
  Seen seen_ = Seen::kNothing;
};

// Goes through the keys of a run in the order of kind and name. Not safe from several threads; the run must outlive it.
// Keys that are not in order, or lists that lie over each other, are kDamaged: going through a run ends.
class RunKeyCursor {
 public:
  // All keys of all kinds.
  explicit RunKeyCursor(const Run& run);
  RunKeyCursor(const Run& run, KeyKind kind);

  // The next call of next() gives the first key (of the cursor's kind) whose name is not below this one.
  [[nodiscard]] Status seek(KeyKind kind, std::string_view name);
  // False at the end.
  [[nodiscard]] Result<bool> next();

  // Of the key that next() went to.
  [[nodiscard]] KeyKind kind() const { return kind_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const RunKey& key() const { return key_; }

 private:
  [[nodiscard]] Status enter_block();
  [[nodiscard]] Status take(const KeyBlock::Entry& entry);
  [[nodiscard]] Error in_disorder() const;

  const Run* run_;
  std::uint64_t next_block_;
  std::uint64_t end_block_;
  std::optional<KeyBlock> block_;
  std::uint64_t left_ = 0;   // keys of the block
  bool in_first_ = false;    // at the first key of the block
  bool has_key_ = false;     // name_ is the key before, of the same kind
  bool was_sought_ = false;  // name_ is given once more
  std::uint64_t lists_from_ = 0;
  KeyKind kind_ = KeyKind::kStream;
  std::string name_;
  RunKey key_;
};

}  // namespace tidemark::index
