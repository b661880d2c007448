// SPDX-License-Identifier: Apache-2.0
#include "tools/command/json_text.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "tools/command/base64.h"
#include "tools/command/json_walk.h"
#include "tools/command/times.h"

namespace tidemark::command {
namespace {

constexpr std::string_view kWhiteSpace = " \t\r\n";

// Gathers the fields of the outermost object.
class ImportLineParser final : public JsonWalker {
 public:
  ImportLineParser(std::string_view line, std::string_view recorded_field)
      : line_(line), recorded_field_(recorded_field) {
    Field* const known = std::ranges::find(fields_, recorded_field, &Field::name);
    if (recorded_field.empty() || known != std::end(fields_)) {
      end_ = std::end(fields_) - 1;
      if (!recorded_field.empty()) { known->required = true; }
    } else {
      end_[-1] = {.name = recorded_field, .required = true};
    }
  }

  [[nodiscard]] ImportLine& result() { return result_; }

  bool null() override { return scalar("null"); }
  bool boolean(bool) override { return scalar("a boolean"); }
  bool number_integer(std::int64_t) override { return number(); }
  bool number_unsigned(std::uint64_t) override { return number(); }
  bool number_float(long double, const std::string&) override { return number(); }
  bool string(std::string& value) override {
    if (in_tags_ && depth_ == 2) {
      result_.tags.push_back(std::move(value));
      return true;
    }
    if (depth_ == 1 && !field_->any) { return text_field(std::move(value)); }
    return scalar("a string");
  }
  bool start_object(std::size_t) override { return open("an object"); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override {
    if (depth_ == 1 && field_->name == "tags") {
      in_tags_ = true;
      ++depth_;
      return true;
    }
    return open("an array");
  }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    if (depth_ != 1) { return true; }
    field_ = std::find_if(std::begin(fields_), end_, [&](const Field& f) { return f.name == name; });
    if (field_ == end_) { return refuse(fmt::format("unknown field {}", quoted(name))); }
    if (field_->seen) { return refuse(fmt::format("field \"{}\" is given twice", name)); }
    if (is_seen(field_->other_form)) {
      return refuse(fmt::format("\"{}\" and \"{}\" do not go together", field_->other_form, field_->name));
    }
    field_->seen = true;
    value_begin_ = reached();
    return true;
  }

  [[nodiscard]] std::optional<JsonError> find_missing() const {
    for (const Field* field = std::begin(fields_); field != end_; ++field) {
      if (field->required && !field->seen && !is_seen(field->other_form)) {
        return JsonError{.column = line_.size(), .reason = fmt::format("no field {}", quoted(field->name))};
      }
    }
    return std::nullopt;
  }

 private:
  struct Field {
    std::string_view name;
    bool required = false;
    bool any = false;                  // any JSON, kept as its text
    std::string_view other_form = {};  // the field that says the same in another way
    bool seen = false;
  };

  [[nodiscard]] bool is_seen(std::string_view name) const {
    return std::any_of(std::begin(fields_), std::end(fields_),
                       [&](const Field& field) { return !name.empty() && field.name == name && field.seen; });
  }

  bool open(std::string_view what) {
    if (depth_ == 0 && what != "an object") { return refuse("a line must be a JSON object"); }
    if (!allowed(what)) { return false; }
    ++depth_;
    return true;
  }
  bool close() {
    --depth_;
    if (depth_ == 1) {
      in_tags_ = false;
      keep_value(reached());
    }
    return true;
  }
  bool scalar(std::string_view what) {
    if (!allowed(what)) { return false; }
    if (depth_ == 1) { keep_value(reached()); }
    return true;
  }
  // Only by the character after it does the parser see where a number ends; that one is never a digit.
  bool number() {
    if (!allowed("a number")) { return false; }
    if (depth_ == 1) { keep_value(reached()[-1] >= '0' && reached()[-1] <= '9' ? reached() : reached() - 1); }
    return true;
  }
  bool allowed(std::string_view what) {
    if (depth_ == 0 && what != "an object") { return refuse("a line must be a JSON object"); }
    if (in_tags_) { return refuse(fmt::format("field \"tags\" must be an array of strings, not of {}", what)); }
    if (depth_ != 1 || field_->any) { return true; }
    return refuse(fmt::format("field \"{}\" must be {}, not {}", field_->name,
                              field_->name == "tags" ? "an array of strings" : "a string", what));
  }
  void keep_value(const char* end) {
    if (!field_->any) { return; }
    std::string_view value(value_begin_, static_cast<std::size_t>(end - value_begin_));
    value.remove_prefix(value.find_first_not_of(kWhiteSpace));
    value.remove_prefix(1);  // the colon between key and value
    value.remove_prefix(value.find_first_not_of(kWhiteSpace));
    (field_->name == "data" ? result_.data : result_.metadata) = value;
  }
  bool refuse_time() {
    return refuse(fmt::format("field {} must be a time as RFC 3339 has it, such as 2011-10-01T00:38:44.546+02:00",
                              quoted(field_->name)));
  }
  bool text_field(std::string value) {
    if (field_->name == "stream") {
      result_.stream = std::move(value);
    } else if (field_->name == "type") {
      result_.type = std::move(value);
    } else if (field_->name == "time" || field_->name == recorded_field_) {
      if (field_->name == "time" && !(result_.valid = parse_time(value))) { return refuse_time(); }
      if (field_->name == recorded_field_ && !(result_.recorded = parse_recorded_time(value))) { return refuse_time(); }
    } else if (field_->name == "id") {
      result_.id = EventId::parse(value);
      if (!result_.id || result_.id->is_nil()) { return refuse("field \"id\" must be a UUID, not the nil one"); }
    } else if (field_->name == "data_base64" || field_->name == "metadata_base64") {
      auto bytes = from_base64(value);
      if (!bytes) {
        return refuse(fmt::format("field \"{}\" must be base64 as RFC 4648 has it, with its padding", field_->name));
      }
      (field_->name == "data_base64" ? result_.data : result_.metadata) = *std::move(bytes);
    } else if (field_->name == "recorded") {
      // Only for who asks for it.
    } else {
      return allowed("a string");
    }
    return true;
  }

  std::string_view line_;
  std::string_view recorded_field_;
  ImportLine result_;
  Field fields_[11] = {{.name = "stream", .required = true},
                       {.name = "type", .required = true},
                       {.name = "data", .required = true, .any = true, .other_form = "data_base64"},
                       {.name = "data_base64", .other_form = "data"},
                       {.name = "metadata", .any = true, .other_form = "metadata_base64"},
                       {.name = "metadata_base64", .other_form = "metadata"},
                       {.name = "time"},
                       {.name = "recorded"},
                       {.name = "id"},
                       {.name = "tags"},
                       {}};  // what says when it was recorded, if that has a field of its own
  Field* end_ = std::end(fields_);
  Field* field_ = nullptr;
  const char* value_begin_ = nullptr;
  int depth_ = 0;
  bool in_tags_ = false;
};

}  // namespace

std::optional<JsonError> find_json_error(std::string_view text) { return JsonWalker().walk(text); }

std::string json_string(std::string_view text) { return one_line(nlohmann::json(text)); }

std::string one_line(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string one_line(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

bool can_name_recorded(std::string_view field) {
  constexpr std::string_view kTaken[] = {"stream",          "type", "data", "data_base64", "metadata",
                                         "metadata_base64", "id",   "tags"};
  return !field.empty() && std::ranges::find(kTaken, field) == std::end(kTaken);
}

std::expected<ImportLine, JsonError> parse_import_line(std::string_view line, std::string_view recorded_field) {
  ImportLineParser reader(line, recorded_field);
  if (auto error = reader.walk(line)) { return std::unexpected(*std::move(error)); }
  if (auto error = reader.find_missing()) { return std::unexpected(*std::move(error)); }
  return std::move(reader.result());
}

}  // namespace tidemark::command
