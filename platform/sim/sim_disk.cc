// SPDX-License-Identifier: Apache-2.0
#include "platform/sim/sim_disk.h"

#include <ranges>
#include <set>
#include <string>

namespace tidemark::platform {

std::uint64_t SimDisk::State::room() const {
  if (capacity == std::numeric_limits<std::uint64_t>::max()) return capacity;
  std::uint64_t used = 0;
  const auto files = tree.files();
  std::set<SimNodePtr> counted;
  for (const auto& node : files | std::views::values) {
    if (counted.insert(node).second) used += node->data.size();
  }
  return used < capacity ? capacity - used : 0;
}

bool SimDisk::State::has_room(const SimFileData& data, std::uint64_t size) const {
  return size <= data.size() || size - data.size() <= room();
}

void SimDisk::set_fault_rule(FaultRule rule) {
  auto shared = rule ? std::make_shared<const FaultRule>(std::move(rule)) : nullptr;
  const std::lock_guard guard(mutex_);
  rule_.swap(shared);
}

std::uint64_t SimDisk::calls() const {
  const std::lock_guard guard(mutex_);
  return calls_;
}

std::uint64_t SimDisk::calls(SeamCall::Kind kind) const {
  const std::lock_guard guard(mutex_);
  return calls_by_kind_[static_cast<std::size_t>(kind)];
}

// The rule is asked without the mutex, so that it may use this file system itself, to switch the power off for one.
SeamFault SimDisk::pass(const Site& site) {
  std::shared_ptr<const FaultRule> rule;
  std::uint64_t number = 0;
  {
    const std::lock_guard guard(mutex_);
    number = ++calls_;
    ++calls_by_kind_[static_cast<std::size_t>(site.kind)];
    if (!state_.is_off) rule = rule_;
  }
  if (!rule) return {};
  const std::string& path = site.path.native();
  SeamFault fault =
      (*rule)({.kind = site.kind, .number = number, .path = path, .offset = site.offset, .length = site.length})
          .value_or(SeamFault{});
  if (site.kind != SeamCall::Kind::kPread && site.kind != SeamCall::Kind::kPwritev) fault.only.reset();
  return fault;
}

}  // namespace tidemark::platform
