// SPDX-License-Identifier: Apache-2.0
// streams, categories, types, tags: what there is to read by.
#include <algorithm>
#include <fmt/format.h>

#include "tidemark/tidemark.hpp"
#include "tools/command/json_text.h"
#include "tools/command/opening.h"
#include "tools/command/output.h"
#include "tools/command/subcommands.h"
#include "tools/command/times.h"

namespace tidemark::command {
namespace {

constexpr std::uint64_t kNamesAPage = 10'000;

// How one kind of name is listed.
template <class Info>
struct Listing {
  Result<std::vector<Info>> (Store::*page)(const ListOptions&) const;
  std::string_view name;    // of one of them, in the table's head and in JSON
  std::string_view number;  // what stands beside it and its last position, likewise
  std::uint64_t (*number_of)(const Info&);
};

template <class Info>
std::string json_line(const Listing<Info>& listing, const Info& info) {
  return fmt::format(R"({{"{}":{},"{}":{},"position":{}}})", listing.name, json_string(info.name), listing.number,
                     listing.number_of(info), info.last_position.value());
}

template <class Info>
std::string text_line(const Listing<Info>& listing, const Info& info) {
  return fmt::format("{:>9}  {:>13}  {}", with_separators(listing.number_of(info)),
                     with_separators(info.last_position.value()), printable(info.name, limits::kStreamNameBytesMax));
}

template <class Info>
std::string head_text(const Listing<Info>& listing, const Output& out) {
  const std::string head = fmt::format("{:>9}  {:>13}  {}", listing.number, "last position", listing.name);
  return out.coloured() ? fmt::format("\033[2m{}\033[0m", head) : head;
}

template <class Info>
Outcome<ExitCode> list(const ListCommandOptions& options, const Listing<Info>& listing) {
  const auto recorded_until = recorded_time_option(options.recorded_until, "--recorded-until");
  if (!recorded_until) { return std::unexpected(recorded_until.error()); }
  const Outcome<Store> store = open_to_read(options.store);
  if (!store) { return std::unexpected(store.error()); }
  Output out;
  bool first = true;
  ListOptions part{.prefix = options.prefix, .after = options.after, .recorded_until = *recorded_until};
  for (std::uint64_t left = options.limit; left > 0;) {
    part.limit = std::min(left, kNamesAPage);
    const Result<std::vector<Info>> page = ((*store).*listing.page)(part);
    if (!page) { return failed(page.error()); }
    for (const Info& info : *page) {
      if (first && !options.json) { out.line(head_text(listing, out)); }
      first = false;
      if (!out.line(options.json ? json_line(listing, info) : text_line(listing, info))) {
        return out.finish(ExitCode::kWell);
      }
    }
    if (page->size() < part.limit) { break; }
    left -= page->size();
    part.after = page->back().name;
  }
  return out.finish(ExitCode::kWell);
}

Listing<NameInfo> names(Result<std::vector<NameInfo>> (Store::*page)(const ListOptions&) const, std::string_view name) {
  return {
      .page = page, .name = name, .number = "events", .number_of = [](const NameInfo& info) { return info.events; }};
}

}  // namespace

Outcome<ExitCode> run_streams(const ListCommandOptions& options) {
  return list<StreamInfo>(options, {.page = &Store::streams,
                                    .name = "stream",
                                    .number = "version",
                                    .number_of = [](const StreamInfo& info) { return info.last_version.value(); }});
}

Outcome<ExitCode> run_categories(const ListCommandOptions& options) {
  return list(options, names(&Store::categories, "category"));
}

Outcome<ExitCode> run_types(const ListCommandOptions& options) { return list(options, names(&Store::types, "type")); }

Outcome<ExitCode> run_tags(const ListCommandOptions& options) { return list(options, names(&Store::tags, "tag")); }

}  // namespace tidemark::command
