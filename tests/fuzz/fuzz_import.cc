// SPDX-License-Identifier: Apache-2.0
// Goal: no file makes the import crash, store what is not in it, or store it twice. Method: the input, plain or as
// gzip, is a file in memory that is imported into a store on the twins, and then once more.
#include <algorithm>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/targets.h"
#include "tests/fuzz/twin.h"
#include "tools/command/export_line.h"
#include "tools/command/importer.h"

namespace tidemark::fuzz {

namespace {

using namespace command;

// A file that has a path and stands on no disk.
class MemoryFile {
 public:
  explicit MemoryFile(Bytes bytes) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    require(descriptor_ >= 0, "there is no file in memory to be had");
    for (std::size_t at = 0; at < bytes.size();) {
      const auto written = ::write(descriptor_, bytes.data() + at, bytes.size() - at);
      require(written > 0, "a file in memory takes no bytes");
      at += static_cast<std::size_t>(written);
    }
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(descriptor_); }

  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

struct Imported {
  Outcome<void> outcome;
  std::uint64_t imported = 0;
  std::uint64_t skipped = 0;
};

Imported import(Store& store, const MemoryFile& file, std::uint64_t batch, const std::string& recorded_field) {
  auto lines = LineReader::open(file.path());
  require(lines.has_value(), "a file in memory does not open");
  Importer importer(store, *lines, batch, Progress::Mode::kNever, recorded_field);
  auto outcome = importer.run();
  return {std::move(outcome), importer.imported(), importer.skipped()};
}

void require_plain_failure(const Imported& done) {
  if (done.outcome) { return; }
  const ExitCode code = done.outcome.error().code;
  require(code == ExitCode::kBadInput || code == ExitCode::kConflict,
          "an odd failure: " + done.outcome.error().message);
}

}  // namespace

void run_import(Bytes input) {
  if (input.empty()) { return; }
  const auto batch = 1 + static_cast<std::uint64_t>(input[0]) % 8;
  const auto by = static_cast<std::uint64_t>(input[0]) / 8 % 4;  // what says when a line was recorded, mostly nothing
  const std::string recorded_field = by == 1 ? "time" : by == 2 ? "at" : "";
  const MemoryFile file(input.subspan(1));
  Twin twin;
  auto store = twin.open({});
  require(store.has_value(), "a new store cannot be made");

  const Imported first = import(*store, file, batch, recorded_field);
  require_plain_failure(first);
  const Shown shown = read_everything(*store, false);
  require(shown.events.size() == first.imported, "other events are there than were imported");
  auto visited = store->read(Query::all()).for_each([](const Event& event) {
    // Exported, it is taken again and is the same.
    const std::string text = command::export_line(event);
    const auto line = command::parse_import_line(text, "recorded");
    require(line.has_value(), "an export is no import");
    require(line->stream == event.stream() && line->type == event.type() && line->id == event.id(),
            "an export has other names");
    require(line->valid == event.valid() && line->recorded == event.recorded(), "an export has other times");
    require(std::ranges::equal(line->tags, event.tags()), "an export has other tags");
    require(command::ImportLine::text(line->data) == as_text(event.data()), "an export has other data");
    require(command::ImportLine::text(line->metadata) == as_text(event.metadata()), "an export has other metadata");
  });
  require(visited.has_value(), "what was imported cannot be read");

  const Imported again = import(*store, file, batch, recorded_field);
  require_plain_failure(again);
  require(again.imported == 0, "an import that was repeated brought more");
  require(again.outcome.has_value() == first.outcome.has_value(), "an import that was repeated ends otherwise");
  if (first.outcome) {
    require(again.skipped == first.imported + first.skipped, "an import that was repeated skips other lines");
  }
  require(store->close().has_value(), "the store does not close");
}

}  // namespace tidemark::fuzz
