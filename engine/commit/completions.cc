// SPDX-License-Identifier: Apache-2.0
#include "engine/commit/completions.h"

#include <utility>

namespace tidemark::engine {

bool Completions::add(std::uint64_t order, std::function<void()> task) {
  const std::scoped_lock lock(mutex_);
  if (drained_) { return false; }
  if (!thread_.joinable()) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  tasks_.emplace(order, std::move(task));
  changed_.notify_one();
  return true;
}

void Completions::drain() {
  std::jthread thread;
  {
    const std::scoped_lock lock(mutex_);
    drained_ = true;
    thread = std::move(thread_);
  }
  if (thread.joinable()) {
    thread.request_stop();
    thread.join();
  }
}

void Completions::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, stop, [this] { return !tasks_.empty(); });
    if (tasks_.empty()) { return; }  // stopped, and all is done
    const auto task = std::move(tasks_.begin()->second);
    tasks_.erase(tasks_.begin());
    lock.unlock();
    task();
    lock.lock();
  }
}

}  // namespace tidemark::engine
