// SPDX-License-Identifier: Apache-2.0
// Works on a store in a process of its own, for tests that take its disk away: a file system that hangs, an error of
// the medium or a signal then hits this process alone. --help tells the calls.
#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "engine/recovery/verify.h"
#include "engine/store/store_core.h"
#include "platform/clock.h"
#include "platform/file_system.h"
#include "platform/machine.h"
#include "tests/file_systems/mounts.h"
#include "tests/file_systems/worker_batch.h"

namespace {

using tidemark::Access;
using tidemark::Batch;
using tidemark::Cursor;
using tidemark::OpenOptions;
using tidemark::Store;
using tidemark::file_systems::Acknowledged;
using tidemark::file_systems::Shown;

struct Settings {
  std::string folder;
  std::string acknowledged;
  std::uint64_t threads = 4;
  std::uint64_t batches = 0;
  std::uint64_t sessions = 1;
  std::uint64_t segment_bytes = 1U << 14U;
  bool counted = false;
  bool keep_open = false;
  std::uint64_t table_events = 0;
  bool rebooted = false;
  bool pause = false;
  std::optional<std::uint64_t> unread;
};

OpenOptions options_of(const Settings& settings) {
  return {.segment_bytes_first = settings.segment_bytes, .segment_bytes_largest = 4 * settings.segment_bytes};
}

// This machine, after the reboot that follows a power loss. Else a reader would have to suspect the page cache.
class RebootedMachine final : public tidemark::platform::Machine {
 public:
  void fill_random(std::span<std::byte> into) override { tidemark::platform::real_machine().fill_random(into); }
  tidemark::platform::Uuid boot_id() override { return boot_; }
  std::uint64_t process() override { return tidemark::platform::real_machine().process(); }

 private:
  const tidemark::platform::Uuid boot_ = tidemark::platform::random_uuid(tidemark::platform::real_machine());
};

tidemark::Result<Store> open_checked(const Settings& settings, OpenOptions options) {
  static RebootedMachine rebooted;
  tidemark::platform::Machine& machine = tidemark::platform::real_machine();
  tidemark::engine::Environment environment{tidemark::platform::real_file_system(), tidemark::platform::real_clock(),
                                            settings.rebooted ? rebooted : machine};
  if (settings.table_events > 0) {
    environment.index = {.files = true, .table_events = settings.table_events, .merge_runs = 3, .close_events = 1};
  }
  auto core = tidemark::engine::open_store(settings.folder, options, environment);
  if (!core) { return std::unexpected(std::move(core.error())); }
  return Store(std::move(*core));
}

int say(const std::string& what) {
  fmt::print("wrong: {}\n", what);
  return 1;
}

// The disk's number of flushes, if it counts them.
class FlushCount {
 public:
  explicit FlushCount(bool counted) {
    if (!counted) { return; }
    void* const at = ::mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED,
                            tidemark::file_systems::kGivenDescriptor, 0);
    if (at != MAP_FAILED) { count_ = static_cast<std::uint64_t*>(at); }
  }
  [[nodiscard]] std::uint64_t now() const {
    return count_ == nullptr ? 0 : std::atomic_ref(*count_).load(std::memory_order_acquire);
  }

 private:
  std::uint64_t* count_ = nullptr;
};

Batch batch_of(std::uint64_t thread, std::uint64_t number) {
  Batch batch;
  for (const auto& event : tidemark::file_systems::worker_events(thread, number)) {
    batch.to(event.stream).add({.type = "Counted", .data = tidemark::as_bytes(event.data)});
  }
  return batch;
}

// Appends durably from every thread until each has appended so many batches, or an append fails.
int append_session(Store& store, const Settings& settings, Shown& shown, const FlushCount& flushes) {
  std::atomic<bool> failed = false;
  std::mutex mutex;
  std::string why;
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t thread = 0; thread < settings.threads; ++thread) {
      const std::uint64_t first = shown.next[thread];
      threads.emplace_back([&, thread, first] {
        for (std::uint64_t n = first; (settings.batches == 0 || n < first + settings.batches) && !failed; ++n) {
          const auto receipt = store.append(batch_of(thread, n));
          if (!receipt) {
            failed = true;
            const std::scoped_lock lock(mutex);
            if (why.empty()) { why = to_string(receipt.error()); }
            return;
          }
          const std::string line = to_line(Acknowledged{
              .flushes = flushes.now(), .thread = thread, .number = n, .position = receipt->first.value()});
          if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) { failed = true; }
        }
      });
    }
  }
  if (failed) { fmt::print("ended: {}\n", why); }
  return failed ? 3 : 0;
}

int write_store(const Settings& settings) {
  const FlushCount flushes(settings.counted);
  for (std::uint64_t session = 0; session < settings.sessions; ++session) {
    auto store = open_checked(settings, options_of(settings));
    if (!store) {
      fmt::print("ended: {}\n", to_string(store.error()));
      return 4;
    }
    Shown shown;
    if (settings.unread) {
      for (std::uint64_t thread = 0; thread < settings.threads; ++thread) { shown.next[thread] = *settings.unread; }
    } else if (const auto wrong = check_shown(*store, {}, Access::kCopied, shown)) {
      return say(*wrong);
    }
    if (const int code = append_session(*store, settings, shown, flushes); code != 0) { return code; }
    if (settings.keep_open && session + 1 == settings.sessions) { std::_Exit(0); }
    if (auto closed = store->close(); !closed) { return 5; }
  }
  return 0;
}

// Opens a store after a crash in every way, compares it with what was acknowledged, and goes on with it.
int check_store(const Settings& settings) {
  std::ifstream file(settings.acknowledged);
  const std::vector<Acknowledged> acknowledged =
      tidemark::file_systems::read_lines({std::istreambuf_iterator<char>(file), {}});

  // Read-only first, since it changes nothing. Before the store was made there is none.
  std::uint64_t shown_before = 0;
  auto reading = open_checked(settings, {.read_only = true});
  if (reading) {
    Shown shown;
    // In the same boot it may show one group less than recovery will keep (docs/recovery.md).
    const auto& due = settings.rebooted ? acknowledged : std::vector<Acknowledged>();
    if (const auto wrong = check_shown(*reading, due, Access::kCopied, shown)) {
      return say("opened read-only, " + *wrong);
    }
    shown_before = shown.events;
    const auto report = tidemark::verify(settings.folder);
    if (!report) { return say("verify: " + to_string(report.error())); }
    if (!report->whole()) { return say("verify: " + report->damages.front().what); }
  } else if (reading.error().code() != tidemark::ErrorCode::kNotFound || !acknowledged.empty()) {
    return say("opening read-only: " + to_string(reading.error()));
  }

  auto store = open_checked(settings, options_of(settings));
  if (!store) { return say("opening: " + to_string(store.error())); }
  const auto report = store->recovery();
  Shown shown;
  if (const auto wrong = check_shown(*store, acknowledged, Access::kMapped, shown)) { return say(*wrong); }
  if (shown.events < shown_before) {
    return say(fmt::format("read-only {} events were shown, recovery kept {}", shown_before, shown.events));
  }
  // It goes on, through a roll or two.
  Settings more = settings;
  more.batches = 12;
  std::vector<Acknowledged> all = acknowledged;
  for (std::uint64_t thread = 0; thread < settings.threads; ++thread) {
    const std::uint64_t first = shown.next[thread];
    for (std::uint64_t n = first; n < first + more.batches; ++n) {
      const auto receipt = store->append(batch_of(thread, n));
      if (!receipt) { return say("appending after recovery: " + to_string(receipt.error())); }
      all.push_back({.thread = thread, .number = n, .position = receipt->first.value()});
    }
  }
  if (auto closed = store->close(); !closed) { return say("closing: " + to_string(closed.error())); }
  store = open_checked(settings, options_of(settings));
  if (!store) { return say("opening again: " + to_string(store.error())); }
  Shown again;
  if (const auto wrong = check_shown(*store, all, Access::kCopied, again)) { return say("opened again, " + *wrong); }
  if (store->recovery().kind != tidemark::RecoveryKind::kClosedCleanly) { return say("a clean close was not clean"); }
  const auto verified = tidemark::verify(settings.folder);
  if (!verified || !verified->whole()) { return say("verify finds damage after recovery"); }
  fmt::print("kind: {}\nevents: {}\nin_doubt: {}\ncut: {}\n", to_string(report.kind), shown.events,
             report.frames_in_doubt, report.bytes_cut);
  return 0;
}

template <class T>
std::string text_of(const std::optional<T>& number) {
  return number ? std::to_string(number->value()) : "-";
}

void tell(const char* way, const tidemark::Error* error) {
  if (error == nullptr) {
    fmt::print("{} 0 - -\n", way);
    return;
  }
  fmt::print("{} {} {} {}\n", way, static_cast<int>(error->code()), text_of(error->segment()),
             text_of(error->offset()));
}

// Takes the store's files out of the page cache, where nothing maps them.
void forget(const std::string& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) { continue; }
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
  }
}

// Reads the store in every way, and tells in a line each how it ended: way code segment offset.
int read_store(const Settings& settings) {
  auto store = Store::open(settings.folder, {.read_only = true});
  tell("open", store ? nullptr : &store.error());
  if (store) {
    std::vector<tidemark::EventId> ids;
    if (settings.pause) {
      Cursor all = store->read(tidemark::Query::all(), {.access = Access::kCopied});
      while (const tidemark::Event* event = all.next()) { ids.push_back(event->id()); }
      forget(settings.folder);
      std::raise(SIGSTOP);
    }
    for (const auto& [way, access] : {std::pair("copied", Access::kCopied), std::pair("mapped", Access::kMapped)}) {
      forget(settings.folder);
      Shown shown;
      tidemark::Status ended;
      if (const auto wrong = check_shown(*store, {}, access, shown, &ended); wrong && ended) { return say(*wrong); }
      tell(way, ended ? nullptr : &ended.error());
    }
    std::optional<tidemark::Error> lost;
    for (const auto& id : ids) {
      const auto found = store->event_by_id(id);
      if (found && !*found) { return say("an event that is there is said not to be"); }
      if (!found) { lost = found.error(); }
    }
    tell("find", lost ? &*lost : nullptr);
  }
  forget(settings.folder);
  const auto report = tidemark::verify(settings.folder);
  if (!report) {
    tell("verify", &report.error());
  } else if (report->whole()) {
    tell("verify", nullptr);
  } else {
    const auto& damage = report->damages.front();
    fmt::print("verify {} {} {}\n", static_cast<int>(tidemark::ErrorCode::kDamaged), text_of(damage.segment),
               text_of(damage.offset));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app{
      "Works on a store for the tests of file systems. Exit codes: 0 done, 1 something is wrong (told on standard "
      "output), 2 bad usage, 3 an append failed, 4 opening failed, 5 closing failed"};
  app.require_subcommand(1);
  const auto add = [&](const char* name, const char* what) {
    CLI::App* const call = app.add_subcommand(name, what);
    call->add_option("folder", settings.folder, "The store")->required();
    call->add_option("--threads", settings.threads, "Appenders")->capture_default_str();
    call->add_option("--table-events", settings.table_events,
                     "Index files of so many events and more, merged by three; 0: as stores have them")
        ->capture_default_str();
    call->add_option("--segment-bytes", settings.segment_bytes, "The first segments' size")->capture_default_str();
    return call;
  };
  CLI::App* const write =
      add("write", "Appends, and tells each acknowledgement in a line: flushes thread number position");
  write->add_option("--batches", settings.batches, "Batches of each appender in a session; 0: without end");
  write->add_option("--sessions", settings.sessions, "How often the store is opened and closed")->capture_default_str();
  write->add_flag("--counted", settings.counted, "Descriptor 3 is memory with the disk's number of flushes");
  write->add_option("--unread", settings.unread, "Do not read what is there first; the next batches have this number");
  write->add_flag("--keep-open", settings.keep_open, "End without closing the store");
  CLI::App* const check = add("check", "Opens the store after a crash and looks for everything that was acknowledged");
  check->add_option("acknowledged", settings.acknowledged, "The file with the lines of `write`")->required();
  check->add_flag("--rebooted", settings.rebooted, "The machine went down in between");
  CLI::App* const read = add("read", "Reads the store in every way, and tells how each ended: way code segment offset");
  read->add_flag("--pause", settings.pause, "Stop (SIGSTOP) once it is open, with nothing of it in the page cache");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) { return app.exit(error) == 0 ? 0 : 2; }
  if (read->parsed()) { return read_store(settings); }
  return write->parsed() ? write_store(settings) : check_store(settings);
}
