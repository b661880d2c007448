// SPDX-License-Identifier: Apache-2.0
// Goal: exceptions, types and templates over public types go through the edge of the shared library. Method: a program
// with hidden symbols of its own lets each of them pass, and says what did not.
#include <any>
#include <expected>
#include <iostream>
#include <stdexcept>
#include <string_view>
#include <tidemark/tidemark.hpp>
#include <typeinfo>
#include <utility>

namespace {

// The library has never heard of it.
struct Refusal {
  int number = 0;
};

struct Count {
  int events = 0;
};

bool all_well = true;

void expect(bool holds, std::string_view what) {
  if (holds) { return; }
  all_well = false;
  std::cout << "not so: " << what << '\n';
}

void errors_are_thrown_by_value() {
  try {
    static_cast<void>(tidemark::Store::open("nowhere", {.create = false}).value());
    expect(false, "a store that is not there is an error");
  } catch (const std::bad_expected_access<tidemark::Error>& thrown) {
    expect(thrown.error().code() == tidemark::ErrorCode::kNotFound, "the error is in the exception");
  }
}

void decisions_throw_through(tidemark::Store& store) {
  try {
    static_cast<void>(
        store.decide("s", [](tidemark::Cursor&, tidemark::Batch&) -> tidemark::Status { throw Refusal{7}; }));
    expect(false, "the decision's exception comes out");
  } catch (const Refusal& refusal) { expect(refusal.number == 7, "the exception is the one that was thrown"); }
}

void the_library_catches(const tidemark::Store& store) {
  auto subscription = store.subscribe(tidemark::Query::all());
  if (!subscription) { return expect(false, "a subscription is made"); }
  auto runner = tidemark::Runner::start(std::move(*subscription), [](const tidemark::Event&) -> tidemark::Status {
    throw std::runtime_error("not today");
  });
  if (!runner) { return expect(false, "a runner is started"); }
  const tidemark::Status ended = runner->wait();
  expect(!ended && ended.error().code() == tidemark::ErrorCode::kHandlerFailed, "the handler's exception is an error");
  expect(!ended && ended.error().message().find("not today") != std::string::npos, "the error has its words");
}

void templates_are_at_home_on_both_sides(tidemark::Store& store) {
  const auto loaded = tidemark::load<Count>(store, "s", [](Count& count, const tidemark::Event&) { ++count.events; });
  expect(loaded && loaded->state.events == 1, "a fold counts the event");
  const std::any held = tidemark::Query::stream("s");
  expect(held.type() == typeid(tidemark::Query), "a public type is one type");
  const auto* query = std::any_cast<tidemark::Query>(&held);
  expect(query != nullptr && store.read(*query).next() != nullptr, "and can be used");
}

}  // namespace

int main() {
  errors_are_thrown_by_value();
  auto store = tidemark::Store::open("store");
  if (!store || !store->append("s", tidemark::Expect::no_stream(), {{.type = "T"}})) { return 1; }
  decisions_throw_through(*store);
  the_library_catches(*store);
  templates_are_at_home_on_both_sides(*store);
  if (all_well) { std::cout << "all went through\n"; }
}
