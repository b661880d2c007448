// SPDX-License-Identifier: Apache-2.0
#pragma once

// Batches, queries and ways to read by chance, by seed. Their few names are of the kind that could be taken for one
// another: prefixes of each other, of several bytes a letter, the same word as stream, category, type and tag.

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/naive_query.h"
#include "tests/store/support.h"

namespace tidemark::test {

class RandomEvents {
 public:
  explicit RandomEvents(std::uint32_t seed) : random_(seed) {}

  inline static const std::vector<std::string> kStreams = {
      "loan-1", "loan-2", "loan-1-x", "loan", "loans-1", "lo-1",        "l",    "-",     "-loan-1",
      "--",     "é-1",    "éa-1",     "é",    "e",       "日本-東京-1", "日-1", "a-b-c", "a--b"};
  inline static const std::vector<std::string> kCategories = {"loan", "loans", "lo", "l", "é",   "éa",
                                                              "日本", "日",    "a",  "e", "none"};
  inline static const std::vector<std::string> kTypes = {"T", "Ta", "Tab", "Ë", "Ëx", "loan", "日本"};
  inline static const std::vector<std::string> kTags = {"c:1", "c:10", "c:", "é", "éa", "loan", "T", "日本", "x", "-"};

  // Below n.
  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool once_in(std::uint64_t n) { return below(n) == 0; }
  const std::string& one_of(const std::vector<std::string>& names) { return names[below(names.size())]; }

  // One to four events for one or two streams; now and then one of more than 32 KiB.
  Batch batch() {
    Batch batch;
    if (once_in(60)) {
      for (int i = 0; i < 30; ++i) { add(batch, one_of(kStreams), 1500); }
      return batch;
    }
    const std::string streams[] = {one_of(kStreams), one_of(kStreams)};
    for (std::uint64_t n = 1 + below(4); n > 0; --n) { add(batch, streams[below(2)], below(150)); }
    return batch;
  }

  Query query() {
    Query query = Query::all();
    if (once_in(3)) { query = Query::category(one_of(kCategories)); }
    if (once_in(3)) { query = Query::stream(once_in(8) ? "none" : one_of(kStreams)); }
    switch (below(5)) {
      case 0:
        return query;
      case 1:
        return query.types(some_types(1));
      case 2:
        return query.tags(some_tags(1));
      case 3:
        return query.types(some_types(1)).tags(some_tags(1));
      default:
        break;
    }
    std::vector<QueryItem> items;
    for (std::uint64_t n = 1 + below(4); n > 0; --n) {
      const std::uint64_t types = below(3);
      items.push_back({.types = some_types(types), .tags = some_tags(types == 0 ? 1 : 0)});
    }
    return query.any_of(std::move(items));
  }

  // How to read a query of a log of so many events.
  ReadOptions options(const Query& query, std::uint64_t events) {
    ReadOptions options;
    if (once_in(2)) { options.direction = Direction::kBackward; }
    if (once_in(2)) { options.access = Access::kCopied; }
    if (once_in(3)) { options.limit = below(6); }
    if (once_in(2)) {
      const bool stream = query.scope() == Query::Scope::kStream;
      std::uint64_t from = below(stream ? events / 10 + 3 : events + 3);
      if (once_in(10)) { from = std::numeric_limits<std::uint64_t>::max() - below(2); }
      if (stream) {
        options.from_version = Version(from);
      } else {
        options.from_position = Position(from);
      }
    }
    return options;
  }

 private:
  void add(Batch& batch, const std::string& stream, std::uint64_t bytes) {
    const std::string data = std::to_string(next_) + std::string(bytes, 'd');
    const std::string metadata(below(20), 'm');
    const std::string& type = one_of(kTypes);
    NewEvent event{.type = type, .data = as_bytes(data), .metadata = as_bytes(metadata)};
    // The same tag may be there twice.
    for (std::uint64_t n = below(4); n > 0; --n) { event.tags.emplace_back(one_of(kTags)); }
    if (once_in(4)) { event.valid = ValidTime(std::chrono::microseconds(next_)); }
    batch.to(stream).add(event);
    ++next_;
  }

  // At least so many; the same name may be there twice.
  std::vector<std::string> some(const std::vector<std::string>& names, std::uint64_t least) {
    std::vector<std::string> chosen;
    for (std::uint64_t n = least + below(3); n > 0; --n) { chosen.push_back(once_in(20) ? "none" : one_of(names)); }
    return chosen;
  }
  std::vector<std::string> some_types(std::uint64_t least) { return some(kTypes, least); }
  std::vector<std::string> some_tags(std::uint64_t least) { return some(kTags, least); }

  std::minstd_rand random_;
  int next_ = 0;
};

}  // namespace tidemark::test
