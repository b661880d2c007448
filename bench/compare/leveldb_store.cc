// SPDX-License-Identifier: Apache-2.0
// LevelDB as an event store: keyed_events.h says how. Group commit is LevelDB's own. Two appends at once may become
// visible against the order of their positions, as in no other store here but RocksDB.
#include <atomic>
#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>
#include <memory>
#include <mutex>

#include "bench/compare/keyed_events.h"
#include "bench/compare/stores.h"

namespace tidemark::compare {

namespace {

constexpr char kEvent = 'e';
constexpr char kLength = 'l';
constexpr char kVersion = 'v';

void must(const leveldb::Status& status, const char* what) {
  if (!status.ok()) { throw Failure(std::string("leveldb ") + what + ": " + status.ToString()); }
}

leveldb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(const leveldb::Slice& slice) { return {slice.data(), slice.size()}; }

std::string event_key(std::uint64_t position) { return kEvent + position_key(position); }
std::string length_key(std::string_view stream) { return std::string(1, kLength).append(stream); }
std::string version_prefix(std::string_view stream) {
  std::string key(1, kVersion);
  append_stream_prefix(key, stream);
  return key;
}

class LeveldbStore final : public Store {
 public:
  void open(const std::filesystem::path& folder, const Opening& how) override {
    cache_.reset(leveldb::NewLRUCache(std::size_t{256} << 20U));
    filter_.reset(leveldb::NewBloomFilterPolicy(10));
    leveldb::Options options;
    options.create_if_missing = true;
    options.compression = leveldb::kNoCompression;  // the payloads are random
    options.write_buffer_size = std::size_t{64} << 20U;
    options.max_file_size = std::size_t{32} << 20U;
    options.max_open_files = 4000;
    options.block_cache = cache_.get();
    options.filter_policy = filter_.get();
    leveldb::DB* opened = nullptr;
    must(leveldb::DB::Open(options, folder.string(), &opened), "open");
    db_.reset(opened);
    writing_.sync = how.durable;
    find_end();
  }

  void close() override {
    db_.reset();
    cache_.reset();
    filter_.reset();
  }

  Answer append(const Append& append) override {
    const std::scoped_lock lock(locks_.of(append.stream));
    leveldb::WriteBatch batch;
    const Answer answer = add(batch, append);
    if (!answer.conflict) { must(db_->Write(writing_, &batch), "write"); }
    return answer;
  }

  void append_together(std::span<const Append> appends) override {
    leveldb::WriteBatch batch;
    for (const Append& append : appends) { add(batch, append); }
    must(db_->Write(writing_, &batch), "write");
  }

  // The log is synced as a whole, so that a small write takes all before it with it.
  void sync() override {
    leveldb::WriteOptions synced;
    synced.sync = true;
    must(db_->Put(synced, "sync", ""), "sync");
  }

  std::uint64_t stream_length(std::string_view stream) override {
    std::string value;
    const leveldb::Status status = db_->Get({}, length_key(stream), &value);
    if (status.IsNotFound()) { return 0; }
    must(status, "get");
    return number_at(value.data());
  }

  void read_stream(std::string_view stream, const Visit& visit) override {
    const std::string prefix = version_prefix(stream);
    const std::unique_ptr<leveldb::Iterator> at(db_->NewIterator({}));
    std::string value;
    for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next()) {
      const std::uint64_t position = number_at(at->value().data());
      must(db_->Get({}, event_key(position), &value), "get");
      if (!visit(read_value(position, value))) { return; }
    }
    must(at->status(), "read");
  }

  void read_all(std::uint64_t from, const Visit& visit) override {
    const std::unique_ptr<leveldb::Iterator> at(db_->NewIterator({}));
    for (at->Seek(event_key(from)); at->Valid() && at->key()[0] == kEvent; at->Next()) {
      if (!visit(read_value(number_at(at->key().data() + 1), view(at->value())))) { return; }
    }
    must(at->status(), "read");
  }

 private:
  void find_end() {
    const std::unique_ptr<leveldb::Iterator> at(db_->NewIterator({}));
    at->Seek(std::string(1, kEvent + 1));
    if (at->Valid()) {
      at->Prev();
    } else {
      at->SeekToLast();
    }
    const bool any = at->Valid() && at->key()[0] == kEvent;
    next_position_ = any ? number_at(at->key().data() + 1) + 1 : 0;
  }

  Answer add(leveldb::WriteBatch& batch, const Append& append) {
    std::uint64_t length = stream_length(append.stream);
    if (append.expected_length && *append.expected_length != length) { return {.conflict = true, .length = length}; }
    std::uint64_t position = next_position_.fetch_add(append.events.size());
    thread_local std::string value;
    std::string version_key = version_prefix(append.stream);
    const std::size_t prefix_bytes = version_key.size();
    for (const EventToAppend& event : append.events) {
      make_value(value, append.stream, length, event);
      const std::string key = event_key(position++);
      batch.Put(key, value);
      version_key.resize(prefix_bytes);
      append_number(version_key, length++);
      batch.Put(version_key, slice(std::string_view(key).substr(1)));
    }
    batch.Put(length_key(append.stream), position_key(length));
    return {.conflict = false, .length = length};
  }

  // In this order, since the store uses both.
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> db_;
  leveldb::WriteOptions writing_;
  std::atomic<std::uint64_t> next_position_{0};
  StreamLocks locks_;
};

}  // namespace

std::unique_ptr<Store> make_leveldb_store() { return std::make_unique<LeveldbStore>(); }

}  // namespace tidemark::compare
