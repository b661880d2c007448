// SPDX-License-Identifier: Apache-2.0
#include "tests/file_systems/worker_batch.h"

#include <fmt/format.h>
#include <random>
#include <sstream>
#include <utility>

namespace tidemark::file_systems {

std::vector<WorkerEvent> worker_events(std::uint64_t thread, std::uint64_t number) {
  std::mt19937_64 random(thread * 1'000'003 + number);
  const std::uint64_t count = random() % 20 == 0 ? 12 : 1 + random() % 3;
  std::vector<WorkerEvent> events;
  for (std::uint64_t i = 0; i < count; ++i) {
    WorkerEvent event;
    event.stream = random() % 4 == 0 ? fmt::format("shared-{}", random() % 3) : fmt::format("thread-{}", thread);
    event.data = fmt::format("{}/{}/{}/{}/", thread, number, i, count);
    std::size_t size = 20 + random() % 600;
    if (random() % 100 == 0) { size = 9000; }
    // Zeros too: what is missing must be told from what was meant.
    const char fill = random() % 10 == 0 ? '\0' : static_cast<char>('a' + random() % 26);
    if (event.data.size() < size) { event.data.resize(size, fill); }
    events.push_back(std::move(event));
  }
  return events;
}

std::string to_line(const Acknowledged& acknowledged) {
  return fmt::format("{} {} {} {}\n", acknowledged.flushes, acknowledged.thread, acknowledged.number,
                     acknowledged.position);
}

std::vector<Acknowledged> read_lines(const std::string& text) {
  std::vector<Acknowledged> all;
  std::istringstream lines(text.substr(0, text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1));
  Acknowledged one;
  while (lines >> one.flushes >> one.thread >> one.number >> one.position) { all.push_back(one); }
  return all;
}

namespace {

using Wrong = std::optional<std::string>;

// Goes through the log in its order.
class Follower {
 public:
  explicit Follower(const std::vector<Acknowledged>& acknowledged) {
    for (const auto& one : acknowledged) { missing_[{one.thread, one.number}] = one.position; }
  }

  Wrong take(const Event& event) {
    const std::uint64_t position = shown_.events++;
    const auto say = [&](const std::string& what) { return fmt::format("at position {}: {}", position, what); };
    if (event.position().value() != position) { return say("another position is shown"); }
    if (event.version().value() != versions_[std::string(event.stream())]++) { return say("a version is left out"); }
    if (index_ == batch_.size()) {
      if (auto wrong = begin_batch(event, position)) { return say(*wrong); }
    }
    const WorkerEvent& expected = batch_[index_++];
    if (event.stream() != expected.stream) { return say("another stream than was appended to"); }
    if (as_text(event.data()) != expected.data) { return say("other data than was appended"); }
    return std::nullopt;
  }

  Wrong finish() {
    if (index_ != batch_.size()) { return "the last batch is not whole"; }
    if (!missing_.empty()) {
      const auto& [batch, position] = *missing_.begin();
      return fmt::format(
          "{} acknowledged batches are missing, the first is batch {} of thread {} at position {}; {} "
          "events are shown",
          missing_.size(), batch.second, batch.first, position, shown_.events);
    }
    return std::nullopt;
  }

  [[nodiscard]] const Shown& shown() const { return shown_; }

 private:
  Wrong begin_batch(const Event& event, std::uint64_t position) {
    std::istringstream text{std::string(as_text(event.data()).substr(0, 60))};
    std::uint64_t thread = 0;
    std::uint64_t number = 0;
    char slash = 0;
    if (!(text >> thread >> slash >> number) || slash != '/') { return "no batch begins like this"; }
    if (number != shown_.next[thread]) {
      return fmt::format("batch {} of thread {} follows batch {}", number, thread, shown_.next[thread]);
    }
    ++shown_.next[thread];
    batch_ = worker_events(thread, number);
    index_ = 0;
    const auto known = missing_.find({thread, number});
    if (known == missing_.end()) { return std::nullopt; }
    if (known->second != position) {
      return fmt::format("batch {} of thread {} was acknowledged at position {}", number, thread, known->second);
    }
    missing_.erase(known);
    return std::nullopt;
  }

  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> missing_;
  std::map<std::string, std::uint64_t> versions_;
  std::vector<WorkerEvent> batch_;
  std::size_t index_ = 0;
  Shown shown_;
};

}  // namespace

std::optional<std::string> check_shown(const Store& store, const std::vector<Acknowledged>& acknowledged, Access access,
                                       Shown& shown, Status* ended) {
  Follower follower(acknowledged);
  std::optional<EventId> last;
  Cursor all = store.read(Query::all(), {.access = access});
  while (const Event* event = all.next()) {
    if (auto wrong = follower.take(*event)) { return wrong; }
    last = event->id();
  }
  if (ended != nullptr) { *ended = all.status(); }
  if (auto status = all.status(); !status) { return "reading ended with: " + to_string(status.error()); }
  shown = follower.shown();
  if (auto wrong = follower.finish()) { return wrong; }
  if (last) {
    const auto found = store.event_by_id(*last);
    if (!found) { return "find ended with: " + to_string(found.error()); }
    if (!*found) { return "the last event is not found by its id"; }
  }
  return std::nullopt;
}

}  // namespace tidemark::file_systems
