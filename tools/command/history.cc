// SPDX-License-Identifier: Apache-2.0
// history: the versions of a stream, and what each changed.
#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tidemark/tidemark.hpp"
#include "tools/command/json_text.h"
#include "tools/command/json_walk.h"
#include "tools/command/opening.h"
#include "tools/command/output.h"
#include "tools/command/subcommands.h"
#include "tools/command/times.h"

namespace tidemark::command {
namespace {

using nlohmann::json;

constexpr std::size_t kChangesShown = 20;
constexpr std::size_t kValueBytesShown = 60;
constexpr std::size_t kPathBytesShown = 80;
constexpr std::size_t kDataBytesShown = 160;
// Larger data is told by its size. What is compared is taken into memory, and comparing goes as deep as the data does.
constexpr std::size_t kComparedBytesMax = std::size_t{1} << 20U;
constexpr int kComparedDepthMax = 100;

// Looks for how deep a text goes.
class DepthWalker final : public JsonWalker {
 public:
  bool start_object(std::size_t) override { return ++depth_ <= kComparedDepthMax; }
  bool end_object() override { return --depth_ >= 0; }
  bool start_array(std::size_t) override { return ++depth_ <= kComparedDepthMax; }
  bool end_array() override { return --depth_ >= 0; }
  [[nodiscard]] bool is_shallow() const { return depth_ == 0; }

 private:
  int depth_ = 0;
};

// The data of an event as far as it can be compared: an object, or null.
json comparable(std::string_view text) {
  if (text.size() > kComparedBytesMax) { return nullptr; }
  DepthWalker depth;
  if (depth.walk(text) || !depth.is_shallow()) { return nullptr; }
  json value = json::parse(text, nullptr, false);  // what does not fit its numbers is not comparable either
  return value.is_object() ? value : json();
}

std::string shown(const json& value) { return printable(one_line(value), kValueBytesShown); }

// A place in JSON as people write it: case.amount for /case/amount.
std::string shown_path(const std::string& pointer) {
  std::string path;
  for (std::size_t i = 1; i < pointer.size(); ++i) {
    if (pointer[i] == '~' && i + 1 < pointer.size()) {
      path += pointer[++i] == '1' ? '/' : '~';
    } else {
      path += pointer[i] == '/' ? '.' : pointer[i];
    }
  }
  return printable(path, kPathBytesShown);
}

// The value at a place; null if there is none.
json value_at(const json& object, const std::string& pointer) {
  const json::json_pointer place(pointer);
  return object.contains(place) ? object.at(place) : json();
}

std::string change_text(const json& change, const json& before) {
  const auto& operation = change.at("op").get_ref<const std::string&>();
  const auto& place = change.at("path").get_ref<const std::string&>();
  const std::string path = shown_path(place);
  if (operation == "add") { return fmt::format("+ {}: {}", path, shown(change.at("value"))); }
  if (operation == "remove") { return fmt::format("- {}: {}", path, shown(value_at(before, place))); }
  return fmt::format("{}: {} -> {}", path, shown(value_at(before, place)), shown(change.at("value")));
}

// Data that is not compared with anything.
std::string data_text(Bytes data) {
  const std::string_view text = as_text(data);
  if (text.empty()) { return "no data"; }
  if (!is_json(text)) { return fmt::format("{}, not JSON", with_unit(text.size())); }
  if (text.size() > kComparedBytesMax) { return fmt::format("{} of JSON", with_unit(text.size())); }
  return printable(text, kDataBytesShown);
}

// The versions of one stream, one after the other.
class History {
 public:
  explicit History(bool is_json) : is_json_(is_json) {}

  // False once there is no use in going on.
  bool show(const Event& event) {
    json data = comparable(as_text(event.data()));
    const json changes = before_.is_object() && data.is_object() ? json::diff(before_, data) : json();
    const bool go_on = is_json_ ? show_json(event, changes) : show_text(event, changes);
    before_ = std::move(data);
    return go_on;
  }
  [[nodiscard]] bool empty() const { return empty_; }
  [[nodiscard]] Outcome<ExitCode> finish() { return out_.finish(ExitCode::kWell); }

 private:
  bool show_json(const Event& event, const json& changes) {
    empty_ = false;
    std::string line = event_json(event);
    line.pop_back();
    return out_.line(line + R"(,"changes":)" + one_line(changes) + "}");
  }

  bool show_text(const Event& event, const json& changes) {
    const bool coloured = out_.coloured();
    if (empty_) {
      const std::string head = fmt::format("{:>9}  {:<30}  {:<30}  {}", "version", "recorded", "valid", "type");
      if (!out_.line(coloured ? fmt::format("\033[2m{}\033[0m", head) : head)) { return false; }
    }
    empty_ = false;
    if (!out_.line(fmt::format("{:>9}  {}  {}  {}{}{}", with_separators(event.version().value()),
                               format_time(event.recorded()), format_time(event.valid()), coloured ? "\033[36m" : "",
                               printable(event.type(), limits::kTypeBytesMax), coloured ? "\033[0m" : ""))) {
      return false;
    }
    if (!changes.is_array()) { return detail(data_text(event.data())); }
    if (changes.empty()) { return detail("no change"); }
    const std::size_t shown = std::min(changes.size(), kChangesShown);
    for (std::size_t i = 0; i < shown; ++i) {
      if (!detail(change_text(changes[i], before_))) { return false; }
    }
    return shown == changes.size() || detail(fmt::format("and {} more", counted(changes.size() - shown, "change")));
  }

  bool detail(std::string_view text) { return out_.line(fmt::format("{:>9}  {}", "", text)); }

  const bool is_json_;
  Output out_;
  bool empty_ = true;
  json before_;
};

}  // namespace

Outcome<ExitCode> run_history(const HistoryOptions& options) {
  // Copied: a medium that fails is then an error with a place, and never a signal.
  ReadOptions how{.access = Access::kCopied};
  const auto as_of = recorded_time_option(options.as_of, "--as-of");
  if (!as_of) { return std::unexpected(as_of.error()); }
  const auto valid_at = valid_time_option(options.valid_at, "--valid-at");
  if (!valid_at) { return std::unexpected(valid_at.error()); }
  how.recorded_until = *as_of;
  how.valid_until = *valid_at;
  const Outcome<Store> store = open_to_read(options.store);
  if (!store) { return std::unexpected(store.error()); }
  History history(options.json);
  Cursor events = store->read(Query::stream(options.stream), how);
  const Status read = events.for_each([&](const Event& event) { return history.show(event); });
  const Outcome<ExitCode> finished = history.finish();
  if (!read) { return failed(read.error()); }
  if (history.empty()) {
    talk(fmt::format("stream {} has no event{}", printable(options.stream, 200),
                     options.as_of || options.valid_at ? " as of then" : ""));
  }
  return finished;
}

}  // namespace tidemark::command
