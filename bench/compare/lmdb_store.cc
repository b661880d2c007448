// SPDX-License-Identifier: Apache-2.0
// LMDB as an event store: keyed_events.h says how; one table for each kind of key. It has one writer at a time, so
// writers share transactions by group commit; each reader has a transaction of its own while it reads.
#include <lmdb.h>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "bench/compare/group_commit.h"
#include "bench/compare/keyed_events.h"
#include "bench/compare/stores.h"

namespace tidemark::compare {

namespace {

// Of addresses alone: the file grows as it is filled.
constexpr std::size_t kMapBytes = std::size_t{256} << 30U;

void must(int code, const char* what) {
  if (code != MDB_SUCCESS) { throw Failure(std::string("lmdb ") + what + ": " + mdb_strerror(code)); }
}

MDB_val value_of(std::string_view text) { return {.mv_size = text.size(), .mv_data = const_cast<char*>(text.data())}; }
template <class Number>
MDB_val value_of(Number& number) {
  return {.mv_size = sizeof(number), .mv_data = &number};
}
std::string_view view(const MDB_val& value) { return {static_cast<const char*>(value.mv_data), value.mv_size}; }
// LMDB aligns keys and values to two bytes only.
std::size_t number_in(const MDB_val& value) {
  std::size_t number = 0;
  std::memcpy(&number, value.mv_data, sizeof(number));
  return number;
}

struct Tables {
  MDB_dbi events = 0;  // keys are native numbers
  MDB_dbi versions = 0;
  MDB_dbi lengths = 0;
};

// Aborts unless it was committed.
class Transaction {
 public:
  Transaction(MDB_env* environment, unsigned flags) {
    must(mdb_txn_begin(environment, nullptr, flags, &handle_), "begin");
  }
  ~Transaction() {
    if (handle_ != nullptr) { mdb_txn_abort(handle_); }
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() { must(mdb_txn_commit(std::exchange(handle_, nullptr)), "commit"); }
  [[nodiscard]] MDB_txn* handle() const { return handle_; }

 private:
  MDB_txn* handle_ = nullptr;
};

// A reading transaction and its cursors, asleep between two uses.
class Reader {
 public:
  Reader(MDB_env* environment, const Tables& tables) : transaction_(environment, MDB_RDONLY) {
    must(mdb_cursor_open(handle(), tables.events, &events_), "cursor");
    must(mdb_cursor_open(handle(), tables.versions, &versions_), "cursor");
    sleep();
  }
  ~Reader() {
    mdb_cursor_close(events_);
    mdb_cursor_close(versions_);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void wake() const {
    must(mdb_txn_renew(handle()), "renew");
    must(mdb_cursor_renew(handle(), events_), "renew");
    must(mdb_cursor_renew(handle(), versions_), "renew");
  }
  void sleep() const { mdb_txn_reset(handle()); }
  [[nodiscard]] MDB_txn* handle() const { return transaction_.handle(); }
  [[nodiscard]] MDB_cursor* events() const { return events_; }
  [[nodiscard]] MDB_cursor* versions() const { return versions_; }

 private:
  Transaction transaction_;
  MDB_cursor* events_ = nullptr;
  MDB_cursor* versions_ = nullptr;
};

class LmdbStore final : public Store {
 public:
  ~LmdbStore() override {
    readers_.clear();
    mdb_env_close(environment_);
  }

  void open(const std::filesystem::path& folder, const Opening& how) override {
    must(mdb_env_create(&environment_), "create");
    must(mdb_env_set_mapsize(environment_, kMapBytes), "mapsize");
    must(mdb_env_set_maxdbs(environment_, 3), "maxdbs");
    must(mdb_env_set_maxreaders(environment_, 1024), "maxreaders");
    const unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (how.durable ? 0U : MDB_NOSYNC);
    must(mdb_env_open(environment_, folder.c_str(), flags, 0600), "open");
    Transaction transaction(environment_, 0);
    must(mdb_dbi_open(transaction.handle(), "events", MDB_CREATE | MDB_INTEGERKEY, &tables_.events), "open events");
    must(mdb_dbi_open(transaction.handle(), "versions", MDB_CREATE, &tables_.versions), "open versions");
    must(mdb_dbi_open(transaction.handle(), "lengths", MDB_CREATE, &tables_.lengths), "open lengths");
    find_end(transaction.handle());
    transaction.commit();
    group_commit_.emplace(
        [this](std::span<GroupCommit::Member* const> members) {
          Transaction group(environment_, 0);
          for (auto* member : members) { member->answer = add(group.handle(), *member->append); }
          group.commit();
        },
        how.gather);
  }

  void close() override {
    group_commit_.reset();
    readers_.clear();
    mdb_env_close(std::exchange(environment_, nullptr));
  }

  Answer append(const Append& append) override { return group_commit_->run(append); }

  void append_together(std::span<const Append> appends) override {
    Transaction transaction(environment_, 0);
    for (const Append& append : appends) { add(transaction.handle(), append); }
    transaction.commit();
  }

  void sync() override { must(mdb_env_sync(environment_, 1), "sync"); }

  std::uint64_t stream_length(std::string_view stream) override {
    const Lent reader(*this);
    return length_in(reader->handle(), stream);
  }

  void read_stream(std::string_view stream, const Visit& visit) override {
    const Lent reader(*this);
    std::string prefix;
    append_stream_prefix(prefix, stream);
    MDB_val key = value_of(std::string_view(prefix));
    MDB_val place{};
    int code = mdb_cursor_get(reader->versions(), &key, &place, MDB_SET_RANGE);
    for (; code == MDB_SUCCESS && view(key).starts_with(prefix);
         code = mdb_cursor_get(reader->versions(), &key, &place, MDB_NEXT)) {
      std::size_t position = number_in(place);
      MDB_val event_key = value_of(position);
      MDB_val event{};
      must(mdb_get(reader->handle(), tables_.events, &event_key, &event), "get");
      if (!visit(read_value(position, view(event)))) { return; }
    }
    if (code != MDB_NOTFOUND) { must(code, "read"); }
  }

  void read_all(std::uint64_t from, const Visit& visit) override {
    const Lent reader(*this);
    std::size_t position = from;
    MDB_val key = value_of(position);
    MDB_val event{};
    int code = mdb_cursor_get(reader->events(), &key, &event, MDB_SET_RANGE);
    for (; code == MDB_SUCCESS; code = mdb_cursor_get(reader->events(), &key, &event, MDB_NEXT)) {
      if (!visit(read_value(number_in(key), view(event)))) { return; }
    }
    if (code != MDB_NOTFOUND) { must(code, "read"); }
  }

 private:
  // A reader of the store's, awake; given back at the end.
  class Lent {
   public:
    explicit Lent(LmdbStore& store) : store_(store) {
      const std::scoped_lock lock(store.readers_mutex_);
      if (store.readers_.empty()) {
        reader_ = std::make_unique<Reader>(store.environment_, store.tables_);
      } else {
        reader_ = std::move(store.readers_.back());
        store.readers_.pop_back();
      }
      reader_->wake();
    }
    ~Lent() {
      reader_->sleep();
      const std::scoped_lock lock(store_.readers_mutex_);
      store_.readers_.push_back(std::move(reader_));
    }
    Lent(const Lent&) = delete;
    Lent& operator=(const Lent&) = delete;
    Reader* operator->() const { return reader_.get(); }

   private:
    LmdbStore& store_;
    std::unique_ptr<Reader> reader_;
  };

  void find_end(MDB_txn* transaction) {
    MDB_cursor* cursor = nullptr;
    must(mdb_cursor_open(transaction, tables_.events, &cursor), "cursor");
    MDB_val key{};
    MDB_val event{};
    const int code = mdb_cursor_get(cursor, &key, &event, MDB_LAST);
    next_position_ = code == MDB_SUCCESS ? number_in(key) + 1 : 0;
    mdb_cursor_close(cursor);
    if (code != MDB_NOTFOUND) { must(code, "last"); }
  }

  std::uint64_t length_in(MDB_txn* transaction, std::string_view stream) const {
    MDB_val key = value_of(stream);
    MDB_val length{};
    const int code = mdb_get(transaction, tables_.lengths, &key, &length);
    if (code == MDB_NOTFOUND) { return 0; }
    must(code, "get");
    return number_in(length);
  }

  // In a transaction of the one writer's.
  Answer add(MDB_txn* transaction, const Append& append) {
    std::uint64_t length = length_in(transaction, append.stream);
    if (append.expected_length && *append.expected_length != length) { return {.conflict = true, .length = length}; }
    std::string version_key;
    append_stream_prefix(version_key, append.stream);
    const std::size_t prefix_bytes = version_key.size();
    for (const EventToAppend& event : append.events) {
      make_value(value_, append.stream, length, event);
      std::size_t position = next_position_++;
      MDB_val key = value_of(position);
      MDB_val value = value_of(std::string_view(value_));
      must(mdb_put(transaction, tables_.events, &key, &value, MDB_APPEND), "put");
      version_key.resize(prefix_bytes);
      append_number(version_key, length++);
      MDB_val version = value_of(std::string_view(version_key));
      MDB_val place = value_of(position);
      must(mdb_put(transaction, tables_.versions, &version, &place, MDB_NOOVERWRITE), "put");
    }
    MDB_val stream = value_of(append.stream);
    MDB_val new_length = value_of(length);
    must(mdb_put(transaction, tables_.lengths, &stream, &new_length, 0), "put");
    return {.conflict = false, .length = length};
  }

  MDB_env* environment_ = nullptr;
  Tables tables_;
  std::optional<GroupCommit> group_commit_;
  std::size_t next_position_ = 0;  // the writer's
  std::string value_;              // likewise
  std::mutex readers_mutex_;
  std::vector<std::unique_ptr<Reader>> readers_;  // guarded by readers_mutex_
};

}  // namespace

std::unique_ptr<Store> make_lmdb_store() { return std::make_unique<LmdbStore>(); }

}  // namespace tidemark::compare
