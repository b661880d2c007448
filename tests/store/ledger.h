// SPDX-License-Identifier: Apache-2.0
#pragma once

// A read model with transactions, as a database has them, in memory; and what a projection of it needs. Which call to
// it fails, and how, can be said.

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/store/support.h"

namespace tidemark::test {

class Ledger {
 public:
  struct Content {
    // Of each stream the positions of its events, one after the other: so the order counts, and how often.
    std::map<std::string, std::string> model;
    std::vector<std::uint64_t> mails;  // positions of the events that were new; no part of the model
    std::optional<std::string> point;

    friend bool operator==(const Content&, const Content&) = default;
  };

  // How a call fails.
  enum class Fault : std::uint8_t { kNone, kError, kThrow, kAfterwards };

  // The n-th call of begin, commit, load and reset from now on fails once; kAfterwards: it did what it should all the
  // same, and says that it failed.
  void fail(std::uint64_t call, Fault fault) {
    call_ = 0;
    failing_call_ = call;
    fault_ = fault;
  }
  [[nodiscard]] std::uint64_t calls() const { return call_; }

  [[nodiscard]] const Content& committed() const { return committed_; }
  // As another process would find it after this one was killed.
  void crash() { open_.reset(); }
  void set_point(std::optional<std::string> point) { committed_.point = std::move(point); }

  Status apply(const Event& event, bool replaying) {
    Content& content = open_.value();
    content.model[std::string(event.stream())] += std::to_string(event.position().value()) + " ";
    if (!replaying) { content.mails.push_back(event.position().value()); }
    return {};
  }

  // Without apply and query: the test says those.
  [[nodiscard]] ProjectionOptions options() {
    ProjectionOptions options;
    options.apply = [this](const Event& event, bool replaying) { return apply(event, replaying); };
    options.reset = [this] { return call([&] { open_.value().model.clear(); }); };
    options.storage = {.load = [this]() -> Result<std::optional<ProjectionPoint>> {
                         if (open_) { throw std::logic_error("load() within a transaction"); }
                         if (auto done = call([] {}); !done) { return std::unexpected(done.error()); }
                         if (!committed_.point) { return std::nullopt; }
                         auto point = parse_projection_point(*committed_.point);
                         if (!point) { return std::unexpected(point.error()); }
                         return *point;
                       },
                       .begin =
                           [this] {
                             if (open_) { throw std::logic_error("begin() within a transaction"); }
                             ++transactions;
                             auto done = call([&] { open_ = committed_; });
                             if (!done) { open_.reset(); }
                             return done;
                           },
                       .commit =
                           [this](const ProjectionPoint& point) {
                             return call([&] {
                               committed_ = std::move(open_.value());
                               committed_.point = to_string(point);
                               open_.reset();
                             });
                           },
                       .roll_back = [this] { open_.reset(); }};
    options.part = [this]() -> Result<ProjectionPart> {
      auto part = std::make_shared<std::map<std::string, std::string>>();
      return ProjectionPart{.apply = [part](const Event& event) -> Status {
                              (*part)[std::string(event.stream())] += std::to_string(event.position().value()) + " ";
                              return {};
                            },
                            .merge = [part, this]() -> Status {
                              for (const auto& [stream, positions] : *part) {
                                open_.value().model[stream] += positions;
                              }
                              return {};
                            }};
    };
    return options;
  }

  std::uint64_t transactions = 0;  // begun

 private:
  template <class Do>
  Status call(Do&& act) {
    const bool fails = ++call_ == failing_call_;
    if (!fails || fault_ == Fault::kAfterwards) { act(); }
    if (!fails || fault_ == Fault::kNone) { return {}; }
    if (fault_ == Fault::kThrow) { throw std::runtime_error("the disk is away"); }
    return std::unexpected(Error(ErrorCode::kBusy, "the database is busy"));
  }

  Content committed_;
  std::optional<Content> open_;
  std::uint64_t call_ = 0;
  std::uint64_t failing_call_ = 0;
  Fault fault_ = Fault::kNone;
};

// What a ledger of a store holds when it is through.
inline std::map<std::string, std::string> folded(const Store& store, const Query& query = Query::all()) {
  std::map<std::string, std::string> model;
  for (const OwnedEvent& event : read(store, query)) {
    model[event.stream] += std::to_string(event.position.value()) + " ";
  }
  return model;
}

inline std::vector<std::uint64_t> positions_of(const Store& store, const Query& query = Query::all()) {
  std::vector<std::uint64_t> positions;
  for (const OwnedEvent& event : read(store, query)) { positions.push_back(event.position.value()); }
  return positions;
}

}  // namespace tidemark::test
