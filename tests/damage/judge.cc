// SPDX-License-Identifier: Apache-2.0
#include "tests/damage/judge.h"

#include <algorithm>
#include <exception>
#include <fmt/format.h>
#include <map>
#include <stdexcept>
#include <utility>

#include "engine/format/frame.h"
#include "engine/format/index_file.h"
#include "engine/format/segment.h"

namespace tidemark::damage {

namespace {

constexpr std::uint64_t kMachineSeed = 7;  // of the samples' writers

bool is_segment(const std::string& name) { return engine::parse_segment_file_name(name).has_value(); }
bool is_index(const std::string& name) { return engine::parse_index_file_name(name).has_value(); }

// The first byte at which two states of a file differ.
std::uint64_t first_difference(const FileBytes& before, const std::optional<FileBytes>& now) {
  if (!now) { return 0; }
  return static_cast<std::uint64_t>(std::ranges::mismatch(before, *now).in1 - before.begin());
}

std::uint64_t writing_calls(const platform::SimFileSystem& files) {
  using Call = platform::SeamCall::Kind;
  std::uint64_t n = 0;
  for (const Call kind : {Call::kPwritev, Call::kDatasync, Call::kAllocate, Call::kWriteZeros, Call::kRename,
                          Call::kLink, Call::kUnlink, Call::kMakeFolder, Call::kSyncFolder, Call::kLock}) {
    n += files.calls(kind);
  }
  return n;
}

}  // namespace

const char* to_string(Class verdict) {
  switch (verdict) {
    case Class::kReported:
      return "reported";
    case Class::kHarmless:
      return "harmless";
    case Class::kUndecidable:
      return "undecidable";
  }
  return "unknown";
}

Judge::Judge(const Sample& sample) : sample_(sample), twin_(kMachineSeed, sample.index) {
  twin_.clock.advance(std::chrono::hours(1));
  twin_.restore(sample.files);
  Wrong wrong = read_only(false, usual_reader_);
  if (!wrong) { wrong = read_only(true, usual_same_boot_); }
  if (!wrong) { wrong = for_writing(usual_writer_); }
  twin_.restore(sample.files);
  const std::uint64_t all = sample.events.size();
  if (!wrong && (usual_reader_.shown.events != all || usual_writer_.shown.events != all)) {
    wrong = "an undamaged sample does not show all its events";
  }
  if (wrong) { throw std::runtime_error(*wrong); }
}

void Judge::apply(const Damaged& damaged) {
  for (const auto& [name, bytes] : damaged.changed) {
    if (bytes) {
      twin_.files.set_contents(Twin::path_of(name), *bytes);
    } else {
      twin_.files.remove(Twin::path_of(name));
    }
  }
}

Verdict Judge::judge(const Damaged& damaged) {
  Verdict verdict;
  try {
    verdict.wrong = after_opening(damaged);
    if (verdict.wrong) { return verdict; }
    apply(damaged);
    FileMap known = sample_.files;  // the log as it was, with the superblocks that are left
    for (const auto& [name, bytes] : damaged.changed) {
      if (!is_segment(name) || damaged.moment) { known[name] = bytes.value_or(FileBytes()); }
    }
    known_ = known_events(known);
    const std::uint64_t written = writing_calls(twin_.files);
    const Result<VerifyReport> verified = twin_.verify();
    log_is_hurt_ = hits_covered(damaged) && verified && !verified->whole();
    Seen reader;
    Seen same_boot;
    Seen writer;
    verdict.wrong = read_only(false, reader);
    if (!verdict.wrong) { verdict.wrong = read_only(true, same_boot); }
    if (!verdict.wrong && writing_calls(twin_.files) != written) {
      verdict.wrong = "something was written by verify or by a read-only opening";
    }
    if (!verdict.wrong) { verdict.wrong = for_writing(writer); }
    if (!verdict.wrong) { verdict = weigh(damaged, writer, reader, same_boot, verified); }
  } catch (const std::exception& thrown) { verdict.wrong = std::string("an exception came out: ") + thrown.what(); }
  twin_.restore(sample_.files);
  return verdict;
}

// Whether a byte is changed that index files keep an opening from reading.
bool Judge::hits_covered(const Damaged& damaged) const {
  return std::ranges::any_of(damaged.changed, [&](const auto& file) {
    const auto frame = std::ranges::find(sample_.frames, file.first, &FrameAt::file);
    if (frame == sample_.frames.end()) { return false; }
    return frame->base + first_difference(sample_.files.at(file.first), file.second) < sample_.indexed;
  });
}

bool Judge::hits_index_alone(const Damaged& damaged) {
  return std::ranges::all_of(damaged.changed, [](const auto& file) { return is_index(file.first); });
}

// In the boot of the last writer what it wrote last may not be shown yet; in another one all is.
Wrong Judge::read_only(bool same_boot, Seen& seen) {
  platform::SimMachine machine(kMachineSeed);
  if (!same_boot) { machine.reboot(); }
  OpenOptions options = sample_.options;
  options.read_only = true;
  auto core = engine::open_store(Twin::path_of(""), options, {twin_.files, twin_.clock, machine, false, sample_.index});
  if (!core) {
    seen.error = std::move(core.error());
    return std::nullopt;
  }
  const Store store(std::move(*core));
  seen.report = store.recovery();
  auto wrong = read_everything(store, sample_.events, seen.shown);
  if (wrong) { return fmt::format("opened read-only in {} boot: {}", same_boot ? "the same" : "another", *wrong); }
  return std::nullopt;
}

Wrong Judge::for_writing(Seen& seen) {
  auto store = twin_.open(sample_.options);
  if (!store) {
    seen.error = std::move(store.error());
    return seen.error->code() == ErrorCode::kSuspectTail ? accepting(*seen.error) : std::nullopt;
  }
  seen.report = store->recovery();
  if (auto wrong = read_everything(*store, sample_.events, seen.shown)) { return "opened for writing: " + *wrong; }
  if (seen.shown.with_errors > 0 && !log_is_hurt_) {
    return "opened for writing, and reading fails: " +
           to_string(seen.shown.error.value_or(Error(ErrorCode::kDamaged, {})));
  }
  return go_on(*store);
}

// What opened for writing takes appends, closes, and is whole from then on; or as damaged as it was, where the log is
// hurt before the part that an opening reads.
Wrong Judge::go_on(Store& store) {
  const std::uint64_t before = store.info().events;
  if (auto wrong = decide(store, before)) { return wrong; }
  const auto receipt = store.append("after", Expect::no_stream(), {{.type = "Went", .data = as_bytes("on")}});
  if (!receipt) { return "appending does not go on: " + to_string(receipt.error()); }
  if (receipt->first.value() != before) { return "what is appended goes to another place"; }
  if (auto closed = store.close(); !closed) { return "closing fails: " + to_string(closed.error()); }
  auto again = twin_.open(sample_.options);
  if (!again) { return "opening again fails: " + to_string(again.error()); }
  if (again->recovery().kind != RecoveryKind::kClosedCleanly || again->info().events != before + 1) {
    return "opened again, the store is not as it was closed";
  }
  if (auto wrong = read_again(*again, before)) { return wrong; }
  if (auto closed = again->close(); !closed) { return "closing again fails: " + to_string(closed.error()); }
  const auto verified = twin_.verify();
  if (!verified) { return "verify fails after closing: " + to_string(verified.error()); }
  if (!verified->whole() && !log_is_hurt_) {
    return "verify finds damage after closing: " + verified->damages.front().what;
  }
  if (verified->whole() && log_is_hurt_) { return "verify does not find the damage any more, after closing"; }
  return std::nullopt;
}

// Expectations, conditions and ids are decided as by the events that are there.
Wrong Judge::decide(Store& store, std::uint64_t events) {
  const auto begin = sample_.events.begin();
  const std::vector<OwnedEvent> shown(begin, begin + static_cast<std::ptrdiff_t>(events));
  std::map<std::string, Version> heads;
  std::map<std::string, Position> types;  // the first of each
  for (const OwnedEvent& event : shown) {
    heads[event.stream] = event.version;
    types.try_emplace(event.type, event.position);
  }
  Batch batch;
  for (const auto& [stream, head] : heads) { batch.check(stream, Expect::exactly(head.value() + 1)); }
  for (const auto& [type, first] : types) { batch.fail_if_match(Query::type(type)); }
  batch.fail_if_match(Query::type("Never")).fail_if_match(Query::tag("never"));
  batch.to("after").add({.type = "Refused"});
  const auto refused = store.append(batch);
  if (refused) { return "an append against every expectation succeeded"; }
  const Error& error = refused.error();
  if (heads.empty()) { return std::nullopt; }
  if (error.code() == ErrorCode::kDamaged && log_is_hurt_) { return std::nullopt; }
  if (error.code() != ErrorCode::kVersionConflict) { return "expectations that fail end with " + to_string(error); }
  auto head = heads.begin();
  bool right = error.conflicts().size() == heads.size() && error.match_conflicts().size() == types.size();
  for (std::size_t i = 0; right && i < heads.size(); ++i, ++head) {
    right = error.conflicts()[i].stream == head->first && error.conflicts()[i].actual == head->second;
  }
  auto first = types.begin();
  for (std::size_t i = 0; right && i < types.size(); ++i, ++first) {
    right = error.match_conflicts()[i] == MatchConflict{.condition = i, .position = first->second};
  }
  return right ? std::nullopt : Wrong("the conflicts are other ones: " + to_string(error));
}

Wrong Judge::read_again(Store& store, std::uint64_t events) {
  std::uint64_t position = 0;
  Cursor cursor = store.read(Query::all());
  while (const Event* event = cursor.next()) {
    const bool right = position < events ? same_event(*event, sample_.events[position]) : event->stream() == "after";
    if (!right) { return fmt::format("opened again, the event at position {} is another one", position); }
    ++position;
  }
  if (!cursor.status()) {
    const bool allowed = log_is_hurt_ && cursor.status().error().code() == ErrorCode::kDamaged;
    return allowed ? std::nullopt : Wrong("opened again, reading ends with " + to_string(cursor.status().error()));
  }
  return position == events + 1 ? std::nullopt : Wrong("opened again, not all events are shown");
}

// The events that these files tell to be durable.
std::uint64_t Judge::known_events(const FileMap& files) const {
  const std::uint64_t watermark = watermark_of(files, sample_.indexed > 0);
  std::uint64_t events = 0;
  for (const FrameAt& frame : sample_.frames) {
    if (frame.base + frame.end <= watermark) { events = frame.first + frame.count; }
  }
  return events;
}

// A person may accept that what is suspect is cut: then all that was known durable is there, and the rest kept aside.
Wrong Judge::accepting(const Error& suspect) {
  const std::uint64_t known = known_events(twin_.snapshot());
  OpenOptions options = sample_.options;
  options.accept_suspect_tail = true;
  auto store = twin_.open(options);
  if (!store) { return "a suspect end was accepted and not cut: " + to_string(store.error()); }
  if (store->recovery().kind != RecoveryKind::kSuspectAccepted || store->recovery().rejected.empty()) {
    return "a suspect end was cut, and the report does not say so: " + to_string(suspect);
  }
  Shown shown;
  if (auto wrong = read_everything(*store, sample_.events, shown)) { return "a suspect end was cut: " + *wrong; }
  if (shown.events < known) { return "a suspect end was cut too far"; }
  return go_on(*store);
}

// The damage comes while a reader has the store: what it shows is right all the same, and what is not hit is shown.
Wrong Judge::after_opening(const Damaged& damaged) {
  const bool sizes_stay = std::ranges::all_of(damaged.changed, [&](const auto& file) {
    return (is_segment(file.first) || is_index(file.first)) && sample_.files.contains(file.first) && file.second &&
           file.second->size() == sample_.files.at(file.first).size();
  });
  if (sample_.ending != Ending::kClosed || !sizes_stay) { return std::nullopt; }
  OpenOptions options = sample_.options;
  options.read_only = true;
  auto store = twin_.open(options);
  if (!store) { return "an undamaged sample does not open: " + to_string(store.error()); }
  apply(damaged);
  Shown shown;
  auto wrong = read_everything(*store, sample_.events, shown);
  if (!wrong && hits_index_alone(damaged) && (shown.with_errors > 0 || shown.events != sample_.events.size())) {
    wrong = "an index file is hit, and reading fails";
  }
  for (const FrameAt& frame : sample_.frames) {
    const auto now = damaged.changed.find(frame.file);
    const auto part = [&](const FileBytes& bytes) {
      return std::span(bytes).subspan(frame.begin, frame.end - frame.begin);
    };
    if (now != damaged.changed.end() && !std::ranges::equal(part(*now->second), part(sample_.files.at(frame.file)))) {
      continue;
    }
    for (std::uint64_t i = frame.first; !wrong && i < frame.first + frame.count; ++i) {
      if (!shown.found[i]) { wrong = fmt::format("event {} is not hit, and not found", i); }
    }
  }
  twin_.restore(sample_.files);
  if (wrong) { return "damaged after the opening: " + *wrong; }
  return std::nullopt;
}

bool Judge::marked(const Seen& seen, const Seen& usual) const {
  return seen.error || seen.report.superblock_lost || seen.report.kind != usual.report.kind ||
         seen.report.bytes_cut != usual.report.bytes_cut || seen.shown.with_errors > 0;
}

Verdict Judge::weigh(const Damaged& damaged, const Seen& writer, const Seen& reader, const Seen& same_boot,
                     const Result<VerifyReport>& verified) const {
  Verdict verdict;
  verdict.said =
      writer.error ? std::string(to_string(writer.error->code())) : std::string(to_string(writer.report.kind));
  verdict.said += fmt::format(", {} events", reader.shown.events);
  verdict.wrong = agree(damaged, writer, reader, verified);
  if (verdict.wrong) { return verdict; }
  const bool listed = !verified || !verified->whole();
  const bool said =
      listed || marked(writer, usual_writer_) || marked(reader, usual_reader_) || marked(same_boot, usual_same_boot_);
  if (hits_index_alone(damaged) && (said || writer.error)) {
    verdict.wrong = "only an index file is hit, and something is reported: " + verdict.said;
    return verdict;
  }
  if (hits_covered(damaged) && !said && !writer.error) {
    verdict.wrong = "damage where no opening reads is not reported by verify";
    return verdict;
  }
  if (writer.error) { return verdict; }
  verdict.what = said ? Class::kReported : Class::kHarmless;
  if (!said && same_boot.shown.events < known_) {
    verdict.wrong = "a read-only opening shows fewer events than are known to be durable, unsaid";
  }
  if (verdict.wrong || writer.shown.events == sample_.events.size()) { return verdict; }
  if (writer.shown.error) { return verdict; }
  // Acknowledged events are gone. That may be only where nothing later told that they had been there.
  const auto allowed = undecidable(sample_, damaged);
  verdict.what = Class::kUndecidable;
  if (!allowed) {
    verdict.wrong = fmt::format("{} of {} acknowledged events are shown, after \"{}\"", writer.shown.events,
                                sample_.events.size(), verdict.said);
  } else if (allowed->events != writer.shown.events) {
    verdict.wrong = fmt::format("{} events are left, and {} could be", writer.shown.events, allowed->events);
  } else if ((writer.report.kind == RecoveryKind::kTornTail) != allowed->tail_left) {
    verdict.wrong = "the last group is gone, and the report is \"" + verdict.said + "\"";
  }
  return verdict;
}

// All who look at one store must come to one answer.
Wrong Judge::agree(const Damaged& damaged, const Seen& writer, const Seen& reader,
                   const Result<VerifyReport>& verified) const {
  const bool is_damaged = writer.error && writer.error->code() == ErrorCode::kDamaged;
  const bool is_suspect = writer.error && writer.error->code() == ErrorCode::kSuspectTail;
  if (writer.error && !is_damaged && !is_suspect) {
    return "opening for writing fails with " + to_string(*writer.error);
  }
  if (reader.error) {
    if (!writer.error || writer.error->code() != reader.error->code()) {
      return "only a read-only opening fails: " + to_string(*reader.error);
    }
  } else {
    const RecoveryKind kind = reader.report.kind;
    if ((kind == RecoveryKind::kDamaged) != is_damaged || (kind == RecoveryKind::kSuspect) != is_suspect) {
      return fmt::format("a read-only opening says \"{}\", the one for writing something else", to_string(kind));
    }
    if (kind == RecoveryKind::kDamaged && !reader.shown.error) {
      return "a damaged log is read to an end without error";
    }
    if (!writer.error && reader.shown.events != writer.shown.events) {
      return fmt::format("{} events are shown read-only and {} to a writer", reader.shown.events, writer.shown.events);
    }
  }
  if (!verified) {
    if (!writer.error || writer.error->code() != verified.error().code()) {
      return "only verify fails: " + to_string(verified.error());
    }
    return std::nullopt;
  }
  if (verified->whole()) {
    if (writer.error) { return "verify finds nothing, and opening fails with " + to_string(*writer.error); }
    if (verified->events != writer.shown.events) {
      return fmt::format("verify counts {} events of {}", verified->events, writer.shown.events);
    }
    return std::nullopt;
  }
  if (writer.report.superblock_lost &&
      std::ranges::none_of(verified->damages, [](const Damage& d) { return !d.segment.has_value(); })) {
    return "verify does not name the superblock that is lost";
  }
  // A spare that is damaged is none, and goes.
  const bool is_hit = std::ranges::any_of(verified->damages, [&](const Damage& damage) {
    return std::ranges::find(sample_.frames, damage.file.filename().string(), &FrameAt::file) != sample_.frames.end();
  });
  if (is_hit && !writer.error && !hits_covered(damaged)) { return "verify finds damage that no opening reports"; }
  return is_damaged || hits_covered(damaged) ? verify_names(damaged, *verified) : std::nullopt;
}

// verify names the place of the first damage in the log, or one before it in the same frame, header, footer or gap.
Wrong Judge::verify_names(const Damaged& damaged, const VerifyReport& report) const {
  for (const auto& [name, now] : damaged.changed) {
    if (!is_segment(name) || !sample_.files.contains(name)) { continue; }
    const FileBytes& before = sample_.files.at(name);
    const std::uint64_t hit = first_difference(before, now);
    const bool resized = !now || now->size() != before.size();
    std::uint64_t begin = hit < engine::kSegmentHeaderBytes ? 0 : hit;
    if (hit + engine::kSegmentFooterBytes >= before.size()) { begin = before.size() - engine::kSegmentFooterBytes; }
    for (const FrameAt& frame : sample_.frames) {
      if (frame.file == name && frame.begin <= hit && hit < frame.end) { begin = frame.begin; }
    }
    const bool named = std::ranges::any_of(report.damages, [&](const Damage& damage) {
      if (damage.file.filename() != name || !damage.segment || !damage.offset) { return false; }
      const std::uint64_t at = damage.offset->value();
      return resized || (begin <= at && at <= hit) || (at <= hit && hit < at + damage.bytes);
    });
    if (named) { return std::nullopt; }
    std::string listed;
    for (const Damage& damage : report.damages) {
      listed += fmt::format("; {} at {}, {} bytes: {}", damage.file.filename().string(),
                            damage.offset.value_or(Offset()).value(), damage.bytes, damage.what);
    }
    return fmt::format("verify does not name byte {} of {}{}", hit, name, listed);
  }
  return std::nullopt;
}

}  // namespace tidemark::damage
