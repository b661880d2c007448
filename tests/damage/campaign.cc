// SPDX-License-Identifier: Apache-2.0
// Goal: whatever single damage is done to a store's files, it is reported, or it is harmless; nothing is ever silently
// missing or other than it was appended, but for what docs/durability.md names under "What a single copy cannot
// decide". Method: small stores whose writers ended in different ways (sample.h); every damage of a list
// (damage_list.h) to each, one at a time on a twin; each damaged store is verified, opened, read in every way, appended
// to and opened again (judge.h), and held against what was appended.
#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "tests/damage/judge.h"

namespace {

using namespace tidemark::damage;

constexpr std::size_t kClasses = 3;
// Of samples that are larger, and of those with index files, fewer cases are run, but for --all.
constexpr std::size_t kLargeBytes = std::size_t{40} << 10U;

struct Counts {
  std::array<std::uint64_t, kKinds.size()> done{};  // cases that changed something
  std::uint64_t unchanged = 0;                      // cases that left every byte as it was
  std::array<std::uint64_t, kClasses> classes{};

  void add(const Counts& other) {
    for (std::size_t i = 0; i < done.size(); ++i) { done[i] += other.done[i]; }
    for (std::size_t i = 0; i < classes.size(); ++i) { classes[i] += other.classes[i]; }
    unchanged += other.unchanged;
  }
  [[nodiscard]] std::uint64_t judged() const { return classes[0] + classes[1] + classes[2]; }
  [[nodiscard]] std::uint64_t in(Class verdict) const { return classes[static_cast<std::size_t>(verdict)]; }
  [[nodiscard]] std::uint64_t of(Kind kind) const { return done[static_cast<std::size_t>(kind)]; }
};

// One case, and how to run it again.
struct Case {
  const Sample* sample;
  Kind kind;
  std::uint64_t number;

  [[nodiscard]] std::string command() const {
    return fmt::format("damage_campaign --state {} --damage {} --case {}", sample->name, to_string(kind), number);
  }
};

// What a signal's handler can print: the case that a thread is at.
constexpr std::size_t kCommandBytes = 256;
thread_local std::array<char, kCommandBytes> running{};

void on_crash(int number) {
  static constexpr char kText[] = "\nCRASHED in: ";
  (void)!::write(STDERR_FILENO, kText, sizeof kText - 1);
  (void)!::write(STDERR_FILENO, running.data(), std::char_traits<char>::length(running.data()));
  (void)!::write(STDERR_FILENO, "\n", 1);
  (void)std::signal(number, SIG_DFL);
  (void)::raise(number);
}

// Every how manieth case is run when not all are: odd numbers that share no factor with the bits of a byte.
std::uint64_t stride_of(Kind kind, std::uint64_t scale) {
  switch (kind) {
    case Kind::kBits:
      return 97 * scale;
    case Kind::kBytes:
    case Kind::kCut:
      return 29 * scale;
    case Kind::kSwapped:
    case Kind::kReplaced:
      return 13 * scale;
    case Kind::kZeroed:
    case Kind::kFiles:
      return 1;
  }
  return 1;
}

class Campaign {
 public:
  Campaign(std::vector<Sample> samples, bool talk) : samples_(std::move(samples)), talk_(talk) {}

  [[nodiscard]] const std::vector<Sample>& samples() const { return samples_; }

  // Runs the cases of one sample that these choose; gives how they came out.
  Counts run(const Sample& sample, const std::vector<Case>& cases, unsigned threads) {
    const DamageList list(sample);
    Counts all;
    std::atomic<std::size_t> next = 0;
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < threads; ++i) {
      workers.emplace_back([&] {
        Counts own;
        Judge judge(sample);
        constexpr std::size_t kPiece = 16;
        while (failures_ < kFailuresMax) {
          const std::size_t first = next.fetch_add(kPiece);
          if (first >= cases.size()) { break; }
          for (std::size_t n = first; n < std::min(first + kPiece, cases.size()); ++n) {
            run_one(cases[n], list, judge, own);
          }
        }
        const std::scoped_lock lock(mutex_);
        all.add(own);
      });
    }
    workers.clear();
    return all;
  }

  [[nodiscard]] bool failed() const { return failures_ > 0; }

 private:
  static constexpr std::uint64_t kFailuresMax = 20;

  void run_one(const Case& one, const DamageList& list, Judge& judge, Counts& counts) {
    const auto damaged = list.make(one.kind, one.number);
    if (!damaged) {
      ++counts.unchanged;
      if (talk_) { fmt::print("the bytes stay as they are\n"); }
      return;
    }
    const std::string command = one.command();
    command.copy(running.data(), running.size() - 1);
    running[std::min(command.size(), running.size() - 1)] = '\0';
    const Verdict verdict = judge.judge(*damaged);
    ++counts.done[static_cast<std::size_t>(one.kind)];
    ++counts.classes[static_cast<std::size_t>(verdict.what)];
    if (talk_) { fmt::print("{}: {} ({})\n", damaged->what, to_string(verdict.what), verdict.said); }
    if (!verdict.wrong) { return; }
    ++failures_;
    const std::scoped_lock lock(mutex_);
    fmt::print(stderr, "FAILED: {}: {}\n  expected: reported or harmless\n  found: {}\n  again: {}\n", one.sample->name,
               damaged->what, *verdict.wrong, command);
  }

  const std::vector<Sample> samples_;
  const bool talk_;
  std::atomic<std::uint64_t> failures_ = 0;
  std::mutex mutex_;
};

void print_counts(const Counts& counts) {
  fmt::print("bits flipped: {}\nbytes set: {}\nblocks zeroed: {}\nblocks swapped: {}\nblocks replaced: {}\n",
             counts.of(Kind::kBits), counts.of(Kind::kBytes), counts.of(Kind::kZeroed), counts.of(Kind::kSwapped),
             counts.of(Kind::kReplaced));
  fmt::print("truncations: {}\nfile cases: {}\nleft as it was: {}\n", counts.of(Kind::kCut), counts.of(Kind::kFiles),
             counts.unchanged);
  fmt::print("reported: {}\nharmless: {}\nundecidable: {}\n", counts.in(Class::kReported), counts.in(Class::kHarmless),
             counts.in(Class::kUndecidable));
}

// Whether a sample met what it is there for.
bool covers(const Sample& sample, const Counts& counts, std::uint64_t expected) {
  bool good = true;
  const auto demand = [&](bool met, const char* what) {
    if (!met) {
      fmt::print(stderr, "{}: {}\n", sample.name, what);
      good = false;
    }
  };
  demand(counts.judged() + counts.unchanged == expected, "not all cases were run");
  for (const Kind kind : kKinds) { demand(counts.of(kind) > 0, "a kind of damage was not done at all"); }
  demand(counts.in(Class::kReported) > 0 && counts.in(Class::kHarmless) > 0, "a class was not met");
  const bool can_be_undecidable = sample.ending == Ending::kTail;
  if (sample.ending == Ending::kClosed) {
    demand(counts.in(Class::kUndecidable) == 0, "after a clean close something was undecidable");
  }
  demand(!can_be_undecidable || counts.in(Class::kUndecidable) > 0, "nothing undecidable was met");
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  bool all = false;
  std::uint64_t scale = 1;
  unsigned threads = 2;
  std::string only_state;
  std::string only_damage;
  std::optional<std::uint64_t> only_case;
  CLI::App app{"Every damage to the files of small stores: reported or harmless"};
  app.add_flag("--all", all, "Run every case, not every n-th");
  app.add_option("--sparse", scale, "Take so many times fewer cases")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--threads", threads, "How many cases run at a time")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--state", only_state, "Only this store, such as small.tail");
  app.add_option("--damage", only_damage, "Only this kind: bits, bytes, zeroed, swapped, replaced, cut, files");
  app.add_option("--case", only_case, "Only the case of this number, of one state and one kind");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) { return app.exit(error) == 0 ? 0 : 2; }
  if (only_case && (only_state.empty() || only_damage.empty())) {
    fmt::print(stderr, "--case needs --state and --damage\n");
    return 2;
  }
  for (const int number : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) { (void)std::signal(number, on_crash); }

  std::vector<Sample> samples;
  const Shape shapes[] = {small_shape(), large_shape(), with_index(small_shape()), with_index(large_shape())};
  for (const Shape& shape : shapes) {
    for (const Ending ending : kEndings) {
      if (!only_state.empty() && shape.name + "." + to_string(ending) != only_state) { continue; }
      samples.push_back(make_sample(shape, ending, usual_payload()));
    }
  }
  Campaign campaign(std::move(samples), only_case.has_value());
  const bool whole = only_state.empty() && only_damage.empty();
  bool good = true;
  Counts total;
  for (const Sample& sample : campaign.samples()) {
    const DamageList list(sample);
    std::vector<Case> cases;
    for (const Kind kind : kKinds) {
      if (!only_damage.empty() && to_string(kind) != only_damage) { continue; }
      const std::uint64_t rarer = (sample.bytes() > kLargeBytes ? 4 : 1) * (sample.indexed > 0 ? 3 : 1);
      const std::uint64_t stride = all || only_case ? 1 : stride_of(kind, scale * rarer);
      for (std::uint64_t n = 0; n < list.count(kind); n += stride) {
        if (!only_case || n == *only_case) { cases.push_back({&sample, kind, n}); }
      }
    }
    const Counts counts = campaign.run(sample, cases, threads);
    if (!only_case) {
      fmt::print("{}: {} bytes, {} cases: {} reported, {} harmless, {} undecidable\n", sample.name, sample.bytes(),
                 cases.size(), counts.in(Class::kReported), counts.in(Class::kHarmless),
                 counts.in(Class::kUndecidable));
      std::fflush(stdout);
    }
    if (whole && !campaign.failed()) { good = covers(sample, counts, cases.size()) && good; }
    total.add(counts);
  }
  if (total.judged() + total.unchanged == 0) {
    fmt::print(stderr, "there is no such case\n");
    return 2;
  }
  if (!only_case) { print_counts(total); }
  return good && !campaign.failed() ? 0 : 1;
}
