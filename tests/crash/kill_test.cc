// SPDX-License-Identifier: Apache-2.0
// Goal: whatever a real process acknowledged is found after SIGKILL, at its version and position, whole; what a reader
// beside it was shown is never taken away; and the store goes on. Method: kill_writer is started on the same store
// again and again and killed after a random time, often while it still opens the store, often with kill_reader beside
// it; then what both had said is compared with what a new opening shows.
//   TIDEMARK_KILL_CYCLES=2000 TIDEMARK_KILL_SEED=1 kill_tests
// The seed gives the times; where exactly a real process is hit, nothing gives again: a store that fails is kept.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/crash/child_process.h"
#include "tests/crash/kill_content.h"
#include "tests/open_with_index.h"
#include "tests/temporary_folder.h"
#include "tidemark/tidemark.hpp"

namespace {

using std::chrono::microseconds;
using tidemark::crash::Process;

constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();

// Removed at its end unless the test failed.
class OwnFolder : public tidemark::test::TemporaryFolder {
 public:
  OwnFolder() : TemporaryFolder("kill") {}
  ~OwnFolder() {
    if (!testing::Test::HasFailure()) { return; }
    keep();
    std::printf("the store is kept: tidemark verify %s/store\n", path().c_str());
  }
};

struct Counts {
  std::uint64_t cycles = 0;
  std::uint64_t killed_in_opening = 0;
  std::uint64_t killed_in_recovery = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t events = 0;
  std::uint64_t checks = 0;
  std::uint64_t in_doubt = 0;
  std::uint64_t cut = 0;
  std::uint64_t readings = 0;
  std::uint64_t followers = 0;
  std::uint64_t deliveries = 0;
  std::uint64_t segments = 0;
};

// The store, what must be in it, and what was shown of it.
class Life {
 public:
  Life(std::filesystem::path folder, std::uint64_t seed) : folder_(std::move(folder)), random_(seed) {}

  void cycle() {
    // One follower sees the deaths of several writers.
    if (follower_ && random_() % 12 == 0) { end_follower(); }
    if (!follower_) { follower_.emplace(std::vector<std::string>{KILL_READER, folder_.string(), "follow"}); }
    const bool read_beside = random_() % 2 == 0;
    std::optional<Process> reader;
    if (read_beside) { reader.emplace(std::vector<std::string>{KILL_READER, folder_.string()}); }
    const auto begun = std::chrono::steady_clock::now();
    Process writer({KILL_WRITER, folder_.string(), random_() % 2 == 0 ? "8" : "1", "12"});
    if (random_() % 10 < 4) {
      // Within its opening, or shortly after it.
      std::this_thread::sleep_for(microseconds(random_() % static_cast<std::uint64_t>(opening_.count() * 5 / 4 + 1)));
    } else {
      writer.wait_until_heard();
      opening_ = std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - begun);
      std::this_thread::sleep_for(microseconds(random_() % 60'000));
    }
    const std::string said = writer.kill();
    take_acknowledged(said);
    if (reader) {
      // It may see the store as the dead left it.
      if (random_() % 2 == 0) { std::this_thread::sleep_for(microseconds(random_() % 20'000)); }
      counts_.readings += take_shown(reader->kill());
    }
    ++counts_.cycles;
    if (said.empty()) {
      ++counts_.killed_in_opening;
      if (unclean_) { ++counts_.killed_in_recovery; }
    } else {
      unclean_ = true;
    }
  }

  // Often the next writer shall meet what this one left, and not what a check has mended and closed.
  bool is_check_due() { return random_() % 2 == 0; }

  void check() {
    auto store =
        tidemark::open_with_index(folder_, {.segment_bytes_first = 1U << 14U, .segment_bytes_largest = 1U << 18U},
                                  tidemark::crash::kKillTableEvents);
    ASSERT_TRUE(store) << to_string(store.error());
    const auto& report = store->recovery();
    ++counts_.checks;
    counts_.in_doubt += report.frames_in_doubt > 0 ? 1 : 0;
    counts_.cut += report.bytes_cut > 0 ? 1 : 0;
    std::map<std::string, std::uint64_t> next;
    std::uint64_t position = 0;
    std::uint64_t digest = 0;
    auto shown = shown_.begin();
    const auto compare_shown = [&] {
      if (shown == shown_.end() || shown->first != position) { return; }
      EXPECT_EQ(shown->second, digest) << "a reader was shown other events than these " << position;
      ++shown;
    };
    auto all = store->read(tidemark::Query::all());
    compare_shown();
    while (const tidemark::Event* event = all.next()) {
      const std::string name(event->stream());
      ASSERT_EQ(event->position().value(), position);
      const std::uint64_t version = next[name]++;
      ASSERT_EQ(event->version().value(), version);
      const auto& known = acknowledged_[name];
      if (version < known.size() && known[version] != kUnknown) {
        ASSERT_EQ(position, known[version]) << name << " " << version;
      }
      ASSERT_EQ(tidemark::as_text(event->data()), tidemark::crash::kill_content(name, version));
      digest = tidemark::crash::kill_digest(digest, *event);
      ++position;
      compare_shown();
    }
    ASSERT_TRUE(all.status()) << to_string(all.status().error());
    ASSERT_EQ(shown, shown_.end()) << "a reader was shown " << shown->first << " events, " << position << " are there";
    for (const auto& [name, positions] : acknowledged_) {
      ASSERT_GE(next[name], positions.size()) << "acknowledged events of " << name << " are missing";
    }
    counts_.events = position;
    counts_.segments = store->info().segments;
    unclean_ = false;
    ASSERT_TRUE(store->close());
  }

  // All that is there comes to who follows.
  void end_follower() {
    if (!follower_) { return; }
    counts_.deliveries += take_shown(follower_->kill());
    ++counts_.followers;
    follower_.reset();
  }
  void expect_follower_sees_all() {
    ASSERT_TRUE(follower_);
    EXPECT_TRUE(follower_->hears(std::to_string(counts_.events) + " ")) << "the follower was left behind";
    end_follower();
  }

  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  void take_acknowledged(const std::string& said) {
    std::istringstream lines(said);
    std::string stream;
    lines >> stream;  // "ready"
    std::uint64_t version = 0;
    std::uint64_t position = 0;
    while (lines >> stream >> version >> position) {
      auto& positions = acknowledged_[stream];
      if (positions.size() <= version) { positions.resize(version + 1, kUnknown); }
      positions[version] = position;
      ++counts_.acknowledged;
    }
  }

  // Gives how many times it said something.
  std::uint64_t take_shown(const std::string& said) {
    std::istringstream lines(said);
    std::uint64_t before = 0;
    std::uint64_t count = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line == "none") {
        EXPECT_EQ(before, 0U) << "the store is said to be gone";
        continue;
      }
      std::istringstream words(line);
      std::uint64_t events = 0;
      std::uint64_t digest = 0;
      if (!(words >> events >> digest)) {
        ADD_FAILURE() << "the reader said: " << line;
        continue;
      }
      EXPECT_GE(events, before) << "less was shown than before";
      before = events;
      const auto [entry, added] = shown_.emplace(events, digest);
      EXPECT_EQ(entry->second, digest) << "the same " << events << " events were shown in two ways";
      ++count;
    }
    return count;
  }

  const std::filesystem::path folder_;
  std::mt19937_64 random_;
  std::optional<Process> follower_;
  Counts counts_;
  bool unclean_ = false;        // the last writer that had the store open was killed
  microseconds opening_{3000};  // what the writer took last
  std::map<std::string, std::vector<std::uint64_t>> acknowledged_;  // stream -> version -> position
  std::map<std::uint64_t, std::uint64_t> shown_;                    // events -> digest
};

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(KillTest, AcknowledgedAndShownEventsSurviveSigkill) {
  const std::uint64_t cycles = number_from("TIDEMARK_KILL_CYCLES", 40);
  const std::uint64_t seed = number_from("TIDEMARK_KILL_SEED", std::random_device{}());
  SCOPED_TRACE("again: TIDEMARK_KILL_CYCLES=" + std::to_string(cycles) + " TIDEMARK_KILL_SEED=" + std::to_string(seed) +
               " kill_tests");
  const OwnFolder own;
  Life life(own.path() / "store", seed);
  for (std::uint64_t n = 0; n < cycles; ++n) {
    life.cycle();
    if (life.is_check_due() || n + 1 == cycles) { life.check(); }
    if (testing::Test::HasFailure()) { break; }
  }
  life.expect_follower_sees_all();
  life.check();
  const Counts& counts = life.counts();
  const auto print = [](const char* name, std::uint64_t n) {
    std::printf("%s: %llu\n", name, static_cast<unsigned long long>(n));
  };
  print("kills", counts.cycles);
  print("kills before the store was open", counts.killed_in_opening);
  print("kills in the recovery of a store whose writer was killed", counts.killed_in_recovery);
  print("checks of the whole store", counts.checks);
  print("appends acknowledged", counts.acknowledged);
  print("events at the end", counts.events);
  print("segments at the end", counts.segments);
  print("checks with frames in doubt", counts.in_doubt);
  print("checks that cut a torn end", counts.cut);
  print("read-only openings beside", counts.readings);
  print("followers", counts.followers);
  print("runs that they were given", counts.deliveries);
  print("seed", seed);
  EXPECT_GT(counts.acknowledged, 0U);
  if (cycles >= 100) {
    EXPECT_GE(counts.killed_in_opening, cycles / 20) << "too few kills during an opening to show anything";
    EXPECT_GE(counts.readings, cycles) << "too few readings to show anything";
    EXPECT_GE(counts.killed_in_recovery, cycles / 50) << "too few kills during a recovery to show anything";
    EXPECT_GE(counts.in_doubt, cycles / 20) << "too few recoveries had anything to decide";
  }
}

}  // namespace
