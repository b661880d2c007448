// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "bench/compare/store.h"

namespace tidemark::compare {

// Group commit for stores with one writer, the same for all of them: who comes while another commits joins the group
// that gathers, and the first of it commits it for all. Followers sleep on one word a group, which a single call wakes.
class GroupCommit {
 public:
  struct Member {
    const Append* append = nullptr;
    Answer answer;
  };
  using Commit = std::function<void(std::span<Member* const>)>;

  // commit does the work of a group, one call at a time; what it throws every member gets. A leader waits at most
  // `gather` until as many are in as were in the group before, if those were more than one.
  GroupCommit(Commit commit, std::chrono::microseconds gather) : commit_(std::move(commit)), gather_(gather) {}

  Answer run(const Append& append) {
    Member member{.append = &append, .answer = {}};
    bool is_first = false;
    bool leads = false;
    std::shared_ptr<Group> group;
    {
      const std::scoped_lock lock(mutex_);
      group = gathering_;
      is_first = group->members.empty();
      group->members.push_back(&member);
      gathered_.store(group->members.size(), std::memory_order_relaxed);
      if (is_first && !is_led_) { leads = is_led_ = true; }
    }
    if (!is_first) {
      group->done.wait(0, std::memory_order_acquire);
    } else {
      if (!leads) { group->turn.wait(0, std::memory_order_acquire); }
      lead(group);
    }
    if (group->failed) { std::rethrow_exception(group->failed); }
    return member.answer;
  }

 private:
  // Words are ints because those alone are waited for without a detour through a table in libstdc++.
  struct Group {
    std::vector<Member*> members;
    std::atomic<int> turn{0};  // its first member leads
    std::atomic<int> done{0};
    std::exception_ptr failed;  // written before done
  };

  void lead(const std::shared_ptr<Group>& group) {
    gather();
    {
      const std::scoped_lock lock(mutex_);
      gathering_ = std::make_shared<Group>();
      gathered_.store(0, std::memory_order_relaxed);
    }
    try {
      commit_(group->members);
    } catch (...) { group->failed = std::current_exception(); }
    last_size_ = group->members.size();
    group->done.store(1, std::memory_order_release);
    group->done.notify_all();
    std::shared_ptr<Group> next;
    {
      const std::scoped_lock lock(mutex_);
      if (gathering_->members.empty()) {
        is_led_ = false;
      } else {
        next = gathering_;
      }
    }
    if (next) {
      next->turn.store(1, std::memory_order_release);
      next->turn.notify_one();
    }
  }

  void gather() const {
    if (gather_.count() == 0 || last_size_ < 2) { return; }
    const auto until = std::chrono::steady_clock::now() + gather_;
    while (gathered_.load(std::memory_order_relaxed) < last_size_ && std::chrono::steady_clock::now() < until) {
      std::this_thread::yield();
    }
  }

  const Commit commit_;
  const std::chrono::microseconds gather_;
  std::mutex mutex_;
  std::shared_ptr<Group> gathering_ = std::make_shared<Group>();  // guarded by mutex_
  bool is_led_ = false;                                           // likewise
  std::atomic<std::size_t> gathered_{0};                          // members of gathering_, for who waits for company
  std::size_t last_size_ = 0;                                     // the leader's
};

}  // namespace tidemark::compare
