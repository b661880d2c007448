// SPDX-License-Identifier: Apache-2.0
#include "tools/command/text_argument.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <system_error>
#include <utility>

#include "tidemark/limits.hpp"

namespace tidemark::command {
namespace {

// What is over the limit is read no further: whoever takes the text then refuses it.
Outcome<std::string> read_all(std::FILE* file, const std::string& name) {
  std::string all;
  std::array<char, 65536> chunk;
  while (all.size() <= limits::kEventBytesMax) {
    const std::size_t got = std::fread(chunk.data(), 1, chunk.size(), file);
    all.append(chunk.data(), got);
    if (got < chunk.size()) { break; }
  }
  if (std::ferror(file) != 0) {
    return std::unexpected(
        Failure(ExitCode::kFailed, fmt::format("{}: {}", name, std::generic_category().message(errno))));
  }
  return all;
}

}  // namespace

Outcome<TextArgument> read_argument(const std::string& given, std::string option) {
  TextArgument argument{.text = given, .source = std::move(option)};
  Outcome<std::string> text = given;
  if (given == "-") {
    argument.source = "standard input";
    text = read_all(stdin, argument.source);
  } else if (given.starts_with('@')) {
    argument.source = given.substr(1);
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(argument.source.c_str(), "rbe"),
                                                               &std::fclose);
    if (file == nullptr) {
      return bad_input(fmt::format("{}: {}", argument.source, std::generic_category().message(errno)));
    }
    text = read_all(file.get(), argument.source);
  }
  if (!text) { return std::unexpected(std::move(text.error())); }
  argument.text = *std::move(text);
  return argument;
}

}  // namespace tidemark::command
