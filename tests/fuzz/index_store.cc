// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/index_store.h"

#include "tests/fuzz/targets.h"

namespace tidemark::fuzz {

namespace {

// Batches of one to seven events of five streams; one frame that is large.
IndexStore make() {
  Twin twin;
  twin.index = kIndexStorePolicy;
  auto store = twin.open(to_write());
  require(store.has_value(), "the store of index files cannot be made");
  std::uint64_t number = 0;
  for (std::uint64_t n = 0; n < 20; ++n) {
    Batch batch;
    const std::string data(n == 11 ? 3000 : 20, 'x');
    for (std::uint64_t i = 0; i <= n % 7; ++i, ++number) {
      NewEvent event{.type = number % 3 == 0 ? "Opened" : "Changed", .data = as_bytes(data)};
      if (number % 4 == 1) { event.tags = {"tag:1"}; }
      if (number % 6 == 3) { event.tags.push_back("tag:2"); }
      event.id = index_store_id(number);
      batch.to("s-" + std::to_string(number * number % 5)).add(event);
    }
    require(store->append(batch).has_value(), "the store of index files cannot be filled");
  }
  IndexStore made;
  made.events = show(*store).events;
  require(made.events.size() == number, "the store of index files shows other events");
  made.end = store->info().durable_offset;
  require(store->close().has_value(), "the store of index files cannot be closed");
  made.archive = twin.archive();
  return made;
}

}  // namespace

const IndexStore& index_store() {
  static const IndexStore made = make();
  return made;
}

EventId index_store_id(std::uint64_t n) { return EventId::from_name("index " + std::to_string(n)); }

}  // namespace tidemark::fuzz
