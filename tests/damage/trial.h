// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/damage/failing_new.h"
#include "tests/damage/reading.h"
#include "tests/damage/sample.h"

// A scenario that lives through allocations that fail, and is judged.
namespace tidemark::damage {

// Where the store of a trial lies: on the twin or in a real folder.
class Ground {
 public:
  virtual ~Ground() = default;
  virtual engine::Environment environment() = 0;
  virtual const std::filesystem::path& folder() = 0;
  // Exactly these files; no folder at all if there are none.
  virtual void restore(const FileMap& files) = 0;
};

// A batch, and how its events are named in a trial's model.
struct Work {
  Batch batch;
  std::vector<std::string> lines;

  Work& add(std::string_view stream, std::string_view data, std::optional<EventId> id = {});
};

class Trial {
 public:
  Trial(Ground& ground, const OpenOptions& options) : ground_(ground), options_(options) {}

  // The calls of a scenario. What they may answer is an answer without faults, or one of memory that ran out.
  bool open(const OpenOptions& options);
  bool open() { return open(options_); }
  [[nodiscard]] Store& store() { return *store_; }
  void drop_store() { store_.reset(); }
  std::optional<Result<Receipt>> append(const Work& work, const AppendOptions& options = {});
  // The same by a decision on the stream.
  std::optional<Result<Receipt>> decide(std::string_view stream, const Work& work);
  std::optional<Result<Ticket>> submit(const Work& work, const AppendOptions& options = {});
  std::optional<Result<Receipt>> wait(const Ticket& of, const Work& work);

  // Anything else on the public API that gives a Result or a Status, or must not throw; expected: the code that it
  // gives when memory is there, if it is an error. Gives what it gave; nothing if an exception came out.
  template <class Function>
  auto call(const char* what, Function&& function, std::optional<ErrorCode> expected = {})
      -> std::optional<decltype(function())> {
    std::optional<decltype(function())> result = attempt(what, std::forward<Function>(function));
    if (result) { judge(what, *result, expected); }
    return result;
  }
  // A constructor of something of the user's own, which may throw std::bad_alloc. False if it did.
  template <class Function>
  bool build(Function&& function) {
    try {
      std::forward<Function>(function)();
      return true;
    } catch (const std::bad_alloc&) { return false; }
  }

  // What a scenario makes ready and then uses.
  std::vector<Work> works;
  std::optional<Ticket> ticket;
  std::optional<FileMap> mended;  // put in place before the store is opened again

  // Everything that is to be there before the scenario, or is added by it with memory at hand.
  void expect(const Work& work);
  void expect(const std::vector<OwnedEvent>& events);
  void is_wrong(std::string what);
  [[nodiscard]] const Wrong& wrong() const { return wrong_; }
  [[nodiscard]] const OpenOptions& options() const { return options_; }
  [[nodiscard]] Ground& ground() { return ground_; }

  // With memory back: the store goes on or says that it does not; closed and opened again it holds what the model says.
  void settle();

 private:
  enum class Standing : std::uint8_t { kThere, kAbsent, kUnknown };
  struct Entry {
    std::vector<std::string> lines;
    Standing standing;
  };

  template <class Function>
  auto attempt(const char* what, Function&& function) -> std::optional<decltype(function())> {
    try {
      return std::optional<decltype(function())>(function());
    } catch (const std::exception& thrown) {
      const Sheltered here;
      is_wrong(std::string(what) + " let an exception out: " + thrown.what());
    }
    return std::nullopt;
  }
  template <class T>
  void judge(const char* what, const Result<T>& result, std::optional<ErrorCode> expected) {
    const Sheltered here;
    if (result) {
      if (expected) { is_wrong(std::string(what) + " went well and should not"); }
      return;
    }
    const ErrorCode code = result.error().code();
    if (code == ErrorCode::kOutOfMemory || (expected && code == *expected)) { return; }
    if (code == ErrorCode::kStoreFailed && tried_) { return; }
    is_wrong(std::string(what) + " failed with " + to_string(result.error()));
  }
  void note(const Work& work, const Result<Receipt>& result);
  [[nodiscard]] Wrong compare(const std::vector<std::string>& found) const;

  Ground& ground_;
  const OpenOptions options_;
  std::optional<Store> store_;
  std::vector<Entry> model_;
  bool tried_ = false;  // an append was tried: the store may have failed
  Wrong wrong_;
};

struct Scenario {
  const char* name;
  // With memory at hand: brings files into place and calls what the scenario rests on.
  std::function<void(Trial&)> prepare;
  // Under faults.
  std::function<void(Trial&)> act;
};
[[nodiscard]] const std::vector<Scenario>& scenarios();

}  // namespace tidemark::damage
