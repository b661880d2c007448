// SPDX-License-Identifier: Apache-2.0
// What a consumer costs that is sure of its place. A member of a group that takes and acknowledges event by event, or
// 64 at a time, beside a subscription that stores nothing; and a consumer that answers each event by one of its own,
// with its place in the batch of the answers, beside one that commits it apart. By turns in one run: what counts are
// the ratios.
//
//   cmake --preset release -DTIDEMARK_BUILD_BENCH=ON && cmake --build --preset release --target consumer_bench
//   build/release/bin/consumer_bench /a/real/disk
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tidemark/tidemark.hpp"

namespace {

using namespace tidemark;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kLook{0};

Error wrong(const char* what) { return {ErrorCode::kDamaged, what}; }

// Every second event is of one stream, if that is to be a hot one.
Status fill(Store& store, std::uint64_t events, std::uint64_t streams, bool hot) {
  const std::string data(250, 'x');
  for (std::uint64_t n = 0; n < events;) {
    Batch batch;
    for (int i = 0; i < 1000 && n < events; ++i, ++n) {
      const std::uint64_t stream = hot && n % 2 == 0 ? 0 : 1 + n * 7919 % streams;
      batch.to("asked-" + std::to_string(stream)).add({.type = "Asked", .data = as_bytes(data)});
    }
    if (auto done = store.append(batch, {.durability = Durability::kBuffered}); !done) {
      return std::unexpected(done.error());
    }
  }
  return store.wait_durable(Position(events - 1));
}

Status read_all(Store& store, std::uint64_t events) {
  auto subscription = store.subscribe(Query::category("asked"));
  if (!subscription) { return std::unexpected(subscription.error()); }
  std::uint64_t count = 0;
  while (count < events) {
    auto run = subscription->next_for(kLook);
    if (!run) { return std::unexpected(run.error()); }
    for ([[maybe_unused]] const Event& event : *run) { ++count; }
  }
  return {};
}

// So many are taken before they are acknowledged, as far as there are streams that are free.
Status work(Store& store, std::uint64_t events, std::size_t at_once) {
  if (auto gone = store.remove_group("bench"); !gone) { return std::unexpected(gone.error()); }
  auto group = store.group("bench", Query::category("asked"));
  if (!group) { return std::unexpected(group.error()); }
  auto member = group->join();
  if (!member) { return std::unexpected(member.error()); }
  std::uint64_t count = 0;
  std::vector<Position> taken;
  while (count < events) {
    while (taken.size() < at_once) {
      auto given = member->next_for(kLook);
      if (!given) { return std::unexpected(given.error()); }
      if (!*given) { break; }
      taken.push_back((*given)->event.position);
    }
    if (taken.empty()) { return std::unexpected(wrong("nothing more is given")); }
    if (auto done = member->ack(taken); !done) { return done; }
    count += taken.size();
    taken.clear();
  }
  return member->leave();
}

// Answers run by run, durably: with the place in the batch, or committed behind it.
Status answer(Store& store, std::uint64_t events, bool in_batch, const std::string& name) {
  auto consumer = store.subscribe(Query::category("asked"), {.resume = name, .run_events = 16});
  if (!consumer) { return std::unexpected(consumer.error()); }
  std::uint64_t count = 0;
  while (count < events) {
    auto run = consumer->next_for(kLook);
    if (!run) { return std::unexpected(run.error()); }
    Batch batch;
    for (const Event& event : *run) {
      batch.to("answer-1").add({.type = "Answered", .data = event.data()});
      if (++count == events) { break; }
    }
    if (batch.empty()) { return std::unexpected(wrong("nothing more is given")); }
    const auto done = in_batch ? store.append(*consumer, batch) : store.append(batch);
    if (!done) { return std::unexpected(done.error()); }
    if (in_batch) { continue; }
    if (auto committed = consumer->commit(); !committed) { return committed; }
  }
  return {};
}

struct Measured {
  const char* what;
  std::function<Status()> run;
  std::uint64_t events;
  std::vector<double> rates = {};
};

// By turns; of each the median and how it stands to the first in its own turn.
Status measure(std::vector<Measured> all, int repetitions) {
  for (int i = 0; i < repetitions; ++i) {
    for (Measured& one : all) {
      const auto begun = Clock::now();
      if (auto done = one.run(); !done) { return done; }
      one.rates.push_back(static_cast<double>(one.events) /
                          std::chrono::duration<double>(Clock::now() - begun).count());
    }
  }
  for (const Measured& one : all) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < one.rates.size(); ++i) { ratios.push_back(one.rates[i] / all.front().rates[i]); }
    std::vector<double> rates = one.rates;
    std::ranges::sort(rates);
    std::ranges::sort(ratios);
    std::printf("%-44s %12.0f events/s   %.4f [%.4f, %.4f]\n", one.what, rates[rates.size() / 2],
                ratios[ratios.size() / 2], ratios.front(), ratios.back());
  }
  return {};
}

Status run(const std::filesystem::path& folder, std::uint64_t events, std::uint64_t streams, std::uint64_t answers,
           int repetitions) {
  for (const bool hot : {false, true}) {
    auto store = Store::open(folder / (hot ? "hot" : "even"));
    if (!store) { return std::unexpected(store.error()); }
    if (auto filled = fill(*store, events, streams, hot); !filled) { return filled; }
    std::printf("%s\n", hot ? "half of the events of one stream" : "events of all streams alike");
    std::vector<Measured> all;
    all.push_back({"a subscription", [&] { return read_all(*store, events); }, events});
    all.push_back({"a member, one by one", [&] { return work(*store, events, 1); }, events});
    all.push_back({"a member, 64 at once", [&] { return work(*store, events, 64); }, events});
    if (auto done = measure(std::move(all), repetitions); !done) { return done; }
    if (hot) { continue; }
    std::printf("answers in batches of 16, durable\n");
    int turn = 0;
    std::vector<Measured> pipelines;
    for (const bool in_batch : {false, true}) {
      pipelines.push_back({in_batch ? "the place in the batch of the answers" : "the place committed apart",
                           [&, in_batch] { return answer(*store, answers, in_batch, std::to_string(turn++)); },
                           answers});
    }
    if (auto done = measure(std::move(pipelines), repetitions); !done) { return done; }
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  std::filesystem::path where;
  std::uint64_t events = 300'000;
  std::uint64_t streams = 1000;
  std::uint64_t answers = 20'000;
  int repetitions = 5;
  CLI::App app("Measures consumers that are sure of their place.");
  app.add_option("folder", where, "where the stores are made, and removed again")->required();
  app.add_option("--events", events)->check(CLI::PositiveNumber);
  app.add_option("--streams", streams)->check(CLI::PositiveNumber);
  app.add_option("--answers", answers, "at most as many as there are events")->check(CLI::PositiveNumber);
  app.add_option("--repetitions", repetitions)->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);

  const auto folder = where / "tidemark-consumer-bench";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const Status done = run(folder, events, streams, std::min(answers, events), repetitions);
  std::filesystem::remove_all(folder);
  if (!done) { std::fprintf(stderr, "%s\n", to_string(done.error()).c_str()); }
  return done ? 0 : 1;
}
