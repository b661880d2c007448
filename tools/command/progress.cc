// SPDX-License-Identifier: Apache-2.0
#include "tools/command/progress.h"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>

#include "tools/command/output.h"

namespace tidemark::command {
namespace {

constexpr std::chrono::milliseconds kBetweenDraws{100};
constexpr std::size_t kBarWidth = 28;

std::string repeated(std::string_view text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) { all += text; }
  return all;
}

void put(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

Progress::Progress(Mode mode, std::string_view unit)
    : unit_(unit), bar_(mode == Mode::kAuto && is_lively(stderr)), plain_(mode == Mode::kPlain) {}

Progress::~Progress() { wipe(); }

void Progress::update(std::uint64_t done, std::uint64_t all, std::uint64_t units) {
  if (!bar_) { return; }
  const Clock::time_point now = Clock::now();
  if (now < next_draw_) { return; }
  next_draw_ = now + kBetweenDraws;
  const double share = all == 0 ? -1 : std::min(1.0, static_cast<double>(done) / static_cast<double>(all));
  draw(share, units, std::chrono::duration<double>(now - started_).count());
}

std::function<void(std::uint64_t, std::uint64_t)> Progress::callback() {
  return [this](std::uint64_t done, std::uint64_t all) { update(done, all, done); };
}

void Progress::acknowledged(std::uint64_t units) const {
  if (plain_) { put(fmt::format("acknowledged {}\n", units)); }
}

void Progress::wipe() {
  if (!drawn_) { return; }
  drawn_ = false;
  put("\r\033[K");
}

// A negative share: not known.
void Progress::draw(double share, std::uint64_t units, double seconds) {
  std::string text = "\r";
  if (share >= 0) {
    const auto full = static_cast<std::size_t>(share * static_cast<double>(kBarWidth));
    text += fmt::format("\033[36m{}\033[2m{}\033[0m {:3.0f} %  ", repeated("━", full), repeated("─", kBarWidth - full),
                        share * 100);
  }
  text += fmt::format("{} {}", with_separators(units), unit_);
  if (seconds > 0) {
    text += fmt::format("  {}/s", with_separators(static_cast<std::uint64_t>(static_cast<double>(units) / seconds)));
    if (share > 0.01) { text += fmt::format("  {:.0f} s left", seconds * (1 - share) / share); }
  }
  put(text + "\033[K");
  drawn_ = true;
}

}  // namespace tidemark::command
