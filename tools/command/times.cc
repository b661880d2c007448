// SPDX-License-Identifier: Apache-2.0
#include "tools/command/times.h"

#include <charconv>
#include <chrono>
#include <ctime>
#include <fmt/format.h>

namespace tidemark::command {
namespace {

constexpr std::size_t kFractionDigitsMax = 9;

// Takes a text apart from its front. Once something was not as asked, nothing is any more.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  // Exactly so many decimal digits, within the bounds.
  int number(std::size_t digits, int lowest, int highest) {
    const std::string_view text = take(digits);
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error == std::errc() && end == text.data() + text.size() && !text.starts_with('-');
    if (!whole || value < lowest || value > highest) { good_ = false; }
    return value;
  }
  // One of these characters; which one.
  char one_of(std::string_view choices) {
    const std::string_view text = take(1);
    if (text.empty() || choices.find(text[0]) == std::string_view::npos) {
      good_ = false;
      return '\0';
    }
    return text[0];
  }
  // A point and digits, if a point comes next.
  std::chrono::nanoseconds fraction() {
    if (!rest_.starts_with('.')) { return {}; }
    take(1);
    const std::size_t digits = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    if (digits == 0 || digits > kFractionDigitsMax) {
      good_ = false;
      return {};
    }
    std::int64_t value = number(digits, 0, 999'999'999);
    for (std::size_t i = digits; i < kFractionDigitsMax; ++i) { value *= 10; }
    return std::chrono::nanoseconds(value);
  }
  [[nodiscard]] bool good_to_the_end() const { return good_ && rest_.empty(); }

 private:
  std::string_view take(std::size_t count) {
    if (rest_.size() < count) {
      good_ = false;
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::string_view rest_;
  bool good_ = true;
};

std::string format_utc(std::chrono::sys_seconds whole, std::chrono::nanoseconds rest) {
  const std::time_t seconds = whole.time_since_epoch().count();
  std::tm utc{};
  if (gmtime_r(&seconds, &utc) == nullptr) { return fmt::format("{}s", seconds); }
  const int year = utc.tm_year + 1900;
  const std::string year_text = year >= 0 && year <= 9999 ? fmt::format("{:04}", year) : fmt::format("{:+07}", year);
  return fmt::format("{}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", year_text, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                     utc.tm_min, utc.tm_sec, rest.count());
}

// Not by a difference of times: what is a second before the first that there is cannot be said in their units.
template <class Time>
std::string format_any(Time time) {
  using std::chrono::seconds;
  const auto since = time.time_since_epoch();
  auto whole = std::chrono::duration_cast<seconds>(since);
  auto rest = since % seconds(1);
  if (rest < rest.zero()) {
    whole -= seconds(1);
    rest += seconds(1);
  }
  return format_utc(std::chrono::sys_seconds(whole), rest);
}

struct Instant {
  std::chrono::sys_seconds whole;
  std::chrono::nanoseconds rest;
};

// Nothing if there is no such valid time: some 292,000 years from 1970.
std::optional<ValidTime> to_valid(const Instant& instant) {
  using std::chrono::microseconds;
  // From zero inward, so that the first second and the last can be had in part.
  std::int64_t seconds = instant.whole.time_since_epoch().count();
  std::int64_t rest = std::chrono::floor<microseconds>(instant.rest).count();
  if (seconds < 0 && rest > 0) {
    ++seconds;
    rest -= microseconds::period::den;
  }
  std::int64_t all = 0;
  const bool overflows = __builtin_mul_overflow(seconds, std::int64_t{microseconds::period::den}, &all) ||
                         __builtin_add_overflow(all, rest, &all);
  return overflows ? std::nullopt : std::optional(ValidTime(microseconds(all)));
}

std::optional<Instant> parse_instant(std::string_view text) {
  using namespace std::chrono;
  Reader in(text);
  // With a sign and six digits, as format_time gives years that four cannot say.
  const bool is_expanded = text.starts_with('+') || text.starts_with('-');
  const bool is_before_zero = is_expanded && in.one_of("+-") == '-';
  int year_number = is_expanded ? in.number(6, 0, 999'999) : in.number(4, 0, 9999);
  if (is_before_zero) { year_number = -year_number; }
  in.one_of("-");
  const int month_number = in.number(2, 1, 12);
  in.one_of("-");
  const int day_number = in.number(2, 1, 31);
  in.one_of("Tt ");
  const hours hour(in.number(2, 0, 23));
  in.one_of(":");
  const minutes minute(in.number(2, 0, 59));
  in.one_of(":");
  const seconds second(in.number(2, 0, 60));  // 60: a leap second, which UTC in a computer does not count
  const nanoseconds fraction = in.fraction();
  const char zone = in.one_of("Zz+-");
  minutes offset(0);
  if (zone == '+' || zone == '-') {
    offset = hours(in.number(2, 0, 23));
    in.one_of(":");
    offset += minutes(in.number(2, 0, 59));
    if (zone == '-') { offset = -offset; }
  }
  // The calendar repeats itself, and the library's years are few.
  constexpr int kCycleYears = 400;
  constexpr days kCycle(146'097);
  const int cycles = year_number / kCycleYears;
  const year_month_day date{year(year_number - cycles * kCycleYears), month(static_cast<unsigned>(month_number)),
                            day(static_cast<unsigned>(day_number))};
  if (!in.good_to_the_end() || !date.ok()) { return std::nullopt; }
  const sys_seconds whole = sys_days(date) + cycles * kCycle + hour + minute + second - offset;
  const Instant instant{whole, fraction};
  return to_valid(instant) ? std::optional(instant) : std::nullopt;
}

template <class Time>
Outcome<std::optional<Time>> time_option(const std::optional<std::string>& text, std::string_view name,
                                         std::optional<Time> (*parse)(std::string_view)) {
  if (!text) { return std::nullopt; }
  const auto time = parse(*text);
  if (!time) {
    return bad_input(
        fmt::format("{}: must be a time as RFC 3339 has it, such as 2011-12-01T00:00:00Z or "
                    "2011-10-01T00:38:44.546+02:00",
                    name));
  }
  return time;
}

}  // namespace

std::optional<ValidTime> parse_time(std::string_view text) {
  const auto instant = parse_instant(text);
  return instant ? to_valid(*instant) : std::nullopt;
}

std::optional<RecordedTime> parse_recorded_time(std::string_view text) {
  const auto instant = parse_instant(text);
  if (!instant) { return std::nullopt; }
  if (instant->whole < std::chrono::ceil<std::chrono::seconds>(RecordedTime::min())) { return RecordedTime::min(); }
  if (instant->whole >= std::chrono::floor<std::chrono::seconds>(RecordedTime::max())) { return RecordedTime::max(); }
  return instant->whole + instant->rest;
}

Outcome<std::optional<ValidTime>> valid_time_option(const std::optional<std::string>& text, std::string_view name) {
  return time_option<ValidTime>(text, name, &parse_time);
}

Outcome<std::optional<RecordedTime>> recorded_time_option(const std::optional<std::string>& text,
                                                          std::string_view name) {
  return time_option<RecordedTime>(text, name, &parse_recorded_time);
}

std::string format_time(RecordedTime time) { return format_any(time); }
std::string format_time(ValidTime time) { return format_any(time); }

}  // namespace tidemark::command
