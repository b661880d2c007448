// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/stores.h"

#include <algorithm>
#ifdef TIDEMARK_COMPARE_LEVELDB
#include <leveldb/db.h>
#endif
#ifdef TIDEMARK_COMPARE_LMDB
#include <lmdb.h>
#endif
#ifdef TIDEMARK_COMPARE_ROCKSDB
#include <rocksdb/version.h>
#endif
#ifdef TIDEMARK_COMPARE_SQLITE
#include <sqlite3.h>
#endif

namespace tidemark::compare {

const std::vector<StoreKind>& store_kinds() {
  static const std::vector<StoreKind> kinds = {
      {.name = "L1",
       .about = "one write and one fdatasync a group, into a file that was zeroed before and is recycled",
       .is_limit = true,
       .recycles = true,
       .make = [] { return make_raw_file_store(RawFile::kRecycled); }},
      {.name = "L1-gather",
       .about = "L1, whose leaders wait for company as those of the stores with one writer do",
       .is_limit = true,
       .recycles = true,
       .make = [] { return make_raw_file_store(RawFile::kRecycledAndGather); }},
      {.name = "L1-woken",
       .about = "L1, whose followers sleep until they are woken, where those of L1 ask again and again",
       .is_limit = true,
       .recycles = true,
       .make = [] { return make_raw_file_store(RawFile::kRecycledAndWake); }},
      {.name = "L1-fresh",
       .about = "the same into new files of 1 to 64 MiB, whose zeroing is part of the time",
       .is_limit = true,
       .make = [] { return make_raw_file_store(RawFile::kFresh); }},
      {.name = "L6",
       .about = "records and their checksums in memory, with a hash table of streams",
       .is_limit = true,
       .is_in_memory = true,
       .make = [] { return make_memory_store(false); }},
      {.name = "L6-ahead",
       .about = "L6, which asks for the memory of all events of a stream before it looks at the first",
       .is_limit = true,
       .is_in_memory = true,
       .make = [] { return make_memory_store(true); }},
      {.name = "tidemark", .about = "by its public interface, with its defaults", .make = make_tidemark_store},
#ifdef TIDEMARK_COMPARE_SQLITE
      {.name = "sqlite",
       .about = std::string("SQLite ") + sqlite3_libversion() + ", WAL, synchronous=FULL",
       .make = make_sqlite_store},
#endif
#ifdef TIDEMARK_COMPARE_ROCKSDB
      {.name = "rocksdb",
       .about = "RocksDB " + rocksdb::GetRocksVersionAsString(true) + ", WriteOptions::sync, its own group commit",
       .make = make_rocksdb_store},
#endif
#ifdef TIDEMARK_COMPARE_LMDB
      {.name = "lmdb", .about = mdb_version(nullptr, nullptr, nullptr), .make = make_lmdb_store},
#endif
#ifdef TIDEMARK_COMPARE_LEVELDB
      {.name = "leveldb",
       .about = "LevelDB " + std::to_string(leveldb::kMajorVersion) + "." + std::to_string(leveldb::kMinorVersion) +
                ", WriteOptions::sync, its own group commit",
       .make = make_leveldb_store},
#endif
  };
  return kinds;
}

const std::vector<LeftOut>& left_out_stores() {
  static const std::vector<LeftOut> left_out = {
#ifndef TIDEMARK_COMPARE_SQLITE
      {.name = "sqlite", .why = "libsqlite3-dev was not found"},
#endif
#ifndef TIDEMARK_COMPARE_ROCKSDB
      {.name = "rocksdb", .why = "librocksdb-dev was not found"},
#endif
#ifndef TIDEMARK_COMPARE_LMDB
      {.name = "lmdb", .why = "liblmdb-dev was not found"},
#endif
#ifndef TIDEMARK_COMPARE_LEVELDB
      {.name = "leveldb", .why = "libleveldb-dev was not found"},
#endif
  };
  return left_out;
}

const StoreKind* find_store_kind(std::string_view name) {
  const auto found = std::ranges::find(store_kinds(), name, &StoreKind::name);
  return found == store_kinds().end() ? nullptr : &*found;
}

}  // namespace tidemark::compare
