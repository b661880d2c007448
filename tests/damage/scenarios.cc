// SPDX-License-Identifier: Apache-2.0
// What is done while memory runs out: every call of the public API, and what they answer when memory is there.
#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "engine/recovery/verify.h"
#include "tests/damage/trial.h"

namespace tidemark::damage {

namespace {

const Sample& sample(Ending ending) {
  static const std::array<Sample, 4> all = [] {
    std::array<Sample, 4> made;
    for (std::size_t i = 0; i < made.size(); ++i) {
      made[i] = make_sample(small_shape(), kEndings[i], usual_payload());
    }
    return made;
  }();
  return all[static_cast<std::size_t>(ending)];
}

void put(Trial& trial, Ending ending) {
  trial.ground().restore(sample(ending).files);
  trial.expect(sample(ending).events);
}

void must(bool good) {
  if (!good) { throw std::runtime_error("a scenario cannot be prepared"); }
}

std::function<void(Trial&)> files_of(Ending ending) {
  return [ending](Trial& trial) { put(trial, ending); };
}

std::function<void(Trial&)> open_with(std::function<void(Trial&)> more = {}) {
  return [more = std::move(more)](Trial& trial) {
    put(trial, Ending::kClosed);
    must(trial.open());
    if (more) { more(trial); }
  };
}

// What is judged is the opening alone: afterwards the undamaged files are there again.
void put_damaged(Trial& trial) {
  put(trial, Ending::kClosed);
  trial.mended = sample(Ending::kClosed).files;
  FileMap files = *trial.mended;
  files.at("segment-0000000002.log").at(700) ^= std::byte{1};
  trial.ground().restore(files);
}

void put_suspect(Trial& trial) {
  put(trial, Ending::kTail);
  trial.mended = sample(Ending::kTail).files;
  FileMap files = *trial.mended;
  const FrameAt& last = sample(Ending::kTail).frames.back();
  files.at(last.file).at(last.begin + 1) ^= std::byte{1};
  trial.ground().restore(files);
}

OpenOptions reading(const Trial& trial) {
  OpenOptions options = trial.options();
  options.read_only = true;
  return options;
}

// Reads to the end; whatever is shown must be what was appended.
void read(Trial& trial, const Query& query, const ReadOptions& options) {
  const auto& expected = sample(Ending::kClosed).events;
  (void)trial.call("reading", [&] {
    Cursor cursor = trial.store().read(query, options);
    while (const Event* event = cursor.next()) {
      const Sheltered here;
      if (!same_event(*event, expected.at(event->position().value()))) { trial.is_wrong("an event is another one"); }
    }
    return cursor.status();
  });
}

void find_each(Trial& trial) {
  for (const OwnedEvent& event : sample(Ending::kClosed).events) {
    const auto found = trial.call("find", [&] { return trial.store().event_by_id(event.id); });
    const Sheltered here;
    if (found && *found && (!**found || !same_event(***found, event))) { trial.is_wrong("find gives another event"); }
  }
}

void look_around(Trial& trial) {
  const auto stream = trial.call("stream", [&] { return trial.store().stream("a"); });
  const auto list = trial.call("streams", [&] { return trial.store().streams(); });
  if (stream && *stream && !**stream) { trial.is_wrong("a stream is not there"); }
  if (list && *list && (*list)->size() != 5) { trial.is_wrong("streams are missing"); }
  StoreInfo info;
  if (trial.build([&] { info = trial.store().info(); }) && info.events != sample(Ending::kClosed).events.size()) {
    trial.is_wrong("info counts other events");
  }
}

// A callback that is called once. Small enough for a std::function that needs no memory.
struct Called {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;

  void call() {
    const std::scoped_lock lock(mutex);
    done = true;
    changed.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return done; });
  }
};

void complete(Trial& trial) {
  const auto submitted = trial.submit(trial.works[0]);
  if (!submitted || !*submitted) { return; }
  const Ticket& ticket = **submitted;
  Called called;
  const auto registered = trial.call(
      "on_complete", [&] { return ticket.on_complete([it = &called](const Result<Receipt>&) { it->call(); }); });
  if (registered && *registered) { called.wait(); }
  (void)trial.call("poll", [&]() -> Status {
    const auto polled = ticket.poll();
    const bool untold = !polled || *polled || polled->error().code() == ErrorCode::kOutcomeUnknown;
    return untold ? Status() : Status(std::unexpected(polled->error()));
  });
  (void)trial.wait(ticket, trial.works[0]);
}

// Follows by valid time: whatever fails, each event is given once.
void follow_by_valid_time(Trial& trial) {
  auto made = trial.call("subscribe", [&] { return trial.store().subscribe(Query::all(), {.when_valid = true}); });
  if (!made || !*made) { return; }
  Subscription& subscription = **made;
  std::array<bool, 1000> given{};
  std::uint64_t count = 0;
  const auto follow = [&] {
    const auto run = trial.call("next", [&] { return subscription.next_for(std::chrono::nanoseconds(0)); });
    if (!run || !*run) { return; }
    for (const Event& event : **run) {
      bool& one = given.at(event.position().value());
      if (std::exchange(one, true)) { trial.is_wrong("an event is given twice"); }
      ++count;
    }
    if (!subscription.valid_point()) { trial.is_wrong("a subscription by valid time is at no point"); }
  };
  for (int tries = 0; tries < 5; ++tries) { follow(); }
  disarm_memory();
  const std::uint64_t events = trial.store().info().events;
  for (int tries = 0; tries < 200'000 && count < events; ++tries) { follow(); }  // the last ones are due soon
  if (count != events) { trial.is_wrong("events are not given"); }
}

// A read model with transactions that need no memory: of each event how often it is in, and how often it was new.
struct Counts {
  struct Content {
    std::array<std::uint8_t, 1000> applied{};
    std::array<std::uint8_t, 1000> fresh{};
    std::optional<ProjectionPoint> point;
  };
  Content committed;
  Content working;

  ProjectionOptions options() {
    return {.apply = [this](const Event& event, bool replaying) -> Status {
              ++working.applied.at(event.position().value());
              if (!replaying) { ++working.fresh.at(event.position().value()); }
              return {};
            },
            .reset = [this]() -> Status {
              working.applied.fill(0);
              return {};
            },
            .storage = {.load = [this]() -> Result<std::optional<ProjectionPoint>> { return committed.point; },
                        .begin = [this]() -> Status {
                          working = committed;
                          return {};
                        },
                        .commit = [this](const ProjectionPoint& point) -> Status {
                          working.point = point;
                          committed = working;
                          return {};
                        },
                        .roll_back = [] {}},
            .part = [this]() -> Result<ProjectionPart> {
              auto part = std::make_shared<std::array<std::uint8_t, 1000>>();
              return ProjectionPart{.apply = [part](const Event& event) -> Status {
                                      ++part->at(event.position().value());
                                      return {};
                                    },
                                    .merge = [this, part]() -> Status {
                                      for (std::size_t i = 0; i < part->size(); ++i) {
                                        working.applied[i] = static_cast<std::uint8_t>(working.applied[i] + (*part)[i]);
                                      }
                                      return {};
                                    }};
            },
            .run_events = 7};
  }
};

// Whatever fails, each event is in the model once, and was new once.
void build_projection(Trial& trial, unsigned threads) {
  Counts counts;
  std::optional<ProjectionOptions> options;
  {
    const Sheltered here;
    options = counts.options();
  }
  auto made = trial.call("open a projection", [&] { return Projection::open(trial.store(), std::move(*options)); });
  if (!made || !*made) { return; }
  Projection& projection = **made;
  (void)trial.call("catch up", [&] { return projection.catch_up(); });
  (void)trial.call("rebuild", [&] { return projection.rebuild({.threads = threads, .part_events = 5}); });
  (void)trial.call("catch up", [&] { return projection.catch_up(); });
  disarm_memory();
  (void)trial.call("catch up", [&] { return projection.catch_up(); });
  const std::uint64_t events = trial.store().info().events;
  for (std::uint64_t n = 0; n < events; ++n) {
    if (counts.committed.applied.at(n) != 1) { trial.is_wrong("an event is not in the model, or twice"); }
    if (counts.committed.fresh.at(n) != 1) { trial.is_wrong("an event was not new once"); }
  }
}

// A batch that could not take a stream or an event takes it when it is tried again.
void build_batch(Trial& trial) {
  Work& work = trial.works.at(0);
  for (int i = 0; i < 40; ++i) {
    std::string stream;
    std::string data;
    {
      const Sheltered here;
      stream = "a-stream-with-a-long-name-" + std::to_string(i % 30);
      data = "the data of event " + std::to_string(i);
    }
    std::optional<Batch::Stream> to;
    while (!trial.build([&] { to = work.batch.to(stream); })) { disarm_memory(); }
    while (!trial.build([&] { to->add({.type = "Happened", .data = as_bytes(data)}); })) { disarm_memory(); }
    const Sheltered here;
    work.lines.push_back(Work().add(stream, data).lines[0]);
  }
}

void closed_calls(Trial& trial) {
  Store& store = trial.store();
  (void)trial.call("find", [&] { return store.event_by_id(EventId()); }, ErrorCode::kClosed);
  (void)trial.call("stream", [&] { return store.stream("a"); }, ErrorCode::kClosed);
  (void)trial.call("streams", [&] { return store.streams(); }, ErrorCode::kClosed);
  (void)trial.call("append", [&] { return store.append(trial.works[0].batch); }, ErrorCode::kClosed);
  (void)trial.call("submit", [&] { return store.submit(trial.works[0].batch); }, ErrorCode::kClosed);
  (void)trial.call("wait_durable", [&] { return store.wait_durable(Position(99)); }, ErrorCode::kClosed);
  (void)trial.call(
      "reading",
      [&] {
        Cursor cursor = store.read(Query::all());
        (void)cursor.next();
        return cursor.status();
      },
      ErrorCode::kClosed);
  (void)trial.call(
      "on_complete", [&] { return trial.ticket->on_complete([](const Result<Receipt>&) {}); }, ErrorCode::kClosed);
  (void)trial.call("close", [&] { return store.close(); });
}

void bad_calls(Trial& trial) {
  Store& store = trial.store();
  (void)trial.call(
      "append", [&] { return store.append("", Expect::any(), {{.type = "T"}}); }, ErrorCode::kInvalidArgument);
  (void)trial.call(
      "append", [&] { return store.append(std::string_view(), Expect::any(), {{.type = ""}}); },
      ErrorCode::kInvalidArgument);
  (void)trial.call(
      "reading",
      [&] {
        Cursor cursor = store.read(Query::all(), {.from_version = Version(1)});
        (void)cursor.next();
        return cursor.status();
      },
      ErrorCode::kInvalidArgument);
  (void)trial.call("on_complete", [&] { return trial.ticket->on_complete({}); }, ErrorCode::kInvalidArgument);
  (void)trial.call(
      "opening a second time",
      [&] { return engine::open_store(trial.ground().folder(), trial.options(), trial.ground().environment()); },
      ErrorCode::kLocked);
}

void bad_opens(Trial& trial) {
  Ground& ground = trial.ground();
  const auto nothing = [&] {
    const Sheltered here;
    return ground.folder() / "nothing-here";
  }();
  OpenOptions options = trial.options();
  options.segment_bytes_first = 5;
  (void)trial.call(
      "opening", [&] { return engine::open_store(ground.folder(), options, ground.environment()); },
      ErrorCode::kInvalidArgument);
  options = trial.options();
  options.create = false;
  (void)trial.call(
      "opening", [&] { return engine::open_store(nothing, options, ground.environment()); }, ErrorCode::kNotFound);
  (void)trial.call(
      "verify", [&] { return engine::verify_store(nothing, ground.environment(), {}); }, ErrorCode::kNotFound);
}

// What is found was saved; what is not found, for want of memory or not, is no matter.
void keep_snapshots(Trial& trial) {
  Store& store = trial.store();
  constexpr std::string_view kStates[] = {"the state at version nought, which is not a short one", "at version one"};
  for (std::uint64_t version = 0; version < 2; ++version) {
    (void)trial.call("save_snapshot",
                     [&] { return store.save_snapshot("a", Version(version), as_bytes(kStates[version])); });
    const auto found = trial.call("snapshot", [&] { return store.snapshot("a"); });
    if (found && *found && **found && as_text((**found)->state) != kStates[(**found)->version.value()]) {
      trial.is_wrong("a snapshot is another one");
    }
  }
  (void)trial.call("prune_snapshots", [&] { return store.prune_snapshots({.keep = 1}); });
}

std::vector<Scenario> make_scenarios() {
  const auto append_all = [](Trial& trial) {
    for (const Work& work : trial.works) { (void)trial.append(work); }
  };
  const std::string long_text(900, 'x');
  std::vector<Scenario> all;
  const auto add = [&](const char* name, std::function<void(Trial&)> prepare, std::function<void(Trial&)> act) {
    all.push_back({name, std::move(prepare), std::move(act)});
  };
  add("create", [](Trial& trial) { trial.ground().restore({}); }, [](Trial& trial) { (void)trial.open(); });
  add("open_closed", files_of(Ending::kClosed), [](Trial& trial) { (void)trial.open(); });
  add("open_tail", files_of(Ending::kTail), [](Trial& trial) { (void)trial.open(); });
  add("open_torn", files_of(Ending::kTorn), [](Trial& trial) { (void)trial.open(); });
  add("open_spare", files_of(Ending::kIdle), [](Trial& trial) { (void)trial.open(); });
  add("open_read_only", files_of(Ending::kTail), [](Trial& trial) { (void)trial.open(reading(trial)); });
  add("open_badly", files_of(Ending::kClosed), bad_opens);
  add("append_one", open_with([](Trial& trial) { trial.works.emplace_back().add("a", "one more"); }), append_all);
  add("append_short_form", open_with(), [](Trial& trial) {
    (void)trial.call(
        "append", [&] { return trial.store().append("a", Expect::exactly(99), {{.type = "T"}}); },
        ErrorCode::kVersionConflict);
  });
  add("append_batch", open_with([=](Trial& trial) {
        Work& work = trial.works.emplace_back();
        for (int i = 0; i < 8; ++i) { work.add("a", "event " + std::to_string(i) + long_text); }
      }),
      append_all);
  // Each of the last ones needs a segment of its own.
  add("append_streams", open_with([=](Trial& trial) {
        for (int i = 0; i < 5; ++i) {
          Work& work = trial.works.emplace_back();
          work.add("new-" + std::to_string(i), "x" + long_text).add("b", long_text).add("another", "z");
        }
      }),
      append_all);
  add("append_conflict", open_with([](Trial& trial) {
        Work& work = trial.works.emplace_back().add("a", "never there").add("b", "nor this");
        work.batch.check("a", Expect::no_stream()).check("b", Expect::exactly(77));
      }),
      append_all);
  add("append_check",
      open_with([](Trial& trial) { trial.works.emplace_back().batch.check("a", Expect::stream_exists()); }),
      append_all);
  add("append_again", open_with([](Trial& trial) {
        trial.works.emplace_back().add("a", "twice").add("b", "as well");
        trial.works.push_back(trial.works[0]);
        std::array<std::byte, EventId::kSize> id{std::byte{250}, std::byte{3}};
        trial.works.emplace_back().add("a", "given", EventId(id));
        trial.works.push_back(trial.works[2]);
        (void)trial.append(trial.works[0]);
        (void)trial.append(trial.works[2]);
      }),
      append_all);
  add("append_id_conflict", open_with([](Trial& trial) {
        trial.works.emplace_back().add("a", "other content", sample(Ending::kClosed).events[0].id);
      }),
      append_all);
  add("decide", open_with([](Trial& trial) { trial.works.emplace_back().add("a", "decided").add("b", "as well"); }),
      [](Trial& trial) { (void)trial.decide("a", trial.works[0]); });
  add("keep_snapshots", open_with(), keep_snapshots);
  add("append_buffered", open_with([](Trial& trial) { trial.works.emplace_back().add("a", "one more"); }),
      [](Trial& trial) {
        const auto receipt = trial.append(trial.works[0], {.durability = Durability::kBuffered});
        if (receipt && *receipt) {
          (void)trial.call("wait_durable", [&] { return trial.store().wait_durable((*receipt)->last()); });
        }
      });
  add("submit", open_with([](Trial& trial) {
        trial.works.emplace_back().add("a", "first");
        trial.works.emplace_back().add("b", "second");
      }),
      [](Trial& trial) {
        const auto first = trial.submit(trial.works[0]);
        const auto second = trial.submit(trial.works[1]);
        if (first && *first) { (void)trial.wait(**first, trial.works[0]); }
        if (second && *second) { (void)trial.wait(**second, trial.works[1]); }
      });
  add("on_complete", open_with([](Trial& trial) { trial.works.emplace_back().add("a", "first"); }), complete);
  add("build_batch", open_with([](Trial& trial) { trial.works.emplace_back(); }), [](Trial& trial) {
    build_batch(trial);
    disarm_memory();
    (void)trial.append(trial.works[0]);
  });
  add("read_mapped", open_with(), [](Trial& trial) { read(trial, Query::all(), {}); });
  add("read_copied_backward", open_with(),
      [](Trial& trial) { read(trial, Query::all(), {.direction = Direction::kBackward, .access = Access::kCopied}); });
  add("read_stream", open_with(), [](Trial& trial) {
    std::optional<Query> query;
    if (!trial.build([&] { query = Query::stream("a"); })) { return; }
    read(trial, *query, {});
    read(trial, *query, {.direction = Direction::kBackward, .access = Access::kCopied});
  });
  add("read_as_of_a_time", open_with(), [](Trial& trial) {
    const RecordedTime last = sample(Ending::kClosed).events.back().recorded;
    read(trial, Query::all(), {.recorded_until = last - std::chrono::nanoseconds(1), .order = Order::kValid});
    read(trial, Query::all(),
         {.limit = 3, .valid_until = ValidTime::max(), .order = Order::kValid, .access = Access::kCopied});
    (void)trial.call("streams", [&] { return trial.store().streams({.recorded_until = last}); });
  });
  add("follow_by_valid_time", open_with([](Trial& trial) {
        Work& work = trial.works.emplace_back().add("a", "is valid at once");
        const auto soon = std::chrono::floor<std::chrono::microseconds>(trial.ground().environment().clock.now());
        for (int i = 5; i > 0; --i) {
          const std::string data = "is valid soon, " + std::to_string(i);
          work.batch.to("a").add(
              {.type = "Happened", .data = as_bytes(data), .valid = soon + std::chrono::microseconds(100 * i)});
          work.lines.push_back(Work().add("a", data).lines[0]);
        }
        must(trial.append(work)->has_value());
      }),
      follow_by_valid_time);
  add("build_projection", open_with(), [](Trial& trial) { build_projection(trial, 1); });
  add("build_projection_from_parts", open_with(), [](Trial& trial) { build_projection(trial, 2); });
  add("find", open_with(), find_each);
  add("look_around", open_with(), look_around);
  add("verify", files_of(Ending::kTail), [](Trial& trial) {
    const auto report = trial.call(
        "verify", [&] { return engine::verify_store(trial.ground().folder(), trial.ground().environment(), {}); });
    if (report && *report && !(*report)->whole()) { trial.is_wrong("verify finds damage for want of memory"); }
  });
  add("close", open_with([](Trial& trial) {
        trial.works.emplace_back().add("a", "on its way");
        trial.ticket = **trial.submit(trial.works[0]);
      }),
      [](Trial& trial) {
        (void)trial.call("close", [&] { return trial.store().close(); });
        (void)trial.wait(*trial.ticket, trial.works[0]);
      });
  add("destroy", open_with([](Trial& trial) {
        trial.works.emplace_back().add("a", "on its way");
        trial.ticket = **trial.submit(trial.works[0]);
      }),
      [](Trial& trial) {
        trial.drop_store();
        (void)trial.wait(*trial.ticket, trial.works[0]);
        trial.ticket.reset();
      });
  add("calls_on_a_closed_store", open_with([](Trial& trial) {
        trial.works.emplace_back().add("a", "before");
        trial.ticket = **trial.submit(trial.works[0]);
        (void)trial.wait(*trial.ticket, trial.works[0]);
        must(trial.store().close().has_value());
      }),
      closed_calls);
  add("calls_that_make_no_sense", open_with([](Trial& trial) {
        trial.works.emplace_back().add("a", "before");
        trial.ticket = **trial.submit(trial.works[0]);
        (void)trial.wait(*trial.ticket, trial.works[0]);
      }),
      bad_calls);
  const auto open_to_get = [](ErrorCode code) {
    return [code](Trial& trial) {
      (void)trial.call(
          "opening",
          [&] { return engine::open_store(trial.ground().folder(), trial.options(), trial.ground().environment()); },
          code);
    };
  };
  add("open_damaged", put_damaged, open_to_get(ErrorCode::kDamaged));
  add("open_suspect", put_suspect, open_to_get(ErrorCode::kSuspectTail));
  add("read_damaged", put_damaged, [](Trial& trial) {
    if (!trial.open(reading(trial))) { return; }
    (void)trial.call(
        "reading",
        [&] {
          Cursor cursor = trial.store().read(Query::all());
          while (cursor.next() != nullptr) {}
          return cursor.status();
        },
        ErrorCode::kDamaged);
    (void)trial.call("streams", [&] { return trial.store().streams(); }, ErrorCode::kDamaged);
    (void)trial.call("find", [&] { return trial.store().event_by_id(EventId()); }, ErrorCode::kDamaged);
    trial.drop_store();
  });
  return all;
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = make_scenarios();
  return all;
}

}  // namespace tidemark::damage
