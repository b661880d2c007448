// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/store.h"

#include <thread>

namespace tidemark::compare {

void Store::follow(const std::stop_token& stop, const Visit& visit) {
  std::uint64_t next = 0;
  while (!stop.stop_requested()) {
    bool any = false;
    read_all(next, [&](const EventSeen& event) {
      any = true;
      next = event.next_position;
      return visit(event);
    });
    if (!any) { std::this_thread::yield(); }
  }
}

}  // namespace tidemark::compare
