// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/twin.h"

#include <algorithm>
#include <map>

#include "engine/format/names.h"
#include "engine/format/segment.h"
#include "tests/fuzz/targets.h"
#include "tidemark/limits.hpp"

namespace tidemark::fuzz {

namespace {

std::string hex(Bytes bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += kDigits[static_cast<std::size_t>(byte) >> 4U];
    text += kDigits[static_cast<std::size_t>(byte) & 15U];
  }
  return text;
}

// Readers stop at the same place whatever way they take; a cursor that ends early says why.
void require_same(const Shown& one, const Shown& other, const std::string& what, bool may_be_damaged) {
  if (one.error || other.error) {
    require(may_be_damaged, what + ": reading failed: " + to_string(one.error ? *one.error : *other.error));
    return;
  }
  require(one.events == other.events, what + " differ");
}

}  // namespace

std::string to_text(const Event& event) {
  std::string text = std::to_string(event.position().value());
  const auto put = [&](std::string_view part) { text += ' ' + std::to_string(part.size()) + ':' + std::string(part); };
  put(event.stream());
  put(std::to_string(event.version().value()));
  put(hex(event.id().bytes()));
  put(event.type());
  put(std::to_string(event.recorded().time_since_epoch().count()));
  put(std::to_string(event.valid().time_since_epoch().count()));
  put(as_text(event.data()));
  put(as_text(event.metadata()));
  for (const auto tag : event.tags()) { put(tag); }
  return text;
}

Twin::Twin(const Archive& archive) {
  files.set_contents(folder / "lock", {});  // so that the folder is there
  files.remove(folder / "lock");
  for (const ArchiveFile& file : archive) {
    if (file.is_folder) {
      (void)files.make_folder(folder / file.name);
      (void)files.sync_folder(folder);
    } else {
      files.set_contents(folder / file.name, file.bytes);
    }
  }
}

Result<Store> Twin::open(const OpenOptions& options) {
  auto core = engine::open_store(folder, options, environment());
  if (!core) { return std::unexpected(std::move(core.error())); }
  return Store(std::move(*core));
}

std::vector<std::pair<std::string, std::vector<std::byte>>> Twin::snapshot() const {
  std::vector<std::pair<std::string, std::vector<std::byte>>> all;
  for (const auto& path : files.files()) {
    if (path.filename() != engine::kLockName) { all.emplace_back(path.string(), files.contents(path).value()); }
  }
  return all;
}

Archive Twin::archive() const {
  Archive all;
  for (const auto& path : files.files()) {
    all.push_back({.name = path.filename().string(), .bytes = files.contents(path).value()});
  }
  return all;
}

OpenOptions to_read() { return {.read_only = true, .create = false}; }

OpenOptions to_write() { return {.segment_bytes_first = 4096, .segment_bytes_largest = 8192, .accept_clock = true}; }

Shown show(const Store& store, const Query& query, const ReadOptions& options) {
  Shown shown;
  auto done = store.read(query, options).for_each([&](const Event& event) { shown.events.push_back(to_text(event)); });
  if (!done) { shown.error = std::move(done.error()); }
  return shown;
}

Shown read_everything(const Store& store, bool may_be_damaged) {
  Shown all;
  std::map<std::string, std::vector<std::string>> by_stream;
  std::vector<std::pair<EventId, std::string>> ids;
  auto done = store.read(Query::all()).for_each([&](const Event& event) {
    require(event.position().value() == all.events.size(), "positions are not dense");
    auto& stream = by_stream[std::string(event.stream())];
    require(event.version().value() == stream.size(), "versions are not dense");
    all.events.push_back(to_text(event));
    stream.push_back(all.events.back());
    if (ids.size() < 16) { ids.emplace_back(event.id(), all.events.back()); }
  });
  if (!done) { all.error = std::move(done.error()); }
  if (all.error) {
    require(all.error->code() == ErrorCode::kDamaged, "reading gives an odd error: " + to_string(*all.error));
    require(may_be_damaged, "reading failed: " + to_string(*all.error));
  }
  require_same(all, show(store, Query::all(), {.access = Access::kCopied}), "mapped and copied", may_be_damaged);
  Shown backward = show(store, Query::all(), {.direction = Direction::kBackward});
  std::ranges::reverse(backward.events);
  require_same(all, backward, "forward and backward", may_be_damaged);
  if (all.error) { return all; }

  require(store.info().events == all.events.size(), "info() counts other events");
  const auto streams = store.streams();
  require(streams.has_value() && streams->size() == by_stream.size(), "streams() lists other streams");
  for (const StreamInfo& info : *streams) {
    const auto found = by_stream.find(info.name);
    require(found != by_stream.end(), "streams() lists a stream without events");
    require(info.last_version.value() + 1 == found->second.size(), "streams() says another last version");
    // Only a hostile file has a name that no append takes; nor does a query.
    if (!engine::check_name("a stream", info.name, limits::kStreamNameBytesMax)) { continue; }
    const Shown one = show(store, Query::stream(info.name));
    require_same(one, {.events = found->second, .error = {}}, "a stream and the whole log", may_be_damaged);
  }
  for (const auto& [id, text] : ids) {
    const auto found = store.event_by_id(id);
    require(found.has_value() && found->has_value() && (*found)->id == id, "event_by_id() does not find an event");
  }
  const auto checkpoints = store.checkpoints();
  require(checkpoints.has_value(), "checkpoints() fails");
  for (const auto& [name, checkpoint] : *checkpoints) {
    const auto one = store.checkpoint(name);
    require(one.has_value() && *one == checkpoint, "a checkpoint is another one in the list");
    const bool is_ours = checkpoint.log_id == store.info().log_id;
    require(!is_ours || !checkpoint.position || checkpoint.position->value() < all.events.size(),
            "a checkpoint of this log is behind its end");
  }
  return all;
}

bool is_prefix(const std::vector<std::string>& shorter, const std::vector<std::string>& longer) {
  return shorter.size() <= longer.size() && std::equal(shorter.begin(), shorter.end(), longer.begin());
}

}  // namespace tidemark::fuzz
