// SPDX-License-Identifier: Apache-2.0
// Goal: no bytes of an index file make who asks it crash, run on or take much memory: each answer is an error or a
// value that can be one. Method: the input is an index file. It is asked everything by itself, merged into a new run,
// and put in the place of one of a store's: there the store is opened read-only and for writing, and asked too. What
// the file says with right checksums may be wrong; what the log says may not.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>

#include "engine/format/index_file.h"
#include "engine/log/index_note.h"
#include "index/merged_run_source.h"
#include "index/run.h"
#include "index/run_format.h"
#include "index/run_writer.h"
#include "tests/fuzz/index_store.h"
#include "tests/fuzz/targets.h"

namespace tidemark::fuzz {

namespace {

using index::KeyKind;
using RunPointer = std::shared_ptr<const index::Run>;

constexpr std::array kKinds{KeyKind::kStream, KeyKind::kCategory, KeyKind::kType, KeyKind::kTag, KeyKind::kCheckpoint};
constexpr std::size_t kKeysAsked = 200;  // of each kind, in every way; all are gone through
constexpr std::uint64_t kPlacesAsked = 4096;
constexpr std::uint64_t kPageNames = 64;

// A byte of the file can stand for so many of the memory of an answer or of a new file: an empty chunk of 8 bytes is
// 128 positions, a block of places of 11 bytes is 32 of them.
constexpr std::uint64_t kGrowthMax = 64;
constexpr std::uint64_t kGrowthStart = std::uint64_t{64} << 10U;

// Whether there is an answer. Errors are those that a file can be the reason for.
template <class T>
bool answers(const Result<T>& result) {
  if (result) { return true; }
  require(result.error().code() == ErrorCode::kDamaged,
          "an index file gives an odd error: " + to_string(result.error()));
  return false;
}

class Questions {
 public:
  explicit Questions(const index::Run& run) : run_(run) {}

  void ask() {
    for (const KeyKind kind : kKinds) {
      go_through(kind);
      ask_pages(kind);
      (void)answers(run_.find(index::make_key(kind, "not there")));
    }
    ask_places();
    ask_ids();
  }

 private:
  void go_through(KeyKind kind) {
    index::RunKeyCursor keys(run_, kind);
    std::string before;
    std::uint64_t gone_through = 0;
    for (;; ++gone_through) {
      const auto more = keys.next();
      if (!answers(more) || !*more) { break; }
      require(gone_through == 0 || before < keys.name(), "keys do not rise");
      before = keys.name();
      require(keys.key().count > 0, "a key without positions");
      if (gone_through < kKeysAsked) { ask_key(kind, keys.name(), keys.key()); }
    }
    require(gone_through <= run_.file_size(), "more keys than bytes");
  }

  void ask_key(KeyKind kind, const std::string& name, const index::RunKey& key) {
    const auto found = run_.find(index::make_key(kind, name));
    if (answers(found) && *found) { require((*found)->count > 0, "a key without positions is found"); }
    std::uint64_t given = 0;
    std::optional<Position> last;
    std::array<Position, 300> some;
    while (given < key.count) {
      const auto got = run_.positions(key, key.base + given, some);
      if (!answers(got)) { break; }
      require(*got > 0, "no positions are given where some are left");
      for (std::size_t i = 0; i < *got; ++i) {
        const bool rises = given + i == 0 || (i == 0 ? true : some[i] > some[i - 1]);
        require(rises && some[i] >= run_.first() && some[i] < run_.end(), "positions do not rise, or lie elsewhere");
      }
      given += *got;
      last = some[*got - 1];
    }
    require(given <= run_.file_size() * kGrowthMax, "more positions than the file can hold");
    (void)answers(run_.last(key));
    for (const std::uint64_t at : {std::uint64_t{0}, std::uint64_t{1}, (run_.end() - run_.first()) / 2}) {
      const auto below = run_.count_below(key, run_.first() + at);
      if (answers(below)) { require(*below <= key.count, "more positions are below an end than there are"); }
    }
  }

  void ask_pages(KeyKind kind) {
    for (const std::string_view prefix : {"", "s", "tag:"}) {
      const auto page = run_.list(kind, std::nullopt, prefix, kPageNames);
      if (!answers(page)) { continue; }
      require(page->size() <= kPageNames, "a page is longer than asked for");
      if (!page->empty()) { (void)answers(run_.list(kind, page->back().name, prefix, kPageNames)); }
    }
  }

  void ask_places() {
    const std::uint64_t events = run_.end() - run_.first();
    std::array<index::Place, 100> some;
    for (std::uint64_t n = 0; n < std::min(events, kPlacesAsked); n += some.size()) {
      const std::size_t count = std::min<std::uint64_t>(some.size(), events - n);
      (void)answers(run_.places(run_.first() + n, std::span(some).first(count)));
    }
    (void)answers(run_.place(run_.first() + (events - 1)));
  }

  void ask_ids() {
    std::vector<Position> candidates;
    for (std::uint64_t n = 0; n < 64; ++n) {
      candidates.clear();
      (void)answers(run_.candidates(EventId::from_name(std::to_string(n)), candidates));
      for (const Position candidate : candidates) {
        require(candidate >= run_.first() && candidate < run_.end(), "a candidate lies outside of the run");
      }
    }
  }

  const index::Run& run_;
};

void merge_it(const RunPointer& run) {
  auto source = index::MergedRunSource::make({run});
  require(source.has_value(), "one run cannot be merged with nothing");
  const auto merged = index::build_run(**source, {.log_id = run->log_id(), .note = run->note()});
  if (!answers(merged)) { return; }
  require(merged->size() <= kGrowthStart + kGrowthMax * run->file_size(), "a merged run is many times larger");
  const auto again = index::Run::over(*merged);
  require(again.has_value(), "a merged run cannot be opened");
}

// What a store shows may end in damage, and be of the wrong events where the file lies; it is what the log holds at its
// position.
void ask_store(const Store& store) {
  const auto& events = index_store().events;
  const std::array queries{Query::all(),           Query::stream("s-1"), Query::category("s"),
                           Query::type("Changed"), Query::tag("tag:1"),  Query::type("Opened").tags({"tag:2"})};
  for (const Query& query : queries) {
    for (const Direction direction : {Direction::kForward, Direction::kBackward}) {
      const auto ended = store.read(query, {.direction = direction, .limit = 200}).for_each([&](const Event& event) {
        const std::uint64_t position = event.position().value();
        require(position < events.size() && to_text(event) == events[position], "an event is shown that is none");
      });
      (void)answers(ended);
    }
  }
  (void)answers(store.streams());
  (void)answers(store.categories());
  (void)answers(store.types());
  (void)answers(store.tags());
  (void)answers(store.stream("s-1"));
  for (std::uint64_t n = 0; n < 8; ++n) { (void)answers(store.event_by_id(index_store_id(n))); }
}

}  // namespace

void run_index(Bytes input) {
  // Views may be read 8 bytes past: not past the file.
  const std::vector<std::byte> bytes(input.begin(), input.end());
  const auto run = index::Run::over(bytes);
  if (!run) {
    const ErrorCode code = run.error().code();
    require(code == ErrorCode::kDamaged || code == ErrorCode::kUnsupportedFormat, "a run gives an odd error");
  } else {
    Questions(**run).ask();
    merge_it(*run);
    (void)engine::decode_index_note((*run)->note());
  }
  index::RunHeader header{};
  if (bytes.size() < sizeof header) { return; }
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.end <= header.first) { return; }

  // It may tell that the log was longer once: then it is the log that is damaged.
  const auto note = engine::decode_index_note(
      std::span(header.note).first(std::min<std::size_t>(header.note_size, header.note.size())));
  const bool claims_more = note && note->at_end.point.offset > index_store().end;

  Twin twin(index_store().archive);
  twin.index = kIndexStorePolicy;
  const auto path = twin.folder / engine::index_file_name({Position(header.first), Position(header.end)});
  twin.files.set_contents(path, bytes);
  {
    const auto before = twin.snapshot();
    const auto store = twin.open(to_read());
    require(store.has_value(), "a store does not open because of an index file");
    require(store->info().events == index_store().events.size(), "a store has other events because of an index file");
    require(claims_more || store->recovery().kind == RecoveryKind::kClosedCleanly,
            "a store is called damaged because of an index file");
    ask_store(*store);
    require(twin.snapshot() == before, "looking changed a file");
  }
  auto store = twin.open(to_write());
  if (!store) {
    require(claims_more && store.error().code() == ErrorCode::kDamaged,
            "a store does not open for writing because of an index file: " + to_string(store.error()));
    return;
  }
  (void)store->append("s-1", Expect::any(), {{.type = "Went", .data = as_bytes("on")}});
  (void)store->close();
}

}  // namespace tidemark::fuzz
