// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "tools/command/exit_codes.h"
#include "tools/command/progress.h"

// One function a subcommand: what it was asked for in, how the command ends out. Data goes to stdout, talk to stderr.
namespace tidemark::command {

// Which store.
struct StorePlace {
  std::string folder;
  bool allow_unsafe_file_system = false;
};

struct ImportOptions {
  StorePlace store;
  std::string file;
  std::uint64_t batch = 1000;
  bool batch_given = false;
  std::optional<std::string> recorded_from;  // the field that says when a line was recorded
  bool keep_recorded = false;                // the same with the field that an export has for it
  Progress::Mode progress = Progress::Mode::kAuto;
  bool json = false;
};
[[nodiscard]] Outcome<ExitCode> run_import(const ImportOptions& options);

struct AppendCommandOptions {
  StorePlace store;
  std::string stream;
  std::string type;
  std::optional<std::string> data;      // JSON, @FILE or -
  std::optional<std::string> metadata;  // likewise
  std::vector<std::string> tags;
  std::optional<std::string> id;
  std::optional<std::string> valid;
  std::string expect = "any";
  std::vector<std::string> fail_if_match;  // a query each: JSON, @FILE or -
  std::optional<std::uint64_t> after;      // for those that name no position
  bool raw = false;
  bool json = false;
};
[[nodiscard]] Outcome<ExitCode> run_append(const AppendCommandOptions& options);

struct ReadCommandOptions {
  StorePlace store;
  std::optional<std::string> stream;
  std::optional<std::string> category;
  std::vector<std::string> types;
  std::vector<std::string> tags;
  std::optional<std::string> query;  // JSON, @FILE or -
  std::optional<std::uint64_t> from;
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  std::optional<std::string> recorded_until;
  std::optional<std::string> valid_until;
  bool by_valid_time = false;
  bool backward = false;
  bool json = false;
};
[[nodiscard]] Outcome<ExitCode> run_read(const ReadCommandOptions& options);

struct HistoryOptions {
  StorePlace store;
  std::string stream;
  std::optional<std::string> as_of;
  std::optional<std::string> valid_at;
  bool json = false;
};
[[nodiscard]] Outcome<ExitCode> run_history(const HistoryOptions& options);

struct GetCommandOptions {
  StorePlace store;
  std::string id;
  bool json = false;
};
[[nodiscard]] Outcome<ExitCode> run_get(const GetCommandOptions& options);

// Which part of a list of names.
struct ListCommandOptions {
  StorePlace store;
  std::string prefix;
  std::string after;
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  std::optional<std::string> recorded_until;
  bool json = false;
};
[[nodiscard]] Outcome<ExitCode> run_streams(const ListCommandOptions& options);
[[nodiscard]] Outcome<ExitCode> run_categories(const ListCommandOptions& options);
[[nodiscard]] Outcome<ExitCode> run_types(const ListCommandOptions& options);
[[nodiscard]] Outcome<ExitCode> run_tags(const ListCommandOptions& options);

// Of the subcommands that only need to know the store.
struct PlainOptions {
  StorePlace store;
  bool json = false;
};
[[nodiscard]] Outcome<ExitCode> run_stat(const PlainOptions& options);
[[nodiscard]] Outcome<ExitCode> run_verify(const PlainOptions& options);
[[nodiscard]] Outcome<ExitCode> run_index_check(const PlainOptions& options);
[[nodiscard]] Outcome<ExitCode> run_index_rebuild(const PlainOptions& options);

// Of those that are about one thing of the store, by its name.
struct NamedOptions {
  StorePlace store;
  std::string name;
  bool json = false;
};
struct ParkedOptions {
  NamedOptions which;
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
};
[[nodiscard]] Outcome<ExitCode> run_groups_list(const PlainOptions& options);
[[nodiscard]] Outcome<ExitCode> run_groups_show(const NamedOptions& options);
[[nodiscard]] Outcome<ExitCode> run_groups_parked(const ParkedOptions& options);
[[nodiscard]] Outcome<ExitCode> run_groups_replay(const NamedOptions& options);
[[nodiscard]] Outcome<ExitCode> run_groups_remove(const NamedOptions& options);
[[nodiscard]] Outcome<ExitCode> run_checkpoints_list(const PlainOptions& options);
[[nodiscard]] Outcome<ExitCode> run_checkpoints_remove(const NamedOptions& options);

struct RepairCommandOptions {
  StorePlace store;
  std::string into;
  bool json = false;
};
[[nodiscard]] Outcome<ExitCode> run_repair(const RepairCommandOptions& options);

struct BackupCommandOptions {
  StorePlace store;
  std::string into;
  bool incremental = false;
  bool link = false;
  bool copy = false;  // which is the default
  bool no_verify = false;
  bool json = false;
};
[[nodiscard]] Outcome<ExitCode> run_backup(const BackupCommandOptions& options);

struct ForkCommandOptions {
  StorePlace store;
  std::string into;
  std::optional<std::uint64_t> at;
  bool copy = false;
  bool no_verify = false;
  bool json = false;
};
[[nodiscard]] Outcome<ExitCode> run_fork(const ForkCommandOptions& options);

struct ExportOptions {
  ReadCommandOptions which;  // its query and where to begin
  std::string file = "-";
  bool overwrite = false;
};
[[nodiscard]] Outcome<ExitCode> run_export(const ExportOptions& options);

struct DumpOptions {
  std::string file;
  bool bytes = false;
  bool json = false;
};
[[nodiscard]] Outcome<ExitCode> run_dump(const DumpOptions& options);

struct ExtractCommandOptions {
  ReadCommandOptions which;  // its query
  std::string into;
};
[[nodiscard]] Outcome<ExitCode> run_extract(const ExtractCommandOptions& options);

struct TailCommandOptions {
  ReadCommandOptions which;  // its query and from
  std::uint64_t lines = 10;
};
[[nodiscard]] Outcome<ExitCode> run_tail(const TailCommandOptions& options);

struct RecoverOptions {
  StorePlace store;
  bool accept_suspect_tail = false;
  bool accept_clock = false;
  bool json = false;
};
[[nodiscard]] Outcome<ExitCode> run_recover(const RecoverOptions& options);

}  // namespace tidemark::command
