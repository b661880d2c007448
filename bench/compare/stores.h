// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/compare/store.h"

namespace tidemark::compare {

enum class RawFile : std::uint8_t {
  kRecycled,           // written full of zeros once, and over and over again since
  kRecycledAndGather,  // the same, but leaders wait for company
  kRecycledAndWake,    // the same, but followers sleep until they are woken
  kFresh,              // files that are made and zeroed when they are needed, in the time that is measured
};

std::unique_ptr<Store> make_raw_file_store(RawFile kind);
std::unique_ptr<Store> make_memory_store(bool asks_ahead);
std::unique_ptr<Store> make_tidemark_store();
std::unique_ptr<Store> make_sqlite_store();
std::unique_ptr<Store> make_rocksdb_store();
std::unique_ptr<Store> make_lmdb_store();
std::unique_ptr<Store> make_leveldb_store();

// What can be measured.
struct StoreKind {
  std::string name;
  std::string about;          // what it is, and its version
  bool is_limit = false;      // no store: what the machine itself does
  bool is_in_memory = false;  // and gone when it is closed
  bool recycles = false;      // goes on with the files that the measurement before left
  std::function<std::unique_ptr<Store>()> make;
};

// One that this program was built without.
struct LeftOut {
  std::string name;
  std::string why;
};

[[nodiscard]] const std::vector<StoreKind>& store_kinds();
[[nodiscard]] const std::vector<LeftOut>& left_out_stores();
// Null if there is none by that name.
[[nodiscard]] const StoreKind* find_store_kind(std::string_view name);

}  // namespace tidemark::compare
