// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace tidemark::command {

// How a long work tells how far it is, on stderr: as a bar on a terminal, or in plain lines for a script.
class Progress {
 public:
  enum class Mode : std::uint8_t {
    kAuto,   // a bar if stderr is a terminal and NO_COLOR is not set
    kPlain,  // "acknowledged N" after every acknowledgement
    kNever,
  };

  // unit is what is counted, such as "events".
  Progress(Mode mode, std::string_view unit);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // Wipes the bar away.
  ~Progress();

  // done of all (0 if not known) in some measure, and how many units that is. Cheap: redraws ten times a second.
  void update(std::uint64_t done, std::uint64_t all, std::uint64_t units);
  // For a call that says how far it is in the very units; it must not outlive this.
  [[nodiscard]] std::function<void(std::uint64_t done, std::uint64_t all)> callback();
  // So many units are safe now.
  void acknowledged(std::uint64_t units) const;
  // Takes the bar from the terminal, so that something else can be said.
  void wipe();

 private:
  using Clock = std::chrono::steady_clock;

  void draw(double share, std::uint64_t units, double seconds);

  std::string unit_;
  bool bar_;
  bool plain_;
  bool drawn_ = false;
  Clock::time_point started_ = Clock::now();
  Clock::time_point next_draw_ = started_;
};

}  // namespace tidemark::command
