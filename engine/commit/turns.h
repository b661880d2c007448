// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <stop_token>
#include <thread>

#include "platform/wait_word.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// Lets those who decide on the same thing do so one after the other, in the order in which they came, and knows which
// threads are inside a decision. Things are told apart by a hash into a table that does not grow: two that share a
// place take turns, too, which costs time alone.
//
// Lock order: a turn is held across everything that a decision does; Place::mutex is a leaf and held across nothing.
class Turns {
  struct Place;

 public:
  // Held until it is destroyed or given back.
  class Turn {
   public:
    Turn(Turn&& other) noexcept : place_(other.place_), turns_(other.turns_) { other.place_ = nullptr; }
    Turn& operator=(Turn&&) = delete;
    ~Turn() { give_back(); }
    void give_back();

   private:
    friend class Turns;
    Turn(Turns& turns, Place& place) : place_(&place), turns_(&turns) {}
    Place* place_;
    Turns* turns_;
  };

  // Waits for the turn. kStopped.
  [[nodiscard]] Result<Turn> take(std::uint64_t hash, const std::stop_token& stop);

  // While it lives, its thread is inside a decision.
  class Inside {
   public:
    explicit Inside(Turn& turn);
    ~Inside();
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    Turn& turn_;
  };
  [[nodiscard]] bool is_inside() const;

 private:
  struct Waiter {
    platform::WaitWord word;
    bool called = false;  // guarded by the place's mutex
  };
  struct Place {
    std::mutex mutex;
    bool taken = false;                     // guarded by mutex
    std::deque<Waiter*> waiting;            // likewise; the first in front
    std::atomic<std::thread::id> inside{};  // a thread looks for itself alone, so that no order matters
  };

  std::array<Place, 64> places_;
  std::atomic<std::uint32_t> inside_ = 0;  // how many places have somebody inside
};

}  // namespace tidemark::engine
