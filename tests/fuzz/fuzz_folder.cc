// SPDX-License-Identifier: Apache-2.0
// Goal: whatever files a folder holds, opening it ends well or in a plain error, looking changes nothing, and a store
// that opens for writing is a sound store from then on. Method: the input is a whole folder; it is read, verified,
// opened for writing, appended to, closed and opened again, with oracles at each step.
#include <algorithm>
#include <array>
#include <string>

#include "engine/recovery/verify.h"
#include "tests/fuzz/targets.h"
#include "tests/fuzz/twin.h"

namespace tidemark::fuzz {

namespace {

struct Looked {
  std::optional<RecoveryKind> kind;  // if the store opened
  ErrorCode code{};                  // if not
  Shown shown;
  bool whole = false;
  std::string damages;
  bool verified = false;
};

bool is_refusal(ErrorCode code) {
  constexpr std::array kRefusals{ErrorCode::kDamaged,  ErrorCode::kUnsupportedFormat, ErrorCode::kNotAStore,
                                 ErrorCode::kNotFound, ErrorCode::kSuspectTail,       ErrorCode::kIo};
  return std::ranges::find(kRefusals, code) != kRefusals.end();
}

void require_refusal(const Error& error) {
  require(is_refusal(error.code()), "opening gives an odd error: " + to_string(error));
}

// Whether the store is sound but for what an opening for writing mends by itself.
bool is_sound(const VerifyReport& report) {
  return std::ranges::all_of(report.damages, [](const Damage& damage) {
    return damage.what.starts_with("a superblock is missing") || damage.what.ends_with("it can be deleted");
  });
}

Looked look(Twin& twin) {
  Looked looked;
  const auto before = twin.snapshot();
  if (const auto report = engine::verify_store(twin.folder, twin.environment(), {})) {
    looked.verified = true;
    looked.whole = is_sound(*report);
    for (const Damage& damage : report->damages) { looked.damages += damage.what + "; "; }
  } else {
    require_refusal(report.error());
  }
  auto store = twin.open(to_read());
  if (store) {
    looked.kind = store->recovery().kind;
    looked.shown = read_everything(*store, !looked.whole);
    const bool hurt = looked.kind == RecoveryKind::kDamaged || looked.kind == RecoveryKind::kSuspect;
    // The verification goes on past what does not decode, and may then meet a frame of a kind that it does not know.
    require(looked.verified || hurt, "a sound store opens that cannot be verified");
  } else {
    require_refusal(store.error());
    looked.code = store.error().code();
  }
  if (store) { require(store->close().has_value(), "a read-only store does not close"); }
  require(twin.snapshot() == before, "looking changed a file");
  return looked;
}

// Whether it did. A folder that has the name of the next segment stands in the way, and nothing else.
bool append_to(Store& store, std::uint64_t events_before, bool has_folders) {
  const std::string large(3000, 'x');
  for (const std::string_view data : {std::string_view("{}"), std::string_view(large), std::string_view(large)}) {
    const NewEvent event{.type = "Appended", .data = as_bytes(data), .tags = {"fuzz"}};
    const auto receipt = store.append("fuzz-appended", Expect::any(), {event, event});
    if (!receipt && has_folders && receipt.error().code() == ErrorCode::kIo) { return false; }
    require(receipt.has_value(), "an append failed: " + (receipt ? "" : to_string(receipt.error())));
    require(receipt->first.value() == events_before, "an append got another position");
    events_before += 2;
  }
  return true;
}

void require_whole(Twin& twin, const std::string& when) {
  const auto report = engine::verify_store(twin.folder, twin.environment(), {});
  require(report.has_value(), when + " cannot be verified: " + (report ? "" : to_string(report.error())));
  require(is_sound(*report), when + " is damaged: " + (report->whole() ? "" : report->damages.front().what));
}

void require_closed_cleanly(Store& store, const std::vector<std::string>& before, const std::string& when) {
  const RecoveryReport& report = store.recovery();
  require(report.kind == RecoveryKind::kClosedCleanly, when + " the store was not closed cleanly");
  require(report.bytes_cut == 0 && report.frames_in_doubt == 0, when + " something is in doubt");
  require(read_everything(store, false).events == before, when + " other events are shown");
}

void write(Twin& twin, const Looked& looked, bool has_folders) {
  const auto before = twin.snapshot();
  auto store = twin.open(to_write());
  if (!store) {
    require_refusal(store.error());
    require(twin.snapshot() == before, "a refused opening changed a file");
    const ErrorCode code = store.error().code();
    // A folder has the name of a file that only a writer needs, the lock's for one.
    if (has_folders && code == ErrorCode::kIo) { return; }
    // Without a segment: numbers that a reader does not mind and a writer could not count on from.
    require(code != ErrorCode::kDamaged || looked.kind == RecoveryKind::kDamaged || !looked.kind ||
                !store.error().segment(),
            "a writer calls damaged what a reader does not: " + to_string(store.error()));
    require((code == ErrorCode::kSuspectTail) == (looked.kind == RecoveryKind::kSuspect),
            "reader and writer differ on whether the end is suspect: " + to_string(store.error()));
    if (code != ErrorCode::kSuspectTail) { return; }
    require(!looked.whole, "the verification is content with a suspect end");
    OpenOptions accepting = to_write();
    accepting.accept_suspect_tail = true;
    store = twin.open(accepting);
    if (!store) {
      // As above: an end can be suspect and a number hopeless at once.
      const bool in_the_way = has_folders && store.error().code() == ErrorCode::kIo;
      require(in_the_way || (store.error().code() == ErrorCode::kDamaged && !store.error().segment()),
              "a suspect end that is accepted is still refused: " + to_string(store.error()));
      require(in_the_way || twin.snapshot() == before, "a refused opening changed a file");
      return;
    }
  } else {
    require(looked.kind ? *looked.kind != RecoveryKind::kDamaged && *looked.kind != RecoveryKind::kSuspect
                        : looked.code == ErrorCode::kNotFound,
            "a writer opens what a reader refuses");
    require(!looked.verified || looked.whole, "a writer opens what the verification calls damaged: " + looked.damages);
  }
  const Shown kept = read_everything(*store, false);
  require(is_prefix(looked.shown.events, kept.events), "a writer does not keep what a reader was shown");
  if (!append_to(*store, kept.events.size(), has_folders)) { return; }
  const Shown all = read_everything(*store, false);
  require(is_prefix(kept.events, all.events) && all.events.size() == kept.events.size() + 6, "an append shows wrong");
  require(store->close().has_value(), "a store does not close");
  store = std::unexpected(Error(ErrorCode::kClosed, {}));

  require_whole(twin, "after an append the store");
  auto reader = twin.open(to_read());
  require(reader.has_value(), "a store that was closed does not open read-only");
  require_closed_cleanly(*reader, all.events, "to a reader");
  auto writer = twin.open(to_write());
  require(writer.has_value(), "a store that was closed does not open again");
  require_closed_cleanly(*writer, all.events, "to a writer");
  require(writer->close().has_value(), "a store does not close twice");
  require_whole(twin, "after a second opening the store");
}

}  // namespace

void run_folder(Bytes input) {
  const Archive archive = unpack(input);
  Twin twin(archive);
  write(twin, look(twin), std::ranges::any_of(archive, &ArchiveFile::is_folder));
}

}  // namespace tidemark::fuzz
