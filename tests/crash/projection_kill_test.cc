// SPDX-License-Identifier: Apache-2.0
// Goal: the read model in SQLite has each event's effect exactly once, whenever the process that builds it is killed:
// each application's events and amount, and one letter for each approval, which no rebuild writes again. Method: the
// example sqlite_read_model follows the store, or builds its tables anew on one or two threads, while this test
// appends; it is killed with SIGKILL after a random time and started again. In between, and at the end, the tables are
// compared with a fold of the log.
//   TIDEMARK_KILL_CYCLES=2000 TIDEMARK_KILL_SEED=1 projection_kill_tests
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <sqlite3.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <vector>

#include "tests/crash/child_process.h"
#include "tests/temporary_folder.h"
#include "tidemark/tidemark.hpp"

namespace tidemark::crash {
namespace {

using std::chrono::microseconds;

struct Application {
  std::int64_t events = 0;
  std::int64_t amount = 0;
  std::string outcome = "open";
  friend bool operator==(const Application&, const Application&) = default;
};

struct Tables {
  std::map<std::string, Application> applications;
  std::set<std::uint64_t> letters;  // positions
  std::optional<std::string> point;
};

// As the log has it, up to a position.
Tables fold(const Store& store, std::optional<Position> until) {
  Tables tables;
  Cursor events = store.read(Query::category("application"));
  while (const Event* const event = events.next()) {
    if (!until || event->position() > *until) { break; }
    Application& application = tables.applications[std::string(event->stream())];
    ++application.events;
    if (event->type() == "A_SUBMITTED") { application.amount += 100 + static_cast<std::int64_t>(event->data().size()); }
    if (event->type() == "A_DECLINED") { application.outcome = "declined"; }
    if (event->type() == "A_APPROVED") {
      application.outcome = "approved";
      tables.letters.insert(event->position().value());
    }
  }
  EXPECT_TRUE(events.status());
  return tables;
}

// As the database has it, all by one transaction; nothing while there are no tables.
std::optional<Tables> read_tables(const std::filesystem::path& path) {
  sqlite3* opened = nullptr;
  EXPECT_EQ(sqlite3_open(path.c_str(), &opened), SQLITE_OK);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> database(opened, &sqlite3_close);
  sqlite3_busy_timeout(opened, 10'000);
  Tables tables;
  const auto all = [&](const char* sql, auto&& visit) {
    sqlite3_stmt* prepared = nullptr;
    if (sqlite3_prepare_v2(opened, sql, -1, &prepared, nullptr) != SQLITE_OK) { return false; }
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(prepared, &sqlite3_finalize);
    int code = sqlite3_step(prepared);
    for (; code == SQLITE_ROW; code = sqlite3_step(prepared)) { visit(prepared); }
    EXPECT_EQ(code, SQLITE_DONE) << sqlite3_errmsg(opened);
    return true;
  };
  const auto text = [](sqlite3_stmt* row, int column) {
    const auto* const found = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
    return std::string(found == nullptr ? "" : found);
  };
  EXPECT_TRUE(all("BEGIN", [](sqlite3_stmt*) {}));
  const bool there = all("SELECT name, events, amount, outcome FROM applications",
                         [&](sqlite3_stmt* row) {
                           tables.applications[text(row, 0)] = {sqlite3_column_int64(row, 1),
                                                                sqlite3_column_int64(row, 2), text(row, 3)};
                         }) &&
                     all("SELECT position FROM letters",
                         [&](sqlite3_stmt* row) {
                           tables.letters.insert(static_cast<std::uint64_t>(sqlite3_column_int64(row, 0)));
                         }) &&
                     all("SELECT point FROM progress WHERE point IS NOT NULL",
                         [&](sqlite3_stmt* row) { tables.point = text(row, 0); });
  return there ? std::optional(tables) : std::nullopt;
}

// Appends as a bank does, until it is told to end.
void append_all(Store& store, std::uint64_t seed, const std::stop_token& stop) {
  std::mt19937_64 random(seed);
  while (!stop.stop_requested()) {
    Batch batch;
    for (std::uint64_t events = 1 + random() % 4; events > 0; --events) {
      const std::string stream = "application-" + std::to_string(random() % 40);
      // The amount that the example reads: 100 and the length of this text.
      const std::string padding(random() % 50, ' ');
      const std::string begin = R"({"case":{"AMOUNT_REQ":")";
      std::string data = begin + "000" + R"("}})" + padding;
      data.replace(begin.size(), 3, std::to_string(100 + data.size()));
      switch (random() % 5) {
        case 0:
          batch.to(stream).add({.type = "A_SUBMITTED", .data = as_bytes(data)});
          break;
        case 1:
          batch.to(stream).add({.type = "A_APPROVED"});
          break;
        case 2:
          batch.to(stream).add({.type = "A_DECLINED"});
          break;
        case 3:
          batch.to("account-1").add({.type = "Opened"});
          break;
        default:
          batch.to(stream).add({.type = "W_HANDLED"});
      }
    }
    const auto done = store.append(batch);
    ASSERT_TRUE(done) << to_string(done.error());
    std::this_thread::sleep_for(microseconds(random() % 3000));
  }
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

class ProjectionKillTest : public testing::Test {
 protected:
  // What is committed is the fold of the log up to the point, and every letter once.
  void check(const Store& store) {
    const auto tables = read_tables(tables_);
    if (!tables) { return; }
    std::optional<Position> until;
    std::optional<Position> ever;
    if (tables->point) {
      const auto point = parse_projection_point(*tables->point);
      ASSERT_TRUE(point) << *tables->point;
      until = point->checkpoint.position;
      ever = point->replay_until ? point->replay_until->position : until;
      rebuilding_ += point->replay_until ? 1 : 0;
    }
    ++checks_;
    EXPECT_EQ(tables->applications, fold(store, until).applications);
    EXPECT_EQ(tables->letters, fold(store, ever).letters);
  }

  // Runs to its end, at which all that was durable is in the tables.
  void catch_up(const std::filesystem::path& folder) {
    const std::string call = std::string(SQLITE_READ_MODEL) + " " + folder.string() + " " + tables_.string();
    ASSERT_EQ(std::system((call + " >/dev/null").c_str()), 0);
  }

  test::TemporaryFolder own_{"projection"};
  std::filesystem::path tables_ = own_.path() / "loans.db";
  std::uint64_t checks_ = 0;
  std::uint64_t rebuilding_ = 0;  // checks that met the middle of a rebuild
};

TEST_F(ProjectionKillTest, EachEventHasItsEffectOnce) {
  const std::uint64_t cycles = number_from("TIDEMARK_KILL_CYCLES", 15);
  const std::uint64_t seed = number_from("TIDEMARK_KILL_SEED", std::random_device{}());
  SCOPED_TRACE("again: TIDEMARK_KILL_CYCLES=" + std::to_string(cycles) + " TIDEMARK_KILL_SEED=" + std::to_string(seed) +
               " projection_kill_tests");
  ::setenv("TIDEMARK_ALLOW_UNSAFE_FILE_SYSTEM", "1", 1);
  std::mt19937_64 random(seed);
  const std::filesystem::path folder = own_.path() / "store";
  auto store = Store::open(folder, {.allow_unsafe_file_system = true});
  ASSERT_TRUE(store) << to_string(store.error());
  std::uint64_t rebuilds = 0;
  {
    std::jthread bank([&](const std::stop_token& stop) { append_all(*store, seed, stop); });
    for (std::uint64_t n = 0; n < cycles && !HasFailure(); ++n) {
      std::vector<std::string> words{BOUND_PROGRAM, SQLITE_READ_MODEL, folder.string(), tables_.string()};
      // A rebuild that is cut short is gone on with by the next one that follows.
      const bool rebuild = n > 0 && random() % 3 == 0;
      if (rebuild) {
        words.insert(words.end(), {"rebuild", random() % 2 == 0 ? "1" : "2"});
      } else {
        words.emplace_back("follow");
      }
      Process process(words);
      std::this_thread::sleep_for(microseconds(rebuild ? random() % 25'000 : random() % 120'000));
      (void)process.kill(rebuild ? Process::Ends::kPerhapsWell : Process::Ends::kKilled);
      rebuilds += rebuild ? 1 : 0;
      if (random() % 2 == 0 || rebuild) { check(*store); }
    }
  }
  check(*store);
  catch_up(folder);
  const Tables all = fold(*store, Position(UINT64_MAX - 1));
  const auto tables = read_tables(tables_);
  ASSERT_TRUE(tables);
  EXPECT_EQ(tables->applications, all.applications);
  EXPECT_EQ(tables->letters, all.letters);
  EXPECT_GT(all.letters.size(), 0U);
  std::printf(
      "kills: %llu\nof rebuilds: %llu\nchecks: %llu\nin the middle of a rebuild: %llu\nevents: %llu\n"
      "letters: %zu\nseed: %llu\n",
      static_cast<unsigned long long>(cycles), static_cast<unsigned long long>(rebuilds),
      static_cast<unsigned long long>(checks_), static_cast<unsigned long long>(rebuilding_),
      static_cast<unsigned long long>(store->info().events), all.letters.size(), static_cast<unsigned long long>(seed));
  if (cycles >= 100) {
    EXPECT_GE(rebuilding_, cycles / 50) << "too few kills in the middle of a rebuild to show anything";
  }
}

}  // namespace
}  // namespace tidemark::crash
