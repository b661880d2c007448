// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/command/json_text.h"

// A walk over a JSON text that builds nothing: no depth and no size costs more than the walker keeps of it.
namespace tidemark::command {

// The parser turns each number into a value and refuses one that does not fit. The widest type refuses the fewest.
using Json = nlohmann::basic_json<std::map, std::vector, std::string, bool, std::int64_t, std::uint64_t, long double>;

// What the parser calls, with each thing as it comes. Every call goes on until one gives false; an error is kept.
// A walker is good for one text.
class JsonWalker {
 public:
  virtual ~JsonWalker() = default;

  // Nothing if the text is one JSON value in UTF-8 and no call objected.
  [[nodiscard]] std::optional<JsonError> walk(std::string_view text);

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
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error);

 protected:
  // Keeps the error, at the place reached, and gives false.
  bool refuse(std::string reason);
  // A name out of the text, in quotes and short enough for a message.
  [[nodiscard]] static std::string quoted(std::string_view name);
  // How far into the text the parser has looked.
  [[nodiscard]] const char* reached() const { return reached_; }

 private:
  std::string_view text_;
  const char* reached_ = nullptr;
  std::optional<JsonError> error_;
};

}  // namespace tidemark::command
