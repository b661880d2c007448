// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>
#include <type_traits>
#include <utility>

#include "platform/os_error.h"
#include "platform/sim/sim_file_system.h"
#include "platform/sim/sim_tree.h"

namespace tidemark::platform {

// What a SimFileSystem and the files opened through it share: the state under one mutex, and the gate that every call
// on the seam passes.
class SimDisk {
 public:
  using FaultRule = std::function<std::optional<SeamFault>(const SeamCall&)>;

  // Which call it is. `generation` is that of the open file; a call by path has none.
  struct Site {
    SeamCall::Kind kind;
    const std::filesystem::path& path;
    std::string_view doing;  // for os_error
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::optional<std::uint64_t> generation = {};
  };

  // Everything that a crash or a fault may happen to. Guarded by the mutex of the disk.
  struct State {
    SimTree tree;
    std::set<std::uint64_t> locked;  // ids of nodes
    std::uint64_t generation = 1;    // files and locks of an earlier one are dead
    bool is_off = false;
    std::uint64_t capacity = std::numeric_limits<std::uint64_t>::max();
    FileSystemTraits traits{.name = "sim", .zeros_help = true, .objection = {}};

    // By how much files can grow until the capacity is reached.
    [[nodiscard]] std::uint64_t room() const;
    // Whether a file can become `size` bytes long.
    [[nodiscard]] bool has_room(const SimFileData& data, std::uint64_t size) const;
  };

  // Carries out one call on the seam: counts it, asks the fault rule, and runs body(state, fault) with the mutex held,
  // unless it is to fail. `only` of the fault, and a sync that fails, are up to the body.
  template <class Body>
  std::invoke_result_t<Body, State&, const SeamFault&> call(const Site& site, Body body) {
    return without_exceptions([&]() -> std::invoke_result_t<Body, State&, const SeamFault&> {
      const SeamFault fault = pass(site);
      const bool is_up_to_body = fault.only.has_value() || site.kind == SeamCall::Kind::kDatasync;
      if (fault.error != 0 && !is_up_to_body) return os_failure(fault.error, site.doing, site.path);
      const std::lock_guard guard(mutex_);
      const bool is_dead = site.generation && *site.generation != state_.generation;
      if (state_.is_off || is_dead) return os_failure(EIO, site.doing, site.path);
      return body(state_, fault);
    });
  }

  // Looks at the state past the seam.
  template <class Body>
  auto inspect(Body body) {
    const std::lock_guard guard(mutex_);
    return body(state_);
  }

  void set_fault_rule(FaultRule rule);
  [[nodiscard]] std::uint64_t calls() const;
  [[nodiscard]] std::uint64_t calls(SeamCall::Kind kind) const;

 private:
  SeamFault pass(const Site& site);

  static constexpr std::size_t kKinds = static_cast<std::size_t>(SeamCall::Kind::kCheckFile) + 1;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  State state_;
  std::shared_ptr<const FaultRule> rule_;
  std::uint64_t calls_ = 0;
  std::array<std::uint64_t, kKinds> calls_by_kind_{};
};

}  // namespace tidemark::platform
