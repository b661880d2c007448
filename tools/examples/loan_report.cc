// SPDX-License-Identifier: Apache-2.0
// An example: reads a store with the loan applications of a bank, folds its events into a read model and prints that.
// With a stream's name it also prints the history of that application.
//
//   tidemark import bank tests/data/loan-applications.jsonl.gz
//   loan_report bank application-173688
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <locale>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tidemark/tidemark.hpp"

namespace {

using Days = std::chrono::sys_days;

constexpr std::size_t kBarWidth = 50;
constexpr std::int64_t kDaysShownSingly = 40;
constexpr std::array<std::string_view, 4> kOutcomes = {"approved", "declined", "cancelled", "open"};
constexpr std::size_t kOpen = 3;

struct Application {
  std::size_t outcome = kOpen;  // into kOutcomes
  std::uint64_t amount = 0;
};

// The text at a place in an event's data; empty if there is none.
std::string text_in(tidemark::Bytes data, const char* place) {
  const auto json = nlohmann::json::parse(tidemark::as_text(data), nullptr, false);
  const nlohmann::json::json_pointer pointer(place);
  return json.is_object() && json.contains(pointer) && json[pointer].is_string() ? json[pointer].get<std::string>()
                                                                                 : "";
}

// What the events come to. It only ever moves forward, one event at a time.
class LoanBook {
 public:
  void apply(const tidemark::Event& event) {
    if (event.is_lost()) {  // in a store that was repaired: something happened here, nobody knows what
      ++lost_;
      return;
    }
    ++events_;
    ++events_by_day_[std::chrono::floor<std::chrono::days>(event.valid())];
    Application& application = applications_[std::string(event.stream())];
    if (event.type() == "A_SUBMITTED") { application.amount = requested_amount(event); }
    if (event.type() == "A_APPROVED") { application.outcome = 0; }
    if (event.type() == "A_DECLINED") { application.outcome = 1; }
    if (event.type() == "A_CANCELLED") { application.outcome = 2; }
  }

  void print() const {
    fmt::print("{:L} events of {:L} applications\n", events_, applications_.size());
    if (lost_ > 0) { fmt::print("{:L} more were lost to damage: what follows lacks them\n", lost_); }
    fmt::print("\n");
    print_outcomes();
    print_days();
  }

 private:
  // The bank wrote the amount as text: data.case.AMOUNT_REQ.
  static std::uint64_t requested_amount(const tidemark::Event& event) {
    const std::string text = text_in(event.data(), "/case/AMOUNT_REQ");
    std::uint64_t amount = 0;
    std::from_chars(text.data(), text.data() + text.size(), amount);
    return amount;
  }

  void print_outcomes() const {
    std::array<std::uint64_t, kOutcomes.size()> counts{};
    std::array<std::uint64_t, kOutcomes.size()> amounts{};
    for (const auto& [name, application] : applications_) {
      ++counts[application.outcome];
      amounts[application.outcome] += application.amount;
    }
    fmt::print("{:<12}{:>14}{:>20}{:>12}\n", "outcome", "applications", "requested, EUR", "mean, EUR");
    for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
      fmt::print("{:<12}{:>14L}{:>20L}{:>12L}\n", kOutcomes[i], counts[i], amounts[i],
                 counts[i] == 0 ? 0 : amounts[i] / counts[i]);
    }
  }

  // By day, or by week if that would make too many lines.
  void print_days() const {
    if (events_by_day_.empty()) { return; }
    const Days first = events_by_day_.begin()->first;
    const Days last = events_by_day_.rbegin()->first;
    const bool by_week = (last - first).count() >= kDaysShownSingly;
    const std::int64_t step = by_week ? 7 : 1;
    std::map<Days, std::uint64_t> buckets;
    for (const auto& [day, count] : events_by_day_) {
      buckets[first + std::chrono::days((day - first).count() / step * step)] += count;
    }
    std::uint64_t highest = 1;
    for (auto& [day, count] : buckets) {
      const std::int64_t days = std::min<std::int64_t>(step, (last - day).count() + 1);
      count /= static_cast<std::uint64_t>(days);
      highest = std::max(highest, count);
    }
    fmt::print("\nevents a day, in UTC{}\n", by_week ? ", the mean of each week" : "");
    for (const auto& [day, count] : buckets) {
      std::string bar;
      for (std::uint64_t i = 0; i < count * kBarWidth / highest; ++i) { bar += "█"; }
      fmt::print("{:%Y-%m-%d}{:>8L}  {}\n", day, count, bar);
    }
  }

  std::uint64_t events_ = 0;
  std::uint64_t lost_ = 0;
  std::unordered_map<std::string, Application> applications_;
  std::map<Days, std::uint64_t> events_by_day_;
};

// 3 d 04:05:06
std::string elapsed(std::chrono::microseconds duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::abs(duration)).count();
  return fmt::format("{}{} d {:02}:{:02}:{:02}", duration.count() < 0 ? "-" : "", seconds / 86400, seconds / 3600 % 24,
                     seconds / 60 % 60, seconds % 60);
}

tidemark::Status print_history(const tidemark::Store& store, std::string_view stream) {
  fmt::print("\nhistory of {}\n{:>8}  {:<24}{:>14}  {}\n", stream, "version", "valid, in UTC", "after", "type");
  std::optional<tidemark::ValidTime> before;
  tidemark::Cursor events = store.read(tidemark::Query::stream(stream));
  return events.for_each([&](const tidemark::Event& event) {
    const std::string transition = text_in(event.data(), "/transition");
    fmt::print("{:>8}  {:%Y-%m-%d %H:%M:%S}{:>19}  {}{}\n", event.version().value(),
               std::chrono::floor<std::chrono::seconds>(event.valid()),
               before ? elapsed(event.valid() - *before) : std::string(), event.type(),
               transition.empty() ? "" : " (" + transition + ")");
    before = event.valid();
  });
}

int complain(const tidemark::Error& error) {
  fmt::print(stderr, "loan_report: {}\n", to_string(error));
  return 1;
}

// Thousands are parted by commas whatever the language of the machine.
struct Commas : std::numpunct<char> {
  char do_thousands_sep() const override { return ','; }
  std::string do_grouping() const override { return "\3"; }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    fmt::print(stderr, "usage: loan_report STORE [STREAM]\n");
    return 2;
  }
  std::locale::global(std::locale(std::locale::classic(), new Commas));

  // As the command does.
  const bool any_file_system = std::getenv("TIDEMARK_ALLOW_UNSAFE_FILE_SYSTEM") != nullptr;
  auto opened = tidemark::Store::open(argv[1], {.read_only = true, .allow_unsafe_file_system = any_file_system});
  if (!opened) { return complain(opened.error()); }
  const tidemark::Store& store = *opened;

  LoanBook book;
  tidemark::Cursor events = store.read(tidemark::Query::all());
  for (const tidemark::Event& event : events) { book.apply(event); }
  if (auto status = events.status(); !status) { return complain(status.error()); }
  book.print();

  if (argc == 3) {
    if (auto status = print_history(store, argv[2]); !status) { return complain(status.error()); }
  }
  return 0;
}
