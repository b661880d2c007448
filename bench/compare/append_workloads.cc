// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/append_workloads.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <utility>

#include "bench/compare/closed_loop.h"

namespace tidemark::compare {

namespace {

// Events, their streams in turn, appended in groups of the same size; of one thread.
class Writer {
 public:
  Writer(const Bench& bench, std::uint64_t seed, std::vector<std::string> streams, std::size_t batch)
      : source_(bench.pool, seed), streams_(std::move(streams)), events_(batch) {}

  // The next batch, for one stream; valid until the next one.
  Append next() {
    for (EventToAppend& event : events_) { event = source_.next(); }
    return {.stream = streams_[turn_++ % streams_.size()], .expected_length = {}, .events = events_};
  }
  [[nodiscard]] const Tally& taken() const { return source_.taken(); }

 private:
  Events source_;
  std::vector<std::string> streams_;
  std::vector<EventToAppend> events_;
  std::uint64_t turn_ = 0;
};

// What several threads appended, added up as they end.
class Total {
 public:
  void add(const Tally& tally) {
    const std::scoped_lock lock(mutex_);
    tally_ += tally;
  }
  [[nodiscard]] const Tally& tally() const { return tally_; }

 private:
  std::mutex mutex_;
  Tally tally_;
};

// An operation that adds its writer's tally to the total when its thread is done with it.
template <class Run>
Operation counted(std::shared_ptr<Writer> writer, Total& total, Run run) {
  const std::shared_ptr<Writer> tallied(writer.get(), [writer, &total](Writer* done) { total.add(done->taken()); });
  return [tallied, run = std::move(run)]() mutable { run(*tallied); };
}

Figures figures_of(LoopResult& result, std::size_t events_each) {
  return {{"events_s", result.per_second * static_cast<double>(events_each)},
          {"p50_us", result.latencies.per_mille_us(500)},
          {"p99_us", result.latencies.per_mille_us(990)}};
}

void finish(const Bench& bench, const Tally& appended) {
  if (bench.is_checked) {
    bench.store.sync();
    check_content(bench.store, appended);
  }
  bench.store.close();
}

constexpr std::uint64_t kStreams = 1000;
constexpr std::uint64_t kStreamsEach = 16;

std::vector<std::string> streams_of_thread(std::size_t thread) {
  return stream_names(thread * kStreamsEach, kStreamsEach);
}

}  // namespace

Measure measure_waiting(std::size_t threads) {
  return [threads](const Bench& bench) {
    bench.store.open(bench.folder, bench.opening());
    Total total;
    LoopResult result = closed_loop(
        threads, bench.scale.seconds,
        [&](std::size_t thread) {
          auto streams = threads == 1 ? stream_names(0, kStreams) : streams_of_thread(thread);
          return counted(std::make_shared<Writer>(bench, thread, std::move(streams), 1), total,
                         [&](Writer& writer) { bench.store.append(writer.next()); });
        },
        [&] { bench.store.begin_timed(); });
    finish(bench, total.tally());
    return figures_of(result, 1);
  };
}

Measure measure_groups(std::size_t events) {
  return [events](const Bench& bench) {
    bench.store.open(bench.folder, bench.opening());
    const std::vector<std::string> streams = stream_names(0, events);
    Events source(bench.pool, 0);
    std::vector<EventToAppend> group(events);
    std::vector<Append> appends(events);
    LoopResult result = closed_loop(
        1, bench.scale.seconds,
        [&](std::size_t) {
          return [&] {
            for (std::size_t i = 0; i < events; ++i) {
              group[i] = source.next();
              appends[i] = {.stream = streams[i], .expected_length = {}, .events = std::span(&group[i], 1)};
            }
            bench.store.append_together(appends);
          };
        },
        [&] { bench.store.begin_timed(); });
    finish(bench, source.taken());
    return figures_of(result, events);
  };
}

Measure measure_submitting(std::size_t in_flight, std::size_t threads) {
  return [in_flight, threads](const Bench& bench) {
    bench.store.open(bench.folder, bench.opening());
    struct Driver {
      std::unique_ptr<Submitter> submitter;
      std::deque<Nanoseconds> submitted;
      Latencies latencies;  // from submission to answer
    };
    std::vector<Driver> drivers(threads);
    std::atomic<bool> is_timed{false};
    Total total;
    LoopResult result = closed_loop(
        threads, bench.scale.seconds,
        [&](std::size_t thread) {
          Driver& driver = drivers[thread];
          driver.submitter = bench.store.submitter();
          if (!driver.submitter) { throw Failure("this store has no appends that nobody waits for"); }
          return counted(std::make_shared<Writer>(bench, thread, streams_of_thread(thread), 1), total,
                         [&driver, &is_timed, in_flight, threads](Writer& writer) {
                           const auto submit = [&] {
                             driver.submitted.push_back(now());
                             driver.submitter->submit(writer.next());
                           };
                           while (driver.submitted.size() < in_flight / threads) { submit(); }
                           driver.submitter->wait_oldest();
                           if (is_timed.load(std::memory_order_relaxed)) {
                             driver.latencies.add(now() - driver.submitted.front());
                           }
                           driver.submitted.pop_front();
                           submit();
                         });
        },
        [&] {
          bench.store.begin_timed();
          is_timed = true;
        });
    Latencies latencies;
    for (Driver& driver : drivers) {
      for (; !driver.submitted.empty(); driver.submitted.pop_front()) { driver.submitter->wait_oldest(); }
      driver.submitter.reset();
      latencies.add(driver.latencies);
    }
    result.latencies = std::move(latencies);
    finish(bench, total.tally());
    return figures_of(result, 1);
  };
}

Measure measure_batches(std::size_t events) {
  return [events](const Bench& bench) {
    bench.store.open(bench.folder, bench.opening());
    Total total;
    LoopResult result = closed_loop(
        1, bench.scale.seconds,
        [&](std::size_t) {
          return counted(std::make_shared<Writer>(bench, 0, stream_names(0, kStreams), events), total,
                         [&](Writer& writer) { bench.store.append(writer.next()); });
        },
        [&] { bench.store.begin_timed(); });
    finish(bench, total.tally());
    return figures_of(result, events);
  };
}

Measure measure_buffered_batches(std::size_t events) {
  return [events](const Bench& bench) {
    Opening how = bench.opening();
    how.durable = false;
    // A raw file is not to go round: pages written twice are written back once.
    how.raw_bytes = std::max(how.raw_bytes, bench.scale.events * (content_bytes(bench.scale.payload_bytes) + 64));
    bench.store.open(bench.folder, how);
    Writer writer(bench, 0, stream_names(0, kStreams), events);
    bench.store.begin_timed();
    const Nanoseconds start = now();
    // Slow stores stop early, so that a run ends.
    const double seconds_max = bench.scale.seconds * 3;
    std::uint64_t done = 0;
    for (; done < bench.scale.events && seconds_since(start) < seconds_max; done += events) {
      bench.store.append(writer.next());
    }
    bench.store.sync();
    const double took = seconds_since(start);
    finish(bench, writer.taken());
    return Figures{{"events_s", static_cast<double>(done) / took}};
  };
}

Measure measure_optimistic(std::size_t threads, std::uint64_t streams) {
  return [threads, streams](const Bench& bench) {
    bench.store.open(bench.folder, bench.opening());
    const std::vector<std::string> names = stream_names(0, streams);
    std::atomic<std::uint64_t> conflicts{0};
    std::atomic<Nanoseconds> since{0};
    Total total;
    LoopResult result = closed_loop(
        threads, bench.scale.seconds,
        [&](std::size_t thread) {
          return counted(std::make_shared<Writer>(bench, thread, names, 1), total,
                         [&, numbers = Numbers(thread)](Writer& writer) mutable {
                           Append append = writer.next();
                           append.stream = names[numbers.next() % names.size()];
                           append.expected_length = bench.store.stream_length(append.stream);
                           for (;;) {
                             const Answer answer = bench.store.append(append);
                             if (!answer.conflict) { return; }
                             append.expected_length = answer.length;
                             conflicts.fetch_add(1, std::memory_order_relaxed);
                           }
                         });
        },
        [&] {
          bench.store.begin_timed();
          conflicts = 0;
          since = now();
        });
    Figures figures = figures_of(result, 1);
    figures["conflicts_s"] = static_cast<double>(conflicts) / seconds_since(since);
    finish(bench, total.tally());
    return figures;
  };
}

}  // namespace tidemark::compare
