// SPDX-License-Identifier: Apache-2.0
// An example: a read model of the loan applications of a bank in an SQLite database, which others query while it
// follows the store. How far it is stands in the database too and is committed in SQLite's own transactions: each event
// has its effect there exactly once, whenever this program is killed.
//
//   tidemark import bank tests/data/loan-applications.jsonl.gz
//   sqlite_read_model bank loans.db               catches up, prints, ends
//   sqlite_read_model bank loans.db follow        goes on until it is interrupted
//   sqlite_read_model bank loans.db rebuild 2     builds it anew, with two threads
//   sqlite3 loans.db 'SELECT outcome, count(*) FROM applications GROUP BY outcome'
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fmt/format.h>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sqlite3.h>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>
#include <variant>
#include <vector>

#include "tidemark/tidemark.hpp"

namespace {

using namespace tidemark;

// --- a little of SQLite ---

struct Closer {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

// One connection. What it does is in a transaction from begin() to commit() or roll_back().
class Database {
 public:
  static Result<Database> open(const char* path) {
    sqlite3* opened = nullptr;
    const int code = sqlite3_open(path, &opened);
    Database database(opened);
    if (code != SQLITE_OK) { return std::unexpected(database.error()); }
    sqlite3_busy_timeout(opened, 10'000);
    return database;
  }

  using Value = std::variant<std::nullptr_t, std::int64_t, std::string_view>;
  using Row = std::vector<std::string>;

  // Runs one statement and gives its rows as texts.
  Result<std::vector<Row>> run(std::string_view sql, const std::vector<Value>& values = {}) {
    sqlite3_stmt* const statement = prepared(sql);
    if (statement == nullptr) { return std::unexpected(error()); }
    sqlite3_reset(statement);
    for (std::size_t i = 0; i < values.size(); ++i) { bind(statement, static_cast<int>(i) + 1, values[i]); }
    std::vector<Row> rows;
    int code = sqlite3_step(statement);
    for (; code == SQLITE_ROW; code = sqlite3_step(statement)) {
      Row& row = rows.emplace_back();
      for (int i = 0; i < sqlite3_column_count(statement); ++i) {
        const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
        row.emplace_back(text == nullptr ? "" : text);
      }
    }
    std::optional<Error> failed;
    if (code != SQLITE_DONE) { failed = error(); }
    sqlite3_reset(statement);
    if (failed) { return std::unexpected(*failed); }
    return rows;
  }
  Status change(std::string_view sql, const std::vector<Value>& values = {}) {
    auto done = run(sql, values);
    return done ? Status() : std::unexpected(done.error());
  }
  // How many rows the last change changed.
  [[nodiscard]] int changed() const { return sqlite3_changes(database_.get()); }

 private:
  explicit Database(sqlite3* database) : database_(database) {}

  [[nodiscard]] Error error() const {
    return {ErrorCode::kIo, std::string("SQLite: ") + sqlite3_errmsg(database_.get())};
  }
  sqlite3_stmt* prepared(std::string_view sql) {
    auto& statement = statements_[std::string(sql)];
    if (!statement) {
      sqlite3_stmt* made = nullptr;
      sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()), &made, nullptr);
      statement.reset(made);
    }
    return statement.get();
  }
  static void bind(sqlite3_stmt* statement, int at, const Value& value) {
    if (const auto* const number = std::get_if<std::int64_t>(&value)) {
      sqlite3_bind_int64(statement, at, *number);
    } else if (const auto* const text = std::get_if<std::string_view>(&value)) {
      sqlite3_bind_text(statement, at, text->data(), static_cast<int>(text->size()), SQLITE_TRANSIENT);
    } else {
      sqlite3_bind_null(statement, at);
    }
  }

  std::unique_ptr<sqlite3, Closer> database_;
  std::map<std::string, std::unique_ptr<sqlite3_stmt, Closer>> statements_;  // goes before the database
};

// --- the read model ---

// What one application is, or what some of its events make of it.
struct Application {
  std::int64_t events = 0;
  std::int64_t amount = 0;
  std::string outcome;  // empty: as it was
};

void apply_to(Application& application, const Event& event) {
  if (event.is_lost()) { return; }  // in a store that was repaired
  ++application.events;
  if (event.type() == "A_SUBMITTED") {
    const auto data = nlohmann::json::parse(as_text(event.data()), nullptr, false);
    const nlohmann::json::json_pointer amount("/case/AMOUNT_REQ");  // the bank wrote it as text
    if (data.is_object() && data.contains(amount) && data[amount].is_string()) {
      application.amount += std::atoll(data[amount].get<std::string>().c_str());
    }
  }
  if (event.type() == "A_APPROVED") { application.outcome = "approved"; }
  if (event.type() == "A_DECLINED") { application.outcome = "declined"; }
  if (event.type() == "A_CANCELLED") { application.outcome = "cancelled"; }
}

class LoanTables {
 public:
  explicit LoanTables(Database database) : database_(std::move(database)) {}

  Status make() {
    for (const char* const sql :
         {"PRAGMA journal_mode = WAL",
          "CREATE TABLE IF NOT EXISTS applications (name TEXT PRIMARY KEY, "
          "events INTEGER NOT NULL, amount INTEGER NOT NULL, outcome TEXT NOT NULL)",
          // To be sent by another program, which takes away what it has sent: the letters to come, one an approval.
          "CREATE TABLE IF NOT EXISTS letters (position INTEGER PRIMARY KEY, name TEXT NOT NULL)",
          "CREATE TABLE IF NOT EXISTS progress (only INTEGER PRIMARY KEY CHECK (only = 1), point TEXT)",
          "INSERT OR IGNORE INTO progress VALUES (1, NULL)"}) {
      if (auto done = database_.change(sql); !done) { return done; }
    }
    return {};
  }

  ProjectionOptions projection() {
    return {.query = Query::category("application"),
            .apply = [this](const Event& event, bool replaying) { return apply(event, replaying); },
            // The letters stay: they are no part of what is built again.
            .reset = [this] { return database_.change("DELETE FROM applications"); },
            .storage = {.load = [this] { return load(); },
                        .begin = [this] { return database_.change("BEGIN IMMEDIATE"); },
                        .commit = [this](const ProjectionPoint& point) { return commit(point); },
                        .roll_back = [this] { (void)database_.change("ROLLBACK"); }},
            .part = [this]() -> Result<ProjectionPart> { return part(); }};
  }

  Result<std::vector<Database::Row>> report() {
    return database_.run(
        "SELECT outcome, count(*), sum(amount), sum(events) FROM applications GROUP BY outcome ORDER BY outcome");
  }
  Result<std::vector<Database::Row>> letters() { return database_.run("SELECT count(*) FROM letters"); }

 private:
  Status apply(const Event& event, bool replaying) {
    Application change;
    apply_to(change, event);
    if (auto added = add(event.stream(), change); !added) { return added; }
    if (replaying || change.outcome != "approved") { return {}; }
    return database_.change("INSERT INTO letters VALUES (?, ?)",
                            {static_cast<std::int64_t>(event.position().value()), event.stream()});
  }

  Status add(std::string_view name, const Application& change) {
    return database_.change(
        "INSERT INTO applications VALUES (?1, ?2, ?3, iif(?4 = '', 'open', ?4)) ON CONFLICT DO UPDATE SET "
        "events = events + ?2, amount = amount + ?3, outcome = iif(?4 = '', outcome, ?4)",
        {name, change.events, change.amount, std::string_view(change.outcome)});
  }

  Result<std::optional<ProjectionPoint>> load() {
    auto rows = database_.run("SELECT point FROM progress");
    if (!rows) { return std::unexpected(rows.error()); }
    point_ = rows->at(0).at(0);
    if (point_.empty()) { return std::nullopt; }
    auto point = parse_projection_point(point_);
    if (!point) { return std::unexpected(point.error()); }
    return *point;
  }

  // Only if nobody else has changed the tables since they were looked at: two that follow at a time take turns.
  Status commit(const ProjectionPoint& point) {
    std::string text = to_string(point);
    const auto done = database_.change("UPDATE progress SET point = ? WHERE ifnull(point, '') = ?",
                                       {std::string_view(text), std::string_view(point_)});
    if (!done) { return done; }
    if (database_.changed() != 1) { return std::unexpected(Error(ErrorCode::kBusy, "another process was faster")); }
    if (auto committed = database_.change("COMMIT"); !committed) { return committed; }
    point_ = std::move(text);
    return {};
  }

  // What a range of the log adds to each application.
  ProjectionPart part() {
    auto changes = std::make_shared<std::map<std::string, Application, std::less<>>>();
    return {.apply = [changes](const Event& event) -> Status {
              apply_to((*changes)[std::string(event.stream())], event);
              return {};
            },
            .merge = [this, changes]() -> Status {
              for (const auto& [name, change] : *changes) {
                if (auto added = add(name, change); !added) { return added; }
              }
              return {};
            }};
  }

  Database database_;
  std::string point_;  // as it stands in the table
};

// --- the program ---

int complain(const Error& error) {
  fmt::print(stderr, "sqlite_read_model: {}\n", to_string(error));
  return 1;
}

int print(LoanTables& tables) {
  const auto rows = tables.report();
  if (!rows) { return complain(rows.error()); }
  fmt::print("{:<12}{:>14}{:>20}{:>12}\n", "outcome", "applications", "requested, EUR", "events");
  for (const auto& row : *rows) { fmt::print("{:<12}{:>14}{:>20}{:>12}\n", row[0], row[1], row[2], row[3]); }
  const auto letters = tables.letters();
  if (!letters) { return complain(letters.error()); }
  fmt::print("letters: {}\n", letters->at(0).at(0));
  return 0;
}

// Signals that end a program that follows: no thread is interrupted by them, one waits for them.
sigset_t ending_signals() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  return ends;
}

Status follow(Projection& projection) {
  Status ended;
  std::jthread follower([&](const std::stop_token& stop) {
    ended = projection.follow(stop);
    if (!stop.stop_requested()) { ::kill(::getpid(), SIGTERM); }  // nothing to wait for any more
  });
  const sigset_t ends = ending_signals();
  int signal = 0;
  sigwait(&ends, &signal);
  follower.request_stop();
  follower.join();
  return ended.error().code() == ErrorCode::kStopped ? Status() : ended;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 3 ? argv[3] : "";
  const int threads = argc > 4 ? std::atoi(argv[4]) : 1;
  const bool is_rebuild = mode == "rebuild";
  if (argc < 3 || argc > 5 || threads < 1 || (argc > 4 && !is_rebuild) ||
      (!mode.empty() && !is_rebuild && mode != "follow")) {
    fmt::print(stderr, "usage: sqlite_read_model STORE DATABASE [follow | rebuild [THREADS]]\n");
    return 2;
  }
  if (mode == "follow") {
    const sigset_t ends = ending_signals();
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);  // before there are other threads
  }

  // As the command does.
  const bool any_file_system = std::getenv("TIDEMARK_ALLOW_UNSAFE_FILE_SYSTEM") != nullptr;
  const auto store = Store::open(argv[1], {.read_only = true, .allow_unsafe_file_system = any_file_system});
  if (!store) { return complain(store.error()); }
  auto database = Database::open(argv[2]);
  if (!database) { return complain(database.error()); }
  LoanTables tables(std::move(*database));
  if (auto made = tables.make(); !made) { return complain(made.error()); }
  auto projection = Projection::open(*store, tables.projection());
  if (!projection) { return complain(projection.error()); }

  Status done;
  if (mode == "follow") {
    done = follow(*projection);
  } else if (is_rebuild) {
    done = projection->rebuild({.threads = static_cast<unsigned>(threads)});
  } else {
    done = projection->catch_up();
  }
  return done ? print(tables) : complain(done.error());
}
