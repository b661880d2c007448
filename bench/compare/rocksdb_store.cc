// SPDX-License-Identifier: Apache-2.0
// RocksDB as an event store: keyed_events.h says how; events in one column family, streams in another. Group commit is
// RocksDB's own. Two appends at once may become visible against the order of their positions, as in LevelDB.
#include <atomic>
#include <memory>
#include <mutex>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <vector>

#include "bench/compare/keyed_events.h"
#include "bench/compare/stores.h"

namespace tidemark::compare {

namespace {

constexpr char kLength = 'l';
constexpr char kVersion = 'v';

void must(const rocksdb::Status& status, const char* what) {
  if (!status.ok()) { throw Failure(std::string("rocksdb ") + what + ": " + status.ToString()); }
}

std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

std::string length_key(std::string_view stream) { return std::string(1, kLength).append(stream); }
std::string version_prefix(std::string_view stream) {
  std::string key(1, kVersion);
  append_stream_prefix(key, stream);
  return key;
}

rocksdb::Options tuned() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.compression = rocksdb::kNoCompression;  // the payloads are random
  options.write_buffer_size = std::size_t{128} << 20U;
  options.max_write_buffer_number = 4;
  options.max_background_jobs = 2;
  options.recycle_log_file_num = 4;
  options.allow_mmap_reads = true;
  options.level_compaction_dynamic_level_bytes = true;
  options.memtable_prefix_bloom_size_ratio = 0.02;
  options.memtable_whole_key_filtering = true;
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_cache = rocksdb::NewLRUCache(std::size_t{256} << 20U);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

class RocksdbStore final : public Store {
 public:
  void open(const std::filesystem::path& folder, const Opening& how) override {
    const rocksdb::Options options = tuned();
    const std::vector<rocksdb::ColumnFamilyDescriptor> families{{rocksdb::kDefaultColumnFamilyName, options},
                                                                {"streams", options}};
    rocksdb::DB* opened = nullptr;
    must(rocksdb::DB::Open(options, folder.string(), families, &families_, &opened), "open");
    db_.reset(opened);
    writing_.sync = how.durable;
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator({}, events()));
    at->SeekToLast();
    next_position_ = at->Valid() ? number_at(at->key().data()) + 1 : 0;
  }

  // With what is in memory written to tables, so that the next opening need not read the log.
  void close() override {
    for (rocksdb::ColumnFamilyHandle* family : families_) {
      must(db_->Flush({}, family), "flush");
      must(db_->DestroyColumnFamilyHandle(family), "close");
    }
    families_.clear();
    must(db_->Close(), "close");
    db_.reset();
  }

  Answer append(const Append& append) override {
    const std::scoped_lock lock(locks_.of(append.stream));
    rocksdb::WriteBatch batch;
    const Answer answer = add(batch, append);
    if (!answer.conflict) { must(db_->Write(writing_, &batch), "write"); }
    return answer;
  }

  void append_together(std::span<const Append> appends) override {
    rocksdb::WriteBatch batch;
    for (const Append& append : appends) { add(batch, append); }
    must(db_->Write(writing_, &batch), "write");
  }

  void sync() override { must(db_->FlushWAL(true), "sync"); }

  std::uint64_t stream_length(std::string_view stream) override {
    rocksdb::PinnableSlice value;
    const rocksdb::Status status = db_->Get({}, streams(), length_key(stream), &value);
    if (status.IsNotFound()) { return 0; }
    must(status, "get");
    return number_at(value.data());
  }

  void read_stream(std::string_view stream, const Visit& visit) override {
    const std::string prefix = version_prefix(stream);
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator({}, streams()));
    rocksdb::PinnableSlice value;
    for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next()) {
      value.Reset();
      must(db_->Get({}, events(), at->value(), &value), "get");
      if (!visit(read_value(number_at(at->value().data()), view(value)))) { return; }
    }
    must(at->status(), "read");
  }

  void read_all(std::uint64_t from, const Visit& visit) override {
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator({}, events()));
    for (at->Seek(position_key(from)); at->Valid(); at->Next()) {
      if (!visit(read_value(number_at(at->key().data()), view(at->value())))) { return; }
    }
    must(at->status(), "read");
  }

 private:
  [[nodiscard]] rocksdb::ColumnFamilyHandle* events() const { return families_[0]; }
  [[nodiscard]] rocksdb::ColumnFamilyHandle* streams() const { return families_[1]; }

  Answer add(rocksdb::WriteBatch& batch, const Append& append) {
    std::uint64_t length = stream_length(append.stream);
    if (append.expected_length && *append.expected_length != length) { return {.conflict = true, .length = length}; }
    std::uint64_t position = next_position_.fetch_add(append.events.size());
    thread_local std::string value;
    std::string version_key = version_prefix(append.stream);
    const std::size_t prefix_bytes = version_key.size();
    for (const EventToAppend& event : append.events) {
      make_value(value, append.stream, length, event);
      const std::string key = position_key(position++);
      must(batch.Put(events(), key, value), "put");
      version_key.resize(prefix_bytes);
      append_number(version_key, length++);
      must(batch.Put(streams(), version_key, key), "put");
    }
    must(batch.Put(streams(), length_key(append.stream), position_key(length)), "put");
    return {.conflict = false, .length = length};
  }

  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
  rocksdb::WriteOptions writing_;
  std::atomic<std::uint64_t> next_position_{0};
  StreamLocks locks_;
};

}  // namespace

std::unique_ptr<Store> make_rocksdb_store() { return std::make_unique<RocksdbStore>(); }

}  // namespace tidemark::compare
