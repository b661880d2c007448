// SPDX-License-Identifier: Apache-2.0
// From the acknowledgement of a durable event to its delivery: one thread appends, the subscription of another thread
// or of another process waits. What is measured begins when append() has returned, so a delivery before that counts as
// zero.
//
//   cmake --preset release -DTIDEMARK_BUILD_BENCH=ON && cmake --build --preset release --target delivery_bench
//   build/release/bin/delivery_bench /a/real/disk
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <signal.h>
#include <stop_token>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "tidemark/tidemark.hpp"

namespace {

using namespace tidemark;
using Clock = std::chrono::steady_clock;

std::int64_t now() { return Clock::now().time_since_epoch().count(); }

// When each event was delivered; in memory that a child process shares.
class Deliveries {
 public:
  explicit Deliveries(std::size_t events) : bytes_(events * sizeof(Moment)) {
    void* const memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) { moments_ = static_cast<Moment*>(memory); }
  }
  ~Deliveries() {
    if (moments_ != nullptr) { ::munmap(moments_, bytes_); }
  }
  Deliveries(const Deliveries&) = delete;
  Deliveries& operator=(const Deliveries&) = delete;

  using Moment = std::atomic<std::int64_t>;  // zero: not yet
  [[nodiscard]] bool good() const { return moments_ != nullptr; }
  Moment& operator[](std::size_t n) { return moments_[n]; }

 private:
  std::size_t bytes_;
  Moment* moments_ = nullptr;
};

void subscribe(const Store& store, std::chrono::nanoseconds spin, const std::stop_token& stop, Deliveries& delivered) {
  auto subscription = store.subscribe(Query::all(), {.spin = spin});
  if (!subscription) { return; }
  while (const auto run = subscription->next(stop)) {
    for (const Event& event : *run) { delivered[event.position().value()].store(now()); }
  }
}

// In another process, until it is killed.
pid_t start_subscriber(const std::filesystem::path& folder, std::chrono::nanoseconds spin, Deliveries& delivered) {
  const pid_t child = ::fork();
  if (child != 0) { return child; }
  for (;;) {
    const auto store = Store::open(folder, {.read_only = true});
    if (store) { subscribe(*store, spin, {}, delivered); }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

bool append_all(Store& store, int events, Deliveries& delivered, std::vector<std::int64_t>& times) {
  const std::string data(256, 'd');
  for (int i = 0; i < events; ++i) {
    const auto answer = store.append("s-1", Expect::any(), {{.type = "Happened", .data = as_bytes(data)}});
    const std::int64_t acknowledged = now();
    if (!answer) { return std::fprintf(stderr, "%s\n", to_string(answer.error()).c_str()), false; }
    const auto& mine = delivered[static_cast<std::size_t>(i)];
    // Sleeping, so that this thread leaves its processor to the other.
    while (mine.load() == 0) { std::this_thread::sleep_for(std::chrono::microseconds(200)); }
    times.push_back(std::max<std::int64_t>(mine.load() - acknowledged, 0));
  }
  return true;
}

enum class Where { kThread, kProcess };

bool measure(const std::filesystem::path& folder, const char* name, Where where, std::chrono::nanoseconds spin,
             int events) {
  std::filesystem::remove_all(folder);
  Deliveries delivered(static_cast<std::size_t>(events));
  if (!delivered.good()) { return std::perror("mmap"), false; }
  const pid_t child = where == Where::kProcess ? start_subscriber(folder, spin, delivered) : 0;
  if (child < 0) { return std::perror("fork"), false; }
  std::vector<std::int64_t> times;
  bool good = false;
  if (auto store = Store::open(folder); !store) {
    std::fprintf(stderr, "%s\n", to_string(store.error()).c_str());
  } else if (where == Where::kProcess) {
    good = append_all(*store, events, delivered, times);
  } else {
    std::jthread subscriber([&](const std::stop_token& stop) { subscribe(*store, spin, stop, delivered); });
    good = append_all(*store, events, delivered, times);
  }
  if (child > 0) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  if (good) {
    std::ranges::sort(times);
    const auto at = [&](std::size_t percent) {
      return static_cast<double>(times[times.size() * percent / 100]) / 1000;
    };
    std::printf("%-30s p50 %6.1f us  p90 %6.1f us  p99 %6.1f us\n", name, at(50), at(90), at(99));
    std::fflush(stdout);
  }
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("From the acknowledgement of a durable event to its delivery.");
  std::filesystem::path folder;
  int events = 5000;
  app.add_option("FOLDER", folder, "where a store is made and removed; on a real disk")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("--events", events, "how many")->check(CLI::PositiveNumber)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto mine = folder / "delivery-bench-store";
  constexpr std::chrono::milliseconds kSpin{100};
  const bool done = measure(mine, "a thread, sleeping", Where::kThread, {}, events) &&
                    measure(mine, "a thread, spinning", Where::kThread, kSpin, events) &&
                    measure(mine, "another process, sleeping", Where::kProcess, {}, events) &&
                    measure(mine, "another process, spinning", Where::kProcess, kSpin, events);
  std::filesystem::remove_all(mine);
  return done ? 0 : 1;
}
