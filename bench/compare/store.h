// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>

namespace tidemark::compare {

// Ends a measurement: what went wrong, in a sentence.
class Failure : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct EventToAppend {
  std::array<std::byte, 16> id{};
  std::string_view type;
  std::string_view payload;
};

// Events for one stream, all of them or none.
struct Append {
  std::string_view stream;
  std::optional<std::uint64_t> expected_length;  // how many events the stream must have; without it any number
  std::span<const EventToAppend> events;
};

struct Answer {
  bool conflict = false;     // the stream had another length; nothing was appended
  std::uint64_t length = 0;  // of the stream, after the append or as it was found
};

// A view, valid during the call that gives it.
struct EventSeen {
  std::uint64_t position = 0;
  std::uint64_t next_position = 0;  // where read_all goes on behind this event
  std::uint64_t version = 0;
  std::string_view stream;  // its name, or bytes that stand for it where a name would cost a store another look-up
  std::string_view type;
  std::string_view payload;
};

// False ends the reading.
using Visit = std::function<bool(const EventSeen&)>;

struct Opening {
  bool durable = true;  // an append returns once it is on stable storage; else once it is handed to the system
  // For raw files: everything stays and can be read. Otherwise they begin again at their front after so many bytes.
  bool is_kept = false;
  std::uint64_t raw_bytes = std::uint64_t{64} << 20U;
  std::chrono::microseconds gather{60};   // how long a leader waits for company, in the group commit that stores share
  bool allow_unsafe_file_system = false;  // as of tidemark::OpenOptions
};

// Appends without a thread that waits for each: answers come in the order of submission. For one thread.
class Submitter {
 public:
  virtual ~Submitter() = default;
  virtual void submit(const Append& append) = 0;
  // Waits for the oldest that was submitted and not waited for.
  virtual void wait_oldest() = 0;
};

// What every store and every limit is measured through. All of them check the stream's length, number an event in its
// stream and among all, and, but for some limits, find events by either number. What cannot be done throws Failure.
// Safe for many threads between open and close.
class Store {
 public:
  virtual ~Store() = default;
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  virtual void open(const std::filesystem::path& folder, const Opening& how) = 0;
  virtual void close() = 0;

  virtual Answer append(const Append& append) = 0;
  // One commit for several streams, none of them named twice and none with an expectation.
  virtual void append_together(std::span<const Append> appends) = 0;
  // Everything appended before is on stable storage afterwards.
  virtual void sync() = 0;
  // Nothing if the store has no such way.
  virtual std::unique_ptr<Submitter> submitter() { return nullptr; }

  virtual std::uint64_t stream_length(std::string_view stream) = 0;
  virtual void read_stream(std::string_view stream, const Visit& visit) = 0;
  // The events from this position on, in the order of their positions.
  virtual void read_all(std::uint64_t from, const Visit& visit) = 0;
  // Gives each event from the beginning on, as soon as it is there, until it is told to stop. A store that wakes nobody
  // is asked again and again.
  virtual void follow(const std::stop_token& stop, const Visit& visit);

  // The clock starts now.
  virtual void begin_timed() {}
};

}  // namespace tidemark::compare
