// SPDX-License-Identifier: Apache-2.0
// SQLite as an event store: a table of streams with their lengths, a table of events by position, and an index of it by
// stream and version. In WAL mode with synchronous=FULL, each commit syncs once. All writers share one connection, by
// group commit; each reader has one while it reads.
#include <memory>
#include <mutex>
#include <optional>
#include <sqlite3.h>
#include <utility>
#include <vector>

#include "bench/compare/group_commit.h"
#include "bench/compare/stores.h"

namespace tidemark::compare {

namespace {

class Connection {
 public:
  explicit Connection(const std::filesystem::path& file) {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    check(sqlite3_open_v2(file.c_str(), &handle_, flags, nullptr), "open");
    check(sqlite3_busy_timeout(handle_, 10000), "busy_timeout");
    run("PRAGMA journal_mode=WAL");
    run("PRAGMA cache_size=-262144");  // KiB; the default of 2 MiB would read pages again and again
    run("PRAGMA mmap_size=17179869184");
    run("PRAGMA wal_autocheckpoint=8192");  // 32 MiB in place of 4: fewer checkpoints
    run("PRAGMA temp_store=MEMORY");
  }
  ~Connection() { sqlite3_close_v2(handle_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void check(int code, const char* what) const {
    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) { return; }
    throw Failure(std::string("sqlite ") + what + ": " + sqlite3_errmsg(handle_));
  }
  void run(const char* sql) const { check(sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr), sql); }
  [[nodiscard]] sqlite3* handle() const { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
};

class Statement {
 public:
  Statement(const Connection& connection, const char* sql) : connection_(connection) {
    connection.check(sqlite3_prepare_v3(connection.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &handle_, nullptr),
                     sql);
  }
  ~Statement() { sqlite3_finalize(handle_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // What is bound must live until reset().
  Statement& text(int at, std::string_view value) {
    return bound(sqlite3_bind_text(handle_, at, value.data(), static_cast<int>(value.size()), SQLITE_STATIC));
  }
  Statement& blob(int at, const void* data, std::size_t bytes) {
    return bound(sqlite3_bind_blob(handle_, at, data, static_cast<int>(bytes), SQLITE_STATIC));
  }
  Statement& number(int at, std::uint64_t value) {
    return bound(sqlite3_bind_int64(handle_, at, static_cast<sqlite3_int64>(value)));
  }
  // Whether there is a row.
  bool step() {
    const int code = sqlite3_step(handle_);
    connection_.check(code, sqlite3_sql(handle_));
    return code == SQLITE_ROW;
  }
  void reset() { sqlite3_reset(handle_); }
  void run() {
    step();
    reset();
  }
  [[nodiscard]] std::uint64_t number(int column) const {
    return static_cast<std::uint64_t>(sqlite3_column_int64(handle_, column));
  }
  [[nodiscard]] std::string_view bytes(int column) const {
    const void* const data = sqlite3_column_blob(handle_, column);
    return {static_cast<const char*>(data), static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
  }

 private:
  Statement& bound(int code) {
    connection_.check(code, "bind");
    return *this;
  }
  const Connection& connection_;
  sqlite3_stmt* handle_ = nullptr;
};

constexpr const char* kSchema = R"(
  CREATE TABLE IF NOT EXISTS streams (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, length INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS events (
    position INTEGER PRIMARY KEY, stream INTEGER NOT NULL, version INTEGER NOT NULL,
    id BLOB NOT NULL, type TEXT NOT NULL, payload BLOB NOT NULL, UNIQUE (stream, version));
  CREATE TABLE IF NOT EXISTS syncs (number INTEGER PRIMARY KEY, count INTEGER NOT NULL);
)";

// Before any statement is prepared, which needs the tables.
struct Schema {
  explicit Schema(const Connection& connection) { connection.run(kSchema); }
};

struct Writer {
  explicit Writer(const std::filesystem::path& file) : connection(file) {}

  Connection connection;
  Schema schema{connection};
  Statement begin{connection, "BEGIN IMMEDIATE"};
  Statement commit{connection, "COMMIT"};
  Statement find_stream{connection, "SELECT number, length FROM streams WHERE name = ?"};
  Statement add_stream{connection, "INSERT INTO streams (name, length) VALUES (?, ?)"};
  Statement set_length{connection, "UPDATE streams SET length = ? WHERE number = ?"};
  Statement add_event{connection, "INSERT INTO events (stream, version, id, type, payload) VALUES (?, ?, ?, ?, ?)"};
};

struct Reader {
  explicit Reader(const std::filesystem::path& file) : connection(file) {}

  Connection connection;
  Statement length{connection, "SELECT length FROM streams WHERE name = ?"};
  Statement of_stream{connection,
                      "SELECT position, version, stream, type, payload FROM events "
                      "WHERE stream = (SELECT number FROM streams WHERE name = ?) ORDER BY version"};
  // The stream's number stands for its name: a name would cost a join.
  Statement of_all{connection,
                   "SELECT position, version, stream, type, payload FROM events WHERE position >= ? ORDER BY position"};
};

class SqliteStore final : public Store {
 public:
  void open(const std::filesystem::path& folder, const Opening& how) override {
    file_ = folder / "events.db";
    is_durable_ = how.durable;
    writer_ = std::make_unique<Writer>(file_);
    writer_->connection.run(how.durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    group_commit_.emplace(
        [this](std::span<GroupCommit::Member* const> members) {
          const std::scoped_lock lock(writer_mutex_);
          writer_->begin.run();
          for (auto* member : members) { member->answer = add(*member->append); }
          writer_->commit.run();
        },
        how.gather);
  }

  void close() override {
    group_commit_.reset();
    readers_.clear();
    writer_.reset();
  }

  Answer append(const Append& append) override { return group_commit_->run(append); }

  void append_together(std::span<const Append> appends) override {
    const std::scoped_lock lock(writer_mutex_);
    writer_->begin.run();
    for (const Append& append : appends) { add(append); }
    writer_->commit.run();
  }

  // A small durable commit: the sync of the WAL takes all that stands before it with it.
  void sync() override {
    const std::scoped_lock lock(writer_mutex_);
    writer_->connection.run("PRAGMA synchronous=FULL");
    writer_->connection.run("INSERT INTO syncs VALUES (1, 1) ON CONFLICT DO UPDATE SET count = count + 1");
    if (!is_durable_) { writer_->connection.run("PRAGMA synchronous=NORMAL"); }
  }

  std::uint64_t stream_length(std::string_view stream) override {
    const Lent reader(*this);
    Statement& statement = reader->length.text(1, stream);
    const std::uint64_t length = statement.step() ? statement.number(0) : 0;
    statement.reset();
    return length;
  }

  void read_stream(std::string_view stream, const Visit& visit) override {
    const Lent reader(*this);
    give(reader->of_stream.text(1, stream), visit);
  }

  void read_all(std::uint64_t from, const Visit& visit) override {
    const Lent reader(*this);
    give(reader->of_all.number(1, from), visit);
  }

 private:
  // A reader of the store's, given back at the end.
  class Lent {
   public:
    explicit Lent(SqliteStore& store) : store_(store) {
      const std::scoped_lock lock(store.readers_mutex_);
      if (store.readers_.empty()) {
        reader_ = std::make_unique<Reader>(store.file_);
      } else {
        reader_ = std::move(store.readers_.back());
        store.readers_.pop_back();
      }
    }
    ~Lent() {
      const std::scoped_lock lock(store_.readers_mutex_);
      store_.readers_.push_back(std::move(reader_));
    }
    Lent(const Lent&) = delete;
    Lent& operator=(const Lent&) = delete;
    Reader* operator->() const { return reader_.get(); }

   private:
    SqliteStore& store_;
    std::unique_ptr<Reader> reader_;
  };

  // In a transaction of the writer's.
  Answer add(const Append& append) {
    Writer& writer = *writer_;
    const bool is_there = writer.find_stream.text(1, append.stream).step();
    std::uint64_t stream = is_there ? writer.find_stream.number(0) : 0;
    std::uint64_t length = is_there ? writer.find_stream.number(1) : 0;
    writer.find_stream.reset();
    if (append.expected_length && *append.expected_length != length) { return {.conflict = true, .length = length}; }
    const std::uint64_t after = length + append.events.size();
    if (is_there) {
      writer.set_length.number(1, after).number(2, stream).run();
    } else {
      writer.add_stream.text(1, append.stream).number(2, after).run();
      stream = static_cast<std::uint64_t>(sqlite3_last_insert_rowid(writer.connection.handle()));
    }
    for (const EventToAppend& event : append.events) {
      writer.add_event.number(1, stream).number(2, length++).blob(3, event.id.data(), event.id.size());
      writer.add_event.text(4, event.type).blob(5, event.payload.data(), event.payload.size()).run();
    }
    return {.conflict = false, .length = after};
  }

  static void give(Statement& statement, const Visit& visit) {
    while (statement.step()) {
      const std::uint64_t position = statement.number(0);
      const std::uint64_t stream = statement.number(2);
      if (!visit({.position = position,
                  .next_position = position + 1,
                  .version = statement.number(1),
                  .stream = {reinterpret_cast<const char*>(&stream), sizeof(stream)},
                  .type = statement.bytes(3),
                  .payload = statement.bytes(4)})) {
        break;
      }
    }
    statement.reset();
  }

  std::filesystem::path file_;
  bool is_durable_ = true;
  std::optional<GroupCommit> group_commit_;
  std::mutex writer_mutex_;
  std::unique_ptr<Writer> writer_;  // guarded by writer_mutex_
  std::mutex readers_mutex_;
  std::vector<std::unique_ptr<Reader>> readers_;  // guarded by readers_mutex_
};

}  // namespace

std::unique_ptr<Store> make_sqlite_store() { return std::make_unique<SqliteStore>(); }

}  // namespace tidemark::compare
