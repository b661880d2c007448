// SPDX-License-Identifier: Apache-2.0
#include "tools/command/json_walk.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "tools/command/output.h"

namespace tidemark::command {
namespace {

constexpr std::size_t kReasonBytesMax = 240;
constexpr std::size_t kNameBytesMax = 80;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

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

}  // namespace

// The parser takes a NUL for the end of its input and skips a byte-order mark: neither is JSON inside a text.
std::optional<JsonError> JsonWalker::walk(std::string_view text) {
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return JsonError{.column = nul + 1, .reason = "a NUL byte"};
  }
  if (text.starts_with(kByteOrderMark)) { return JsonError{.column = 1, .reason = "a byte-order mark"}; }
  text_ = text;
  reached_ = text.data();
  const CountingIterator begin(text.data(), &reached_);
  const CountingIterator end(text.data() + text.size(), &reached_);
  Json::sax_parse(begin, end, this);
  return std::move(error_);
}

bool JsonWalker::parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) {
  error_ = JsonError{.column = position, .reason = tidy_reason(error.what())};
  return false;
}

std::string JsonWalker::quoted(std::string_view name) { return printable(json_string(name), kNameBytesMax); }

bool JsonWalker::refuse(std::string reason) {
  error_ = JsonError{.column = static_cast<std::size_t>(reached_ - text_.data()), .reason = std::move(reason)};
  return false;
}

}  // namespace tidemark::command
