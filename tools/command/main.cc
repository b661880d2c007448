// SPDX-License-Identifier: Apache-2.0
// The `tidemark` command: reads the command line and hands over to one function a subcommand. CLI11 stays in this file.
#include <CLI/CLI.hpp>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "tidemark/version.hpp"
#include "tools/command/output.h"
#include "tools/command/subcommands.h"

namespace tidemark::command {
namespace {

using Run = std::function<Outcome<ExitCode>()>;

constexpr char kExitCodes[] =
    "Exit codes: 0 well, 1 damage found, 2 usage or bad input, 3 conflict, 4 locked by another process,\n"
    "5 everything else (no such store, not a store, a newer format, a full disk, I/O),\n"
    "6 no event has the id (get).\n"
    "Data goes to stdout, talk to stderr. NO_COLOR turns colour and progress bars off.";

constexpr std::size_t kWordBytesShown = 60;

// The library's own conversion takes -1, and what is too large, for the largest number there is.
std::string whole_number(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::string() : text + " is not a whole number from 0 to 18446744073709551615";
}

CLI::App& add_subcommand(CLI::App& app, const char* name, const char* does, const std::string& example,
                         StorePlace& store) {
  CLI::App& sub = *app.add_subcommand(name, does);
  sub.add_option("STORE", store.folder, "The store's folder")->required();
  sub.add_flag("--allow-unsafe-file-system", store.allow_unsafe_file_system,
               "Go on although the folder is on a network, user-space or overlay file system")
      ->envname("TIDEMARK_ALLOW_UNSAFE_FILE_SYSTEM");
  sub.footer("Example:\n  " + example);
  return sub;
}

constexpr char kQueryForms[] =
    "A query in JSON is an array of items, of which an event matches at least one:\n"
    "  [{\"types\":[\"Submitted\",\"Approved\"],\"tags\":[\"bank:1\"]},{\"tags\":[\"urgent\"]}]\n"
    "An item asks for one of its types (any, without types) and for all of its tags. With a scope it is an object:\n"
    "  {\"scope\":{\"category\":\"loan\"},\"items\":[…]}, or {\"scope\":{\"stream\":\"loan-17\"}}";

void add_json(CLI::App& sub, bool& json, const char* does) { sub.add_flag("--json", json, does); }

void add_import(CLI::App& app, ImportOptions& options, Run& run) {
  CLI::App& sub = add_subcommand(
      app, "import", "Append the lines of a JSON Lines file, durably; lines that the store has already are skipped",
      "tidemark import bank loan-applications.jsonl.gz\n\n"
      "A line is an object with stream, type and data, and if wanted time (RFC 3339, the valid time), id (a UUID),\n"
      "metadata and tags (an array of strings). A line without id gets one made of its bytes, so that repeating an\n"
      "import completes it and doubles nothing. data_base64 and metadata_base64 stand for bytes that are not JSON.\n"
      "`tidemark export` writes such lines; their recorded times are kept with --keep-recorded.\n"
      "With --recorded-from, lines are recorded at the time that the field says, or at that of a line before them if\n"
      "that is later; only lines of one time share a batch. No time may be more than a minute ahead of the clock.",
      options.store);
  sub.add_option("FILE", options.file, "The file, plain or packed by gzip; - is the standard input")->required();
  sub.add_option("--batch", options.batch, "Lines in one atomic batch")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  sub.add_option("--recorded-from", options.recorded_from,
                 "The field, time or one of its own, that says when the source recorded a line (RFC 3339): for loading "
                 "history, with the recorded times that it had")
      ->type_name("FIELD");
  sub.add_flag("--keep-recorded", options.keep_recorded,
               "Record each line at the time that the export says under recorded: --recorded-from recorded");
  const std::map<std::string, Progress::Mode> modes{
      {"auto", Progress::Mode::kAuto}, {"plain", Progress::Mode::kPlain}, {"never", Progress::Mode::kNever}};
  sub.add_option_function<std::string>(
         "--progress", [&options, modes](const std::string& mode) { options.progress = modes.at(mode); },
         "auto: a bar on a terminal; plain: \"acknowledged N\" on stderr after every batch; never")
      ->check(CLI::IsMember({"auto", "plain", "never"}));
  add_json(sub, options.json, "Print the summary as one JSON object");
  sub.callback([&] {
    options.batch_given = sub.count("--batch") > 0;
    run = [&] { return run_import(options); };
  });
}

void add_append(CLI::App& app, AppendCommandOptions& options, Run& run) {
  CLI::App& sub = add_subcommand(
      app, "append", "Append one event, durably",
      std::string("tidemark append bank loan-17 --type Submitted --data '{\"amount\":20000}' --expect no-stream\n"
                  "  tidemark append bank loan-18 --type Submitted --tag customer:9 \\\n"
                  "    --fail-if-match '[{\"types\":[\"Submitted\"],\"tags\":[\"customer:9\"]}]' --after 41\n\n") +
          kQueryForms +
          ".\nA condition may have the position after which it looks in it too: {\"items\":[…],\"after\":41}.",
      options.store);
  sub.add_option("STREAM", options.stream, "The stream's name")->required();
  sub.add_option("--type", options.type, "The event's type")->required();
  sub.add_option("--data", options.data, "JSON, or @FILE, or - for the standard input");
  sub.add_option("--metadata", options.metadata, "Likewise");
  sub.add_option("--tag", options.tags, "A tag; may be given several times")->allow_extra_args(false);
  sub.add_option("--id", options.id, "The event's UUID; appending it again does nothing");
  sub.add_option("--valid", options.valid, "From when it holds in the world, as RFC 3339 has it");
  sub.add_option("--expect", options.expect, "What the stream must be: any, no-stream, exists, or its last version")
      ->capture_default_str();
  sub.add_option("--fail-if-match", options.fail_if_match,
                 "Append nothing if an event matches this query: JSON, or @FILE, or - for the standard input; may be "
                 "given several times")
      ->type_name("JSON")
      ->allow_extra_args(false);
  sub.add_option(
         "--after", options.after,
         "The last position that was known: --fail-if-match leaves it and what stands before it aside, unless it "
         "has an \"after\" of its own")
      ->type_name("N")
      ->check(whole_number);
  sub.add_flag("--raw", options.raw, "Take data and metadata as bytes, whether or not they are JSON");
  add_json(sub, options.json, "Print the receipt as one JSON object");
  sub.callback([&] { run = [&] { return run_append(options); }; });
}

void add_query(CLI::App& sub, ReadCommandOptions& options) {
  sub.add_option("--stream", options.stream, "Only this stream's events");
  sub.add_option("--category", options.category,
                 "Only events of streams whose name up to its first -, or whole if it has none, is this");
  sub.add_option("--type", options.types, "Only events of this type; given several times, of any of them")
      ->allow_extra_args(false);
  sub.add_option("--tag", options.tags, "Only events with this tag; given several times, with all of them")
      ->allow_extra_args(false);
  sub.add_option("--query", options.query,
                 "Only events that match this query: JSON, or @FILE, or - for the standard input")
      ->type_name("JSON");
}

void add_read(CLI::App& app, ReadCommandOptions& options, Run& run) {
  CLI::App& sub = add_subcommand(
      app, "read", "Print the events of a stream, of a category, of types and tags, or all",
      std::string("tidemark read bank --stream loan-17 --from 3 --limit 10 --json\n"
                  "  tidemark read bank --category loan --type Approved --type Declined --backward\n"
                  "  tidemark read bank --stream loan-17 --recorded-until 2011-12-01T00:00:00Z --order valid\n"
                  "  tidemark read bank --query '[{\"types\":[\"Submitted\"]},{\"tags\":[\"urgent\"]}]'\n\n") +
          kQueryForms + ".",
      options.store);
  add_query(sub, options);
  sub.add_option("--from", options.from, "The first version of a stream, else the first position; inclusive")
      ->type_name("N")
      ->check(whole_number);
  sub.add_option("--limit", options.limit, "At most so many events")->type_name("N")->check(whole_number);
  sub.add_option("--recorded-until", options.recorded_until,
                 "Only events that were recorded at this time (RFC 3339) or before it: the log as it was known then")
      ->type_name("TIME");
  sub.add_option("--valid-until", options.valid_until,
                 "Only events whose valid time is this one (RFC 3339) or an earlier one")
      ->type_name("TIME");
  sub.add_option_function<std::string>(
         "--order", [&options](const std::string& order) { options.by_valid_time = order == "valid"; },
         "position, or valid: by valid time, for which all that matches is looked at first")
      ->type_name("ORDER")
      ->check(CLI::IsMember({"position", "valid"}));
  sub.add_flag("--backward", options.backward, "The latest first");
  add_json(sub, options.json, "Print one JSON object a line");
  sub.callback([&] { run = [&] { return run_read(options); }; });
}

void add_history(CLI::App& app, HistoryOptions& options, Run& run) {
  CLI::App& sub = add_subcommand(
      app, "history", "Print the versions of a stream, and what each changed in its JSON data",
      "tidemark history bank loan-17\n"
      "  tidemark history bank loan-17 --as-of 2011-12-01T00:00:00Z --json\n\n"
      "Where the data of an event and of the one before it are JSON objects, what was changed, added (+) and removed "
      "(-)\n"
      "is shown, at most 20 places of an event; with --json all of it, as a JSON Patch (RFC 6902) under changes.",
      options.store);
  sub.add_option("STREAM", options.stream, "The stream's name")->required();
  sub.add_option("--as-of", options.as_of, "As known at this time (RFC 3339): what was recorded then or before it")
      ->type_name("TIME");
  sub.add_option("--valid-at", options.valid_at,
                 "As valid at this time (RFC 3339): what was valid from then or an earlier time")
      ->type_name("TIME");
  add_json(sub, options.json, "Print one JSON object a version");
  sub.callback([&] { run = [&] { return run_history(options); }; });
}

void add_get(CLI::App& app, GetCommandOptions& options, Run& run) {
  CLI::App& sub = add_subcommand(app, "get", "Print the event with an id",
                                 "tidemark get bank 0190a0e4-1b2c-7d3e-8f40-5162738495a6 --json\n\n"
                                 "Ends with 6 if there is none.",
                                 options.store);
  sub.add_option("ID", options.id, "The event's UUID")->required();
  add_json(sub, options.json, "Print one JSON object");
  sub.callback([&] { run = [&] { return run_get(options); }; });
}

void add_list(CLI::App& app, const char* name, const char* does, const char* example, ListCommandOptions& options,
              Outcome<ExitCode> (*function)(const ListCommandOptions&), Run& run) {
  CLI::App& sub = add_subcommand(app, name, does, example, options.store);
  sub.add_option("--prefix", options.prefix, "Only names that begin with this");
  sub.add_option("--after", options.after, "Only names after this one, in the order of their bytes")->type_name("NAME");
  sub.add_option("--limit", options.limit, "At most so many names")->type_name("N")->check(whole_number);
  sub.add_option("--recorded-until", options.recorded_until,
                 "What was there at this recorded time (RFC 3339), with the numbers that it had then")
      ->type_name("TIME");
  add_json(sub, options.json, "Print one JSON object a line");
  sub.callback([&options, &run, function] { run = [&options, function] { return function(options); }; });
}

void add_plain(CLI::App& app, const char* name, const char* does, const char* example, const char* json_does,
               PlainOptions& options, Outcome<ExitCode> (*function)(const PlainOptions&), Run& run) {
  CLI::App& sub = add_subcommand(app, name, does, example, options.store);
  add_json(sub, options.json, json_does);
  sub.callback([&options, &run, function] { run = [&options, function] { return function(options); }; });
}

void add_index(CLI::App& app, PlainOptions& options, Run& run) {
  CLI::App& sub = *app.add_subcommand("index", "Check the index files of a store, or build them again");
  sub.require_subcommand(1);
  sub.footer(
      "A store builds what is damaged of its index again by itself, where it is met: these are for those who want to\n"
      "know, or have the time for it now.");
  add_plain(sub, "check", "Compare every index file with what the log says; changes nothing",
            "tidemark index check bank", "Print one JSON object", options, &run_index_check, run);
  add_plain(sub, "rebuild",
            "Build all index files again from the log, which must be whole; needs to be the only writer",
            "tidemark index rebuild bank", "Print one JSON object", options, &run_index_rebuild, run);
}

void add_named(CLI::App& app, const char* name, const char* does, const char* example, const char* of_what,
               NamedOptions& options, Outcome<ExitCode> (*function)(const NamedOptions&), Run& run) {
  CLI::App& sub = add_subcommand(app, name, does, example, options.store);
  sub.add_option("NAME", options.name, of_what)->required();
  add_json(sub, options.json, "Print one JSON object");
  sub.callback([&options, &run, function] { run = [&options, function] { return function(options); }; });
}

void add_groups(CLI::App& app, PlainOptions& plain, NamedOptions& named, ParkedOptions& parked, Run& run) {
  constexpr char kName[] = "The group's name";
  CLI::App& sub = *app.add_subcommand("groups", "Show the consumer groups of a store, replay what they parked, remove");
  sub.require_subcommand(1);
  sub.footer(
      "Examples:\n"
      "  tidemark groups list bank\n"
      "  tidemark groups parked bank mail --json\n"
      "  tidemark groups replay bank mail\n\n"
      "All of them work beside a writer, and all but remove beside the group's members.");
  add_plain(sub, "list", "Print the groups, each with its members, checkpoint and number of parked events",
            "tidemark groups list bank", "Print one JSON object a line", plain, &run_groups_list, run);
  add_named(sub, "show", "Print how far a group is; reads what is behind its checkpoint, to count it",
            "tidemark groups show bank mail", kName, named, &run_groups_show, run);
  CLI::App& list = add_subcommand(sub, "parked", "Print the events that a group has parked, with the reasons",
                                  "tidemark groups parked bank mail --limit 20", parked.which.store);
  list.add_option("NAME", parked.which.name, kName)->required();
  list.add_option("--limit", parked.limit, "At most so many events")->type_name("N")->check(whole_number);
  add_json(list, parked.which.json, "Print one JSON object a line");
  list.callback([&] { run = [&] { return run_groups_parked(parked); }; });
  add_named(sub, "replay", "Have the members be given once more all that is parked",
            "tidemark groups replay bank mail\n\n"
            "Members that are there see it within half a second, others when they join. What is acknowledged then is\n"
            "parked no more.",
            kName, named, &run_groups_replay, run);
  add_named(sub, "remove", "Forget a group that has no member, with all that it parked",
            "tidemark groups remove bank mail\n\n"
            "Ends with 4 if it has members.",
            kName, named, &run_groups_remove, run);
}

void add_checkpoints(CLI::App& app, PlainOptions& plain, NamedOptions& named, Run& run) {
  CLI::App& sub = *app.add_subcommand("checkpoints", "Show the checkpoints that subscriptions stored, remove one");
  sub.require_subcommand(1);
  sub.footer(
      "Examples:\n"
      "  tidemark checkpoints list bank\n"
      "  tidemark checkpoints remove bank mailer\n\n"
      "What a consumer keeps in a place of its own, as a projection does in its model's database, is not among them.");
  add_plain(sub, "list", "Print the stored checkpoints, each with how many events lie behind it",
            "tidemark checkpoints list bank", "Print one JSON object a line", plain, &run_checkpoints_list, run);
  add_named(sub, "remove", "Forget a checkpoint that no subscription has",
            "tidemark checkpoints remove bank mailer\n\n"
            "Whoever subscribes by this name begins anew. Ends with 4 if a subscription has it.",
            "The checkpoint's name", named, &run_checkpoints_remove, run);
}

void add_recover(CLI::App& app, RecoverOptions& options, Run& run) {
  CLI::App& sub = add_subcommand(app, "recover", "Recover a store whose writer did not close it, and print the report",
                                 "tidemark recover bank", options.store);
  sub.add_flag("--accept-suspect-tail", options.accept_suspect_tail,
               "Cut off an end that is neither whole nor plainly torn; its bytes are kept aside");
  sub.add_flag("--accept-clock", options.accept_clock, "Go on although the clock stands a day or more before the log");
  add_json(sub, options.json, "Print the report as one JSON object");
  sub.callback([&] { run = [&] { return run_recover(options); }; });
}

void add_repair(CLI::App& app, RepairCommandOptions& options, Run& run) {
  CLI::App& sub =
      add_subcommand(app, "repair",
                     "Copy all that is whole of a damaged store into a new one and list what is not; the "
                     "damaged one is only read",
                     "tidemark repair bank --into bank-repaired\n\n"
                     "Where events are lost the new store has placeholders of type $lost, so that every\n"
                     "position and version stays. Ends with 0 if nothing was lost, with 1 if something was.",
                     options.store);
  sub.add_option("--into", options.into, "The new store's folder: empty, or not there yet")->required();
  add_json(sub, options.json, "Print the report as one JSON object");
  sub.callback([&] { run = [&] { return run_repair(options); }; });
}

void add_tail(CLI::App& app, TailCommandOptions& options, Run& run) {
  CLI::App& sub =
      add_subcommand(app, "tail", "Print the last events that match, then those to come, until it is interrupted",
                     std::string("tidemark tail bank --category loan --json\n"
                                 "  tidemark tail bank --type Approved --lines 0\n\n") +
                         kQueryForms + ".",
                     options.which.store);
  add_query(sub, options.which);
  auto* from = sub.add_option("--from", options.which.from,
                              "Begin with this version of a stream, else with this position; inclusive")
                   ->type_name("N")
                   ->check(whole_number);
  sub.add_option("--lines", options.lines, "Begin with so many of the last events that match")
      ->type_name("N")
      ->check(whole_number)
      ->capture_default_str()
      ->excludes(from);
  add_json(sub, options.which.json, "Print one JSON object a line");
  sub.callback([&] { run = [&] { return run_tail(options); }; });
}

void add_backup(CLI::App& app, BackupCommandOptions& options, Run& run) {
  CLI::App& sub = add_subcommand(
      app, "backup", "Copy all that is durable into another folder, while a writer goes on",
      "tidemark backup bank --into /mnt/backup/bank\n"
      "  tidemark backup bank --into /mnt/backup/bank --incremental\n\n"
      "A backup is a store: read it, or open it to go on from there. `tidemark fork` takes any earlier position of it.",
      options.store);
  sub.add_option("--into", options.into, "The backup's folder: empty, or not there yet")->required();
  sub.add_flag("--incremental", options.incremental,
               "Go on with an earlier backup in that folder, if there is one: copy only what came since");
  auto* link = sub.add_flag("--link", options.link,
                            "Link sealed segments where the file system can: takes no time and no room, but what "
                            "damages the store's bytes damages the backup's");
  sub.add_flag("--copy", options.copy, "Copy every segment; the default")->excludes(link);
  sub.add_flag("--no-verify", options.no_verify, "Do not read the backup back and check it");
  add_json(sub, options.json, "Print the report as one JSON object");
  sub.callback([&] { run = [&] { return run_backup(options); }; });
}

void add_fork(CLI::App& app, ForkCommandOptions& options, Run& run) {
  CLI::App& sub = add_subcommand(
      app, "fork", "Make a new store with all events up to a position, which goes its own way from there",
      "tidemark fork bank --at 41 --into bank-what-if\n\n"
      "The position must be the last of its batch. The store is only read; a writer may go on.",
      options.store);
  sub.add_option("--at", options.at, "The last position that the fork has; the last there is if not given")
      ->type_name("POSITION")
      ->check(whole_number);
  sub.add_option("--into", options.into, "The new store's folder: empty, or not there yet")->required();
  sub.add_flag("--copy", options.copy, "Copy every segment, and link none");
  sub.add_flag("--no-verify", options.no_verify, "Do not read the fork back and check it");
  add_json(sub, options.json, "Print the report as one JSON object");
  sub.callback([&] { run = [&] { return run_fork(options); }; });
}

void add_extract(CLI::App& app, ExtractCommandOptions& options, Run& run) {
  CLI::App& sub = add_subcommand(
      app, "extract", "Copy the streams of which an event matches into a new store, whole",
      std::string("tidemark extract bank --stream loan-17 --into loan-17-only\n"
                  "  tidemark extract bank --tag customer:9 --into customer-9\n\n"
                  "Versions, ids and times stay; `tidemark read` of the new store shows the original positions.\n\n") +
          kQueryForms + ".",
      options.which.store);
  add_query(sub, options.which);
  sub.add_option("--into", options.into, "The new store's folder: empty, or not there yet")->required();
  add_json(sub, options.which.json, "Print the report as one JSON object");
  sub.callback([&] { run = [&] { return run_extract(options); }; });
}

void add_export(CLI::App& app, ExportOptions& options, Run& run) {
  CLI::App& sub = add_subcommand(
      app, "export", "Write events as JSON Lines, as import takes them",
      std::string(
          "tidemark export bank bank.jsonl.gz\n"
          "  tidemark export bank --category loan | tidemark import loans -\n"
          "  tidemark import copy bank.jsonl.gz --keep-recorded\n\n"
          "A line has stream, type, time (the valid time), recorded, id, tags, data and metadata. Data that is not "
          "JSON\n"
          "in one line stands in base64 under data_base64, so that every byte comes back. Into an empty store an\n"
          "import gives the events the same positions and versions; the places of consumers are not exported.\n\n") +
          kQueryForms + ".",
      options.which.store);
  sub.add_option(
         "FILE", options.file,
         "Where to, packed by gzip if the name ends in .gz; it appears once it is whole. - is the standard output")
      ->capture_default_str();
  add_query(sub, options.which);
  sub.add_option("--from", options.which.from, "The first version of a stream, else the first position; inclusive")
      ->type_name("N")
      ->check(whole_number);
  sub.add_flag("--overwrite", options.overwrite, "Replace FILE if it is there");
  add_json(sub, options.which.json, "Print how many events are in FILE as one JSON object");
  sub.callback([&] { run = [&] { return run_export(options); }; });
}

void add_dump(CLI::App& app, DumpOptions& options, Run& run) {
  CLI::App& sub = *app.add_subcommand("dump", "Print what stands in a segment file, byte for byte, whatever its state");
  sub.add_option("SEGMENT", options.file, "A segment file of a store")->required();
  sub.add_flag("--bytes", options.bytes,
               "Print the bytes of each piece but zeros too, in hexadecimal (in base64 with --json)");
  add_json(sub, options.json, "Print one JSON object a piece");
  sub.footer(
      "Example:\n"
      "  tidemark dump bank/segment-0000000001.log --bytes\n\n"
      "Header, frames with their events, zeros, footer and what belongs to nothing, in the order of the file, each "
      "with\n"
      "what is wrong with it. The names of the fields are those of docs/format. The rest of the store is not looked "
      "at.");
  sub.callback([&] { run = [&] { return run_dump(options); }; });
}

// What is wrong with the subcommand of a command line that was refused; empty if something else is. The parser itself
// says that one is required, whatever stands in its place.
std::string subcommand_error(const CLI::App& app, const std::string& call) {
  const std::vector<const CLI::App*> known = app.get_subcommands(std::function<bool(const CLI::App*)>());
  if (known.empty()) { return {}; }
  const std::vector<std::string> unknown = app.remaining();
  if (unknown.empty() && !app.get_subcommands().empty()) {
    const CLI::App& found = *app.get_subcommands().front();
    return subcommand_error(found, call + ' ' + found.get_name());
  }
  std::string error = "a subcommand is missing";
  if (!unknown.empty()) {
    const std::string word = printable(unknown.front(), kWordBytesShown);
    if (word.starts_with('-')) { return "there is no option " + word + "; those of a subcommand stand behind it"; }
    error = "there is no subcommand " + word;
  }
  std::string names;
  for (const CLI::App* one : known) { names += (names.empty() ? "" : ", ") + one->get_name(); }
  return error + ": there are " + names + "; `" + call + " --help` tells what each does";
}

ExitCode run_command(int argc, char** argv) {
  ImportOptions import;
  AppendCommandOptions append;
  ReadCommandOptions read;
  HistoryOptions history;
  GetCommandOptions get;
  ListCommandOptions list;
  PlainOptions plain;
  NamedOptions named;
  ParkedOptions parked;
  RecoverOptions recover;
  RepairCommandOptions repair;
  TailCommandOptions tail;
  BackupCommandOptions backup;
  ForkCommandOptions fork;
  ExtractCommandOptions extract;
  ExportOptions exported;
  DumpOptions dump;
  Run run;

  CLI::App app("An embeddable event store: one ordered, durable log of events, in streams", "tidemark");
  app.set_version_flag("--version", std::string("tidemark ") + kLibraryVersion);
  app.require_subcommand(1);
  app.footer(kExitCodes);
  add_import(app, import, run);
  add_export(app, exported, run);
  add_append(app, append, run);
  add_read(app, read, run);
  add_tail(app, tail, run);
  add_history(app, history, run);
  add_get(app, get, run);
  add_list(app, "streams", "Print the streams, each with its last version and position",
           "tidemark streams bank --prefix loan- --limit 100", list, &run_streams, run);
  add_list(app, "categories", "Print the categories, each with its number of events and last position",
           "tidemark categories bank", list, &run_categories, run);
  add_list(app, "types", "Print the types of events, each with its number of events and last position",
           "tidemark types bank --json", list, &run_types, run);
  add_list(app, "tags", "Print the tags, each with its number of events and last position",
           "tidemark tags bank --prefix customer: --after customer:9 --limit 100", list, &run_tags, run);
  add_groups(app, plain, named, parked, run);
  add_checkpoints(app, plain, named, run);
  add_plain(app, "stat", "Print what the store holds", "tidemark stat bank --json", "Print one JSON object", plain,
            &run_stat, run);
  add_plain(app, "verify", "Read every byte of the store and name what is damaged; changes nothing",
            "tidemark verify bank", "Print one JSON object", plain, &run_verify, run);
  add_index(app, plain, run);
  add_dump(app, dump, run);
  add_recover(app, recover, run);
  add_repair(app, repair, run);
  add_backup(app, backup, run);
  add_fork(app, fork, run);
  add_extract(app, extract, run);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      if (const std::string wrong = subcommand_error(app, "tidemark"); !wrong.empty()) {
        complain(wrong);
        return ExitCode::kBadInput;
      }
    }
    return app.exit(error) == 0 ? ExitCode::kWell : ExitCode::kBadInput;
  }
  const Outcome<ExitCode> ended = run();
  if (ended) { return *ended; }
  complain(ended.error().message);
  return ended.error().code;
}

}  // namespace
}  // namespace tidemark::command

int main(int argc, char** argv) {
  // A closed pipe and a file-size limit are then errors of the call that met them.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return static_cast<int>(tidemark::command::run_command(argc, argv));
  } catch (const std::bad_alloc&) {
    tidemark::command::complain("out of memory");
  } catch (const std::exception& error) { tidemark::command::complain(error.what()); }
  return static_cast<int>(tidemark::command::ExitCode::kFailed);
}
