// SPDX-License-Identifier: Apache-2.0
#include "tools/command/json_text.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "tools/command/times.h"

namespace tidemark::command {
namespace {

constexpr std::size_t kReasonBytesMax = 240;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kWhiteSpace = " \t\r\n";

// The parser turns each number into a value and refuses one that does not fit. We keep the text and drop the value: the
// widest type refuses the fewest.
using Json = nlohmann::basic_json<std::map, std::vector, std::string, bool, std::int64_t, std::uint64_t, long double>;

// Walks over a text and tells somebody else how far it came.
class CountingIterator {
 public:
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using reference = const char&;
  using pointer = const char*;
  using iterator_category = std::input_iterator_tag;

  CountingIterator(const char* at, const char** reached) : at_(at), reached_(reached) {}

  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) { return a.at_ == b.at_; }

 private:
  const char* at_;
  const char** reached_;
};

// The parser's message without its own numbering, short enough for a terminal and without control characters.
std::string tidy_reason(std::string_view what) {
  for (const std::string_view mark : {"syntax error", "number overflow"}) {
    if (const std::size_t at = what.find(mark); at != std::string_view::npos) {
      what.remove_prefix(at);
      break;
    }
  }
  std::string reason(what.substr(0, kReasonBytesMax));
  if (what.size() > reason.size()) { reason += "…"; }
  std::replace_if(reason.begin(), reason.end(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7F'; }, '?');
  return reason;
}

// What the parser calls. Every event goes on; an error is kept.
class Checker {
 public:
  virtual ~Checker() = default;

  virtual bool null() { return true; }
  virtual bool boolean(bool) { return true; }
  virtual bool number_integer(std::int64_t) { return true; }
  virtual bool number_unsigned(std::uint64_t) { return true; }
  virtual bool number_float(long double, const std::string&) { return true; }
  virtual bool string(std::string&) { return true; }
  virtual bool binary(Json::binary_t&) { return true; }
  virtual bool start_object(std::size_t) { return true; }
  virtual bool end_object() { return true; }
  virtual bool start_array(std::size_t) { return true; }
  virtual bool end_array() { return true; }
  virtual bool key(std::string&) { return true; }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) {
    error_ = JsonError{.column = position, .reason = tidy_reason(error.what())};
    return false;
  }

  [[nodiscard]] std::optional<JsonError>& error() { return error_; }

 protected:
  bool refuse(std::size_t column, std::string reason) {
    error_ = JsonError{.column = column, .reason = std::move(reason)};
    return false;
  }

 private:
  std::optional<JsonError> error_;
};

// The parser takes a NUL for the end of its input and skips a byte-order mark: neither is JSON inside a text.
std::optional<JsonError> run_parser(std::string_view text, Checker& checker, const char** reached) {
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return JsonError{.column = nul + 1, .reason = "a NUL byte"};
  }
  if (text.starts_with(kByteOrderMark)) { return JsonError{.column = 1, .reason = "a byte-order mark"}; }
  *reached = text.data();
  const CountingIterator begin(text.data(), reached);
  const CountingIterator end(text.data() + text.size(), reached);
  Json::sax_parse(begin, end, &checker);
  return std::move(checker.error());
}

// Gathers the fields of the outermost object.
class ImportLineParser final : public Checker {
 public:
  explicit ImportLineParser(std::string_view line) : line_(line) {}

  [[nodiscard]] const char** reached() { return &reached_; }
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
    field_ = std::find_if(std::begin(fields_), std::end(fields_), [&](const Field& f) { return f.name == name; });
    if (field_ == std::end(fields_)) { return refuse(column(), fmt::format("unknown field {}", json_string(name))); }
    if (field_->seen) { return refuse(column(), fmt::format("field \"{}\" is given twice", name)); }
    field_->seen = true;
    value_begin_ = reached_;
    return true;
  }

  [[nodiscard]] std::optional<JsonError> find_missing() const {
    for (const Field& field : fields_) {
      if (field.required && !field.seen) {
        return JsonError{.column = line_.size(), .reason = fmt::format("no field \"{}\"", field.name)};
      }
    }
    return std::nullopt;
  }

 private:
  struct Field {
    std::string_view name;
    bool required = false;
    bool any = false;  // any JSON, kept as its text
    bool seen = false;
  };

  [[nodiscard]] std::size_t column() const { return static_cast<std::size_t>(reached_ - line_.data()); }

  bool open(std::string_view what) {
    if (depth_ == 0 && what != "an object") { return refuse(column(), "a line must be a JSON object"); }
    if (!allowed(what)) { return false; }
    ++depth_;
    return true;
  }
  bool close() {
    --depth_;
    if (depth_ == 1) {
      in_tags_ = false;
      keep_value(reached_);
    }
    return true;
  }
  bool scalar(std::string_view what) {
    if (!allowed(what)) { return false; }
    if (depth_ == 1) { keep_value(reached_); }
    return true;
  }
  // Only by the character after it does the parser see where a number ends; that one is never a digit.
  bool number() {
    if (!allowed("a number")) { return false; }
    if (depth_ == 1) { keep_value(reached_[-1] >= '0' && reached_[-1] <= '9' ? reached_ : reached_ - 1); }
    return true;
  }
  bool allowed(std::string_view what) {
    if (depth_ == 0 && what != "an object") { return refuse(column(), "a line must be a JSON object"); }
    if (in_tags_) {
      return refuse(column(), fmt::format("field \"tags\" must be an array of strings, not of {}", what));
    }
    if (depth_ != 1 || field_->any) { return true; }
    return refuse(column(), fmt::format("field \"{}\" must be {}, not {}", field_->name,
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
  bool text_field(std::string value) {
    if (field_->name == "stream") {
      result_.stream = std::move(value);
    } else if (field_->name == "type") {
      result_.type = std::move(value);
    } else if (field_->name == "time") {
      result_.valid = parse_time(value);
      if (!result_.valid) {
        return refuse(column(),
                      "field \"time\" must be a time as RFC 3339 has it, such as 2011-10-01T00:38:44.546+02:00");
      }
    } else if (field_->name == "id") {
      result_.id = EventId::parse(value);
      if (!result_.id || result_.id->is_nil()) {
        return refuse(column(), "field \"id\" must be a UUID, not the nil one");
      }
    } else {
      return allowed("a string");
    }
    return true;
  }

  std::string_view line_;
  ImportLine result_;
  const char* reached_ = nullptr;
  Field fields_[7] = {{.name = "stream", .required = true},
                      {.name = "type", .required = true},
                      {.name = "data", .required = true, .any = true},
                      {.name = "metadata", .any = true},
                      {.name = "time"},
                      {.name = "id"},
                      {.name = "tags"}};
  Field* field_ = nullptr;
  const char* value_begin_ = nullptr;
  int depth_ = 0;
  bool in_tags_ = false;
};

}  // namespace

std::optional<JsonError> find_json_error(std::string_view text) {
  Checker checker;
  const char* reached = nullptr;
  return run_parser(text, checker, &reached);
}

std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::expected<ImportLine, JsonError> parse_import_line(std::string_view line) {
  ImportLineParser reader(line);
  if (auto error = run_parser(line, reader, reader.reached())) { return std::unexpected(*std::move(error)); }
  if (auto error = reader.find_missing()) { return std::unexpected(*std::move(error)); }
  return std::move(reader.result());
}

}  // namespace tidemark::command
