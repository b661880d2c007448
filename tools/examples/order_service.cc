// SPDX-License-Identifier: Apache-2.0
// An example: a shop's orders as aggregates. Each call is a command to one order; it is decided on the order's state,
// which is folded from its events, from a snapshot on if there is one.
//
//   order_service shop place order-1 3 lamp       order order-1: 3 lamps
//   order_service shop change order-1 5
//   order_service shop pay order-1
//   order_service shop ship order-1
//   order_service shop cancel order-1
//   order_service shop show order-1 [VERSION]     its state, now or as of a version
//   order_service shop rush order-1 200           200 changes from four threads at once
#include <atomic>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tidemark/tidemark.hpp"

namespace {

using nlohmann::json;
using namespace tidemark;

// A snapshot is saved once so many events had to be read.
constexpr std::uint64_t kSnapshotAfter = 50;

// --- the aggregate ---

struct Order {
  std::string status = "none";
  std::string product;
  std::uint64_t quantity = 0;
  std::uint64_t changes = 0;
};

// The object in these bytes; an empty one if there is none.
json object_in(Bytes bytes) {
  json found = json::parse(as_text(bytes), nullptr, false);
  return found.is_object() ? found : json::object();
}

// What an event makes of an order. It accepts whatever happened; rules are for decisions.
void apply(Order& order, const Event& event) {
  const json data = object_in(event.data());
  if (event.type() == "OrderPlaced") {
    order.status = "placed";
    order.product = data.value("product", "");
    order.quantity = data.value("quantity", std::uint64_t{0});
  } else if (event.type() == "QuantityChanged") {
    order.quantity = data.value("quantity", std::uint64_t{0});
    ++order.changes;
  } else if (event.type() == "OrderPaid") {
    order.status = "paid";
  } else if (event.type() == "OrderShipped") {
    order.status = "shipped";
  } else if (event.type() == "OrderCancelled") {
    order.status = "cancelled";
  }
}

// The schema changes with what is kept of an order and with what apply() makes of an event.
SnapshotCodec<Order> order_codec() {
  return {.schema = "order/1",
          .encode =
              [](const Order& order) {
                const std::string text = json{
                    {"status", order.status},
                    {"product", order.product},
                    {"quantity", order.quantity},
                    {"changes",
                     order.changes}}.dump();
                const Bytes bytes = as_bytes(text);
                return std::vector<std::byte>(bytes.begin(), bytes.end());
              },
          .decode = [](Bytes bytes) -> std::optional<Order> {
            const json state = object_in(bytes);
            if (state.empty()) { return std::nullopt; }
            return Order{.status = state.value("status", ""),
                         .product = state.value("product", ""),
                         .quantity = state.value("quantity", std::uint64_t{0}),
                         .changes = state.value("changes", std::uint64_t{0})};
          }};
}

// --- the decisions ---

Status refuse(std::string why) { return std::unexpected(Error(ErrorCode::kInvalidArgument, std::move(why))); }

Status add(Batch& out, std::string_view order, std::string_view type, const json& data = json::object()) {
  const std::string text = data.dump();
  out.to(order).add({.type = type, .data = as_bytes(text)});
  return {};
}

// The words of a command line behind the store.
struct Command {
  std::string_view verb = {};
  std::string_view order = {};
  std::uint64_t number = 0;
  std::string_view product = {};
};

Status decide_on(const Command& command, const Order& order, Batch& out) {
  const bool is_open = order.status == "placed";
  if (command.verb == "place") {
    if (order.status != "none") { return refuse("the order is there already"); }
    if (command.number == 0) { return refuse("an order of nothing"); }
    return add(out, command.order, "OrderPlaced", {{"product", command.product}, {"quantity", command.number}});
  }
  if (order.status == "none") { return refuse("there is no such order"); }
  if (command.verb == "change") {
    if (!is_open) { return refuse("the order is " + order.status + " and cannot be changed"); }
    if (command.number == order.quantity) { return {}; }  // nothing to tell of: an empty decision
    return add(out, command.order, "QuantityChanged", {{"quantity", command.number}});
  }
  if (command.verb == "pay") {
    if (!is_open) { return refuse("the order is " + order.status + " and cannot be paid"); }
    return add(out, command.order, "OrderPaid");
  }
  if (command.verb == "ship") {
    if (order.status != "paid") { return refuse("the order is " + order.status + " and cannot be shipped"); }
    return add(out, command.order, "OrderShipped");
  }
  if (order.status == "shipped") { return refuse("the order is shipped and cannot be cancelled"); }
  return add(out, command.order, "OrderCancelled");
}

Result<Receipt> carry_out(Store& store, const Command& command) {
  return decide<Order>(
      store, command.order, apply, [&](const Order& order, Batch& out) { return decide_on(command, order, out); },
      order_codec());
}

// --- the calls ---

int complain(const Error& error) {
  fmt::print(stderr, "order_service: {}\n", error.message());
  return 1;
}

int show(Store& store, std::string_view stream, std::optional<Version> until) {
  const auto order = load<Order>(store, stream, apply, order_codec(), {.until = until});
  if (!order) { return complain(order.error()); }
  if (!order->version) { return complain(Error(ErrorCode::kNotFound, "there is no such order")); }
  fmt::print("{} at version {}: {}, {} x {}, changed {} times ({} events read)\n", stream, order->version->value(),
             order->state.status, order->state.quantity, order->state.product, order->state.changes, order->folded);
  if (!until && order->folded >= kSnapshotAfter) {
    // Without it the next time takes longer, and that is all.
    if (auto saved = save_snapshot(store, stream, *order, order_codec()); !saved) { (void)complain(saved.error()); }
  }
  return 0;
}

int run(Store& store, const Command& command) {
  const auto receipt = carry_out(store, command);
  if (!receipt) { return complain(receipt.error()); }
  if (receipt->count == 0) {
    fmt::print("{}: as it was\n", command.order);
  } else {
    fmt::print("{}: version {}\n", command.order, receipt->streams[0].last.value());
  }
  return 0;
}

// Each thread makes one piece more of what is ordered then. None of them is lost, since they take turns.
int rush(Store& store, std::string_view stream, std::uint64_t changes) {
  std::atomic<std::uint64_t> left = changes;
  std::atomic<int> refused = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (std::uint64_t n = left.load(); n > 0; n = left.load()) {
          if (!left.compare_exchange_weak(n, n - 1)) { continue; }
          const auto receipt = decide<Order>(
              store, stream, apply,
              [&](const Order& order, Batch& out) {
                return decide_on({.verb = "change", .order = stream, .number = order.quantity + 1}, order, out);
              },
              order_codec());
          if (!receipt && refused++ == 0) { (void)complain(receipt.error()); }
        }
      });
    }
  }
  if (refused > 0) { return 1; }
  return show(store, stream, std::nullopt);
}

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

int usage() {
  fmt::print(stderr,
             "usage: order_service STORE place ORDER QUANTITY PRODUCT | change ORDER QUANTITY | pay ORDER | "
             "ship ORDER | cancel ORDER | show ORDER [VERSION] | rush ORDER CHANGES\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  if (words.size() < 3) { return usage(); }
  Command command{.verb = words[1], .order = words[2]};
  const std::string_view verb = command.verb;
  const std::optional<std::uint64_t> number = words.size() > 3 ? number_in(words[3]) : std::nullopt;
  const bool takes_number = verb == "place" || verb == "change" || verb == "rush";
  const bool takes_none = verb == "pay" || verb == "ship" || verb == "cancel";
  const std::size_t size = verb == "place" ? 5 : takes_number ? 4 : takes_none ? 3 : words.size();
  const bool is_show = verb == "show" && words.size() <= 4;
  if ((!takes_number && !takes_none && !is_show) || words.size() != size || (words.size() > 3 && !number)) {
    return usage();
  }
  command.number = number.value_or(0);
  if (words.size() > 4) { command.product = words[4]; }

  // As the command does.
  const bool any_file_system = std::getenv("TIDEMARK_ALLOW_UNSAFE_FILE_SYSTEM") != nullptr;
  auto store = Store::open(argv[1], {.allow_unsafe_file_system = any_file_system});
  if (!store) { return complain(store.error()); }
  if (is_show) {
    return show(*store, command.order, words.size() > 3 ? std::optional(Version(command.number)) : std::nullopt);
  }
  return verb == "rush" ? rush(*store, command.order, command.number) : run(*store, command);
}
