// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/check.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "bench/compare/closed_loop.h"

namespace tidemark::compare {

namespace {

struct Kept {
  std::string type;
  std::string payload;
  friend bool operator==(const Kept&, const Kept&) = default;
};

// A store and what it should hold.
class Checked {
 public:
  explicit Checked(const Bench& bench) : bench_(bench), source_(bench.pool, 4711) {}

  void open(bool durable) {
    Opening how = bench_.opening();
    how.durable = durable;
    bench_.store.open(bench_.folder, how);
  }
  void close() { bench_.store.close(); }

  void append(const std::string& stream, std::optional<std::uint64_t> expected, std::size_t count) {
    const std::vector<EventToAppend> events = take(count);
    const std::uint64_t length = streams_[stream].size();
    const Answer answer = bench_.store.append({.stream = stream, .expected_length = expected, .events = events});
    const bool conflicts = expected && *expected != length;
    require(answer.conflict == conflicts, "whether " + stream + " is in conflict");
    if (!conflicts) { keep(stream, events); }
    require(answer.length == streams_[stream].size(), "the length of " + stream + " after an append");
  }

  void append_together(const std::vector<std::string>& names) {
    const std::vector<EventToAppend> events = take(names.size());
    std::vector<Append> appends;
    for (std::size_t i = 0; i < names.size(); ++i) {
      appends.push_back({.stream = names[i], .expected_length = {}, .events = std::span(&events[i], 1)});
      keep(names[i], std::span(&events[i], 1));
    }
    bench_.store.append_together(appends);
  }

  // Threads that append to the same streams, each time expecting the length that they were told last.
  void append_at_once(std::size_t threads, std::size_t appends_each) {
    std::mutex mutex;
    run_threads(threads, [&](std::size_t thread) {
      Numbers numbers(thread);
      Events source(bench_.pool, thread);
      std::map<std::string, std::uint64_t> lengths;
      for (std::size_t i = 0; i < appends_each; ++i) {
        const std::string stream = "shared-" + std::to_string(numbers.next() % 3);
        const EventToAppend event = source.next();
        Append append{.stream = stream, .expected_length = lengths[stream], .events = std::span(&event, 1)};
        Answer answer = bench_.store.append(append);
        while (answer.conflict) {
          append.expected_length = answer.length;
          answer = bench_.store.append(append);
        }
        lengths[stream] = answer.length;
        const std::scoped_lock lock(mutex);
        std::vector<Kept>& kept = streams_[stream];
        if (kept.size() < answer.length) { kept.resize(answer.length); }
        kept[answer.length - 1] = {.type = std::string(event.type), .payload = std::string(event.payload)};
      }
    });
  }

  void submit(std::size_t count) {
    const auto submitter = bench_.store.submitter();
    if (!submitter) { return; }
    const std::vector<EventToAppend> events = take(count);
    for (const EventToAppend& event : events) {
      submitter->submit({.stream = "submitted", .expected_length = {}, .events = std::span(&event, 1)});
    }
    for (std::size_t i = 0; i < count; ++i) { submitter->wait_oldest(); }
    keep("submitted", events);
  }

  void look() {
    bench_.store.sync();
    Tally all;
    for (const auto& [stream, kept] : streams_) {
      require(bench_.store.stream_length(stream) == kept.size(), "the length of " + stream);
      std::vector<Kept> found;
      bench_.store.read_stream(stream, [&](const EventSeen& event) {
        require(event.version == found.size(), "a version in " + stream);
        found.push_back({.type = std::string(event.type), .payload = std::string(event.payload)});
        return true;
      });
      require(found == kept, "the events of " + stream);
      for (const Kept& event : kept) { all.add(event.payload); }
    }
    require(bench_.store.stream_length("nobody") == 0, "the length of a stream that is not there");
    bench_.store.read_stream("nobody", [&](const EventSeen&) -> bool { throw Failure("an event of nobody's"); });
    check_content(bench_.store, all);
    require_rest(all.events);
    require_following(all);
  }

  [[nodiscard]] std::uint64_t right() const { return right_; }

 private:
  // Reading on from any event gives those behind it.
  void require_rest(std::uint64_t events) {
    std::vector<std::uint64_t> next;
    bench_.store.read_all(0, [&](const EventSeen& event) {
      next.push_back(event.next_position);
      return next.size() < events / 2;
    });
    std::uint64_t behind = 0;
    bench_.store.read_all(next.back(), [&](const EventSeen&) {
      ++behind;
      return true;
    });
    require(next.size() + behind == events, "reading on from the middle");
  }

  void require_following(const Tally& all) {
    Tally followed;
    std::stop_source source;
    std::atomic<bool> is_late{false};
    std::jthread watch([&](const std::stop_token& over) {
      const Nanoseconds start = now();
      while (!over.stop_requested() && !is_late) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        if (seconds_since(start) > 20) {
          is_late = true;
          source.request_stop();
        }
      }
    });
    bench_.store.follow(source.get_token(), [&](const EventSeen& event) {
      followed.add(event.payload);
      if (followed.events == all.events) { source.request_stop(); }
      return true;
    });
    require(!is_late && followed == all, "following");
  }

  std::vector<EventToAppend> take(std::size_t count) {
    std::vector<EventToAppend> events;
    for (std::size_t i = 0; i < count; ++i) { events.push_back(source_.next()); }
    return events;
  }
  void keep(const std::string& stream, std::span<const EventToAppend> events) {
    for (const EventToAppend& event : events) {
      streams_[stream].push_back({.type = std::string(event.type), .payload = std::string(event.payload)});
    }
  }
  void require(bool is_right, const std::string& what) {
    if (!is_right) { throw Failure("a wrong answer: " + what); }
    ++right_;
  }

  const Bench& bench_;
  Events source_;
  std::map<std::string, std::vector<Kept>> streams_;
  std::uint64_t right_ = 0;
};

}  // namespace

Measure check_answers() {
  return [](const Bench& bench) {
    Checked checked(bench);
    checked.open(true);
    checked.append("acct-1", 0, 1);
    checked.append("acct-1", 0, 1);  // conflicts
    checked.append("acct-1", 5, 2);  // conflicts
    checked.append("acct-1", 1, 3);
    checked.append("acct-12", {}, 2);  // a name that begins with another's
    checked.append("acct-12", 7, 2);   // conflicts
    checked.append_together({"acct-1", "acct-2", "acct-3"});
    checked.append("acct-2", 1, 100);
    checked.submit(10);
    checked.look();
    checked.append_at_once(8, 40);
    checked.look();
    checked.close();
    checked.open(false);
    checked.look();
    checked.append("acct-2", 101, 1);
    checked.append("acct-2", 101, 1);  // conflicts
    checked.append_together({"acct-3", "acct-4"});
    checked.look();
    checked.close();
    checked.open(true);
    checked.look();
    checked.append("acct-4", 1, 1);
    checked.look();
    checked.close();
    return Figures{{"answers", static_cast<double>(checked.right())}};
  };
}

}  // namespace tidemark::compare
