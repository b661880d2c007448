// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "tidemark/tidemark.hpp"
#include "tools/command/json_text.h"
#include "tools/command/opening.h"
#include "tools/command/output.h"
#include "tools/command/subcommands.h"

namespace tidemark::command {
namespace {

constexpr std::uint64_t kStreamsAPage = 10'000;

std::string stream_json(const StreamInfo& stream) {
  return fmt::format(R"({{"stream":{},"version":{},"position":{}}})", json_string(stream.name),
                     stream.last_version.value(), stream.last_position.value());
}

std::string stream_text(const StreamInfo& stream) {
  return fmt::format("{:>9}  {:>13}  {}", with_separators(stream.last_version.value()),
                     with_separators(stream.last_position.value()),
                     printable(stream.name, limits::kStreamNameBytesMax));
}

std::string head_text(const Output& out) {
  const std::string head = fmt::format("{:>9}  {:>13}  {}", "version", "last position", "stream");
  return out.coloured() ? fmt::format("\033[2m{}\033[0m", head) : head;
}

}  // namespace

Outcome<ExitCode> run_streams(const PlainOptions& options) {
  const Outcome<Store> store = open_to_read(options.store);
  if (!store) { return std::unexpected(store.error()); }
  Output out;
  bool first = true;
  ListOptions list{.limit = kStreamsAPage};
  while (true) {
    const Result<std::vector<StreamInfo>> page = store->streams(list);
    if (!page) { return failed(page.error()); }
    for (const StreamInfo& stream : *page) {
      if (first && !options.json) { out.line(head_text(out)); }
      first = false;
      if (!out.line(options.json ? stream_json(stream) : stream_text(stream))) { return out.finish(ExitCode::kWell); }
    }
    if (page->size() < kStreamsAPage) { return out.finish(ExitCode::kWell); }
    list.after = page->back().name;
  }
}

}  // namespace tidemark::command
