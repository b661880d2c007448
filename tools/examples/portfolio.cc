// SPDX-License-Identifier: Apache-2.0
// An example: a read model in memory. A trader's shares are folded from the trades in the trader's stream, of all
// traders at once, from their snapshots on. Large trades are told to the supervision, each once, whichever process sees
// it first: that is what the projection's name remembers.
//
//   portfolio desk trade ada ACME 30 1200     ada buys 30 at 12.00 each; -30 sells
//   portfolio desk show                       who has what, and what is to be supervised since the last time
//   portfolio desk save                       the same, and saves a snapshot of each trader
//   portfolio desk rebuild                    believes no snapshot
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tidemark/tidemark.hpp"

namespace {

using nlohmann::json;
using namespace tidemark;

// In cents; a trade of more is told to the supervision.
constexpr std::int64_t kLargeTrade = 1'000'000;

struct Trade {
  std::string symbol;
  std::int64_t shares = 0;  // negative: sold
  std::int64_t price = 0;   // of one, in cents

  explicit Trade(const Event& event) {
    const json data = json::parse(as_text(event.data()), nullptr, false);
    if (!data.is_object()) { return; }
    symbol = data.value("symbol", "");
    shares = data.value("shares", std::int64_t{0});
    price = data.value("price", std::int64_t{0});
  }
  [[nodiscard]] std::int64_t value() const { return std::abs(shares * price); }
};

struct Portfolio {
  std::map<std::string, std::int64_t> shares;
  std::int64_t spent = 0;  // in cents
};

void fold(Portfolio& portfolio, const Event& event) {
  const Trade trade(event);
  if (trade.symbol.empty()) { return; }
  portfolio.shares[trade.symbol] += trade.shares;
  portfolio.spent += trade.shares * trade.price;
}

SnapshotCodec<Portfolio> codec() {
  return {.schema = "portfolio/1",
          .encode =
              [](const Portfolio& portfolio) {
                const std::string text = json{{"shares", portfolio.shares}, {"spent", portfolio.spent}}.dump();
                const Bytes bytes = as_bytes(text);
                return std::vector<std::byte>(bytes.begin(), bytes.end());
              },
          .decode = [](Bytes bytes) -> std::optional<Portfolio> {
            const json state = json::parse(as_text(bytes), nullptr, false);
            if (!state.is_object() || !state.contains("shares")) { return std::nullopt; }
            return Portfolio{.shares = state["shares"].get<std::map<std::string, std::int64_t>>(),
                             .spent = state.value("spent", std::int64_t{0})};
          }};
}

// The read model: what every trader has.
class Traders {
 public:
  explicit Traders(const Store& store) : store_(store) {}

  ProjectionOptions projection() {
    return {.query = Query::category("trader"),
            .apply = [this](const Event& event, bool replaying) { return apply(event, replaying); },
            .reset = [this]() -> Status {
              traders_.clear();
              return {};
            },
            .name = "supervision",
            .restore = [this] { return restore(); }};
  }

  // Without them the next start takes longer, and that is all.
  void save(Store& store) const {
    for (const auto& [name, trader] : traders_) {
      if (auto saved = save_snapshot(store, name, trader, codec()); !saved) {
        fmt::print(stderr, "portfolio: {}\n", to_string(saved.error()));
      }
    }
  }

  void print() const {
    for (const auto& [name, trader] : traders_) {
      fmt::print("{} spent {:.2f}:", name, static_cast<double>(trader.state.spent) / 100);
      for (const auto& [symbol, shares] : trader.state.shares) { fmt::print(" {} {}", shares, symbol); }
      fmt::print("\n");
    }
    fmt::print("{} events read\n", read_);
  }

 private:
  Status apply(const Event& event, bool replaying) {
    Loaded<Portfolio>& trader = traders_[std::string(event.stream())];
    // Events may come that restore() had already.
    if (!trader.version || event.version() > *trader.version) {
      fold(trader.state, event);
      trader.version = event.version();
      ++read_;
    }
    const Trade trade(event);
    if (!replaying && trade.value() > kLargeTrade) {
      fmt::print("to the supervision: {} traded {} {}\n", event.stream(), trade.shares, trade.symbol);
    }
    return {};
  }

  // The end is looked for first: what comes meanwhile is given again, and left out by its version.
  Result<std::optional<Checkpoint>> restore() {
    const auto end = store_.subscribe(Query::all(), {.from_end = true});
    if (!end) { return std::unexpected(end.error()); }
    auto here = end->checkpoint();
    if (!here) { return std::unexpected(here.error()); }
    const auto streams = store_.streams({.prefix = "trader-"});
    if (!streams) { return std::unexpected(streams.error()); }
    traders_.clear();
    read_ = 0;
    for (const StreamInfo& stream : *streams) {
      auto trader = load<Portfolio>(store_, stream.name, fold, codec());
      if (!trader) { return std::unexpected(trader.error()); }
      read_ += trader->folded;
      traders_[stream.name] = std::move(*trader);
    }
    return *here;
  }

  const Store& store_;
  std::map<std::string, Loaded<Portfolio>> traders_;
  std::uint64_t read_ = 0;
};

int complain(const Error& error) {
  fmt::print(stderr, "portfolio: {}\n", to_string(error));
  return 1;
}

std::optional<std::int64_t> number_in(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

int trade(Store& store, const std::vector<std::string_view>& words) {
  const auto shares = number_in(words[4]);
  const auto price = number_in(words[5]);
  if (!shares || !price) { return complain(Error(ErrorCode::kInvalidArgument, "shares and price are numbers")); }
  const std::string data = json{{"symbol", words[3]}, {"shares", *shares}, {"price", *price}}.dump();
  const auto done =
      store.append("trader-" + std::string(words[2]), Expect::any(), {{.type = "Traded", .data = as_bytes(data)}});
  return done ? 0 : complain(done.error());
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  const std::string_view verb = words.size() > 1 ? words[1] : "";
  const bool shows = words.size() == 2 && (verb == "show" || verb == "save" || verb == "rebuild");
  if (!shows && !(words.size() == 6 && verb == "trade")) {
    fmt::print(stderr, "usage: portfolio STORE trade TRADER SYMBOL SHARES CENTS | show | save | rebuild\n");
    return 2;
  }
  // As the command does.
  const bool any_file_system = std::getenv("TIDEMARK_ALLOW_UNSAFE_FILE_SYSTEM") != nullptr;
  auto store = Store::open(argv[1], {.allow_unsafe_file_system = any_file_system});
  if (!store) { return complain(store.error()); }
  if (verb == "trade") { return trade(*store, words); }

  Traders traders(*store);
  auto projection = Projection::open(*store, traders.projection());
  if (!projection) { return complain(projection.error()); }
  if (auto done = verb == "rebuild" ? projection->rebuild() : projection->catch_up(); !done) {
    return complain(done.error());
  }
  traders.print();
  if (verb == "save") { traders.save(*store); }
  return 0;
}
