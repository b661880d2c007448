// SPDX-License-Identifier: Apache-2.0
// Goal: on real file systems nothing acknowledged is lost, and no crash is taken for damage. Method: crash images from
// the record of a disk (crash_points.h), and file systems that are shut down under load.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <map>
#include <string>
#include <vector>

#include "tests/file_systems/crash_points.h"

namespace {

using tidemark::file_systems::Kind;
using tidemark::file_systems::Outcome;
using tidemark::file_systems::Plan;

// From so many points on, something must have been in doubt, and half kept: else the points show nothing.
constexpr std::uint64_t kPointsThatShow = 40;

// Gives the exit code.
int tell(const std::string& name, const Outcome& outcome, std::uint64_t wanted, bool images) {
  fmt::print("== {}\n{}", name, outcome.to_text());
  std::fflush(stdout);
  if (!outcome.why_not.empty()) {
    fmt::print(stderr, "{} could not be done: {}\n", name, outcome.why_not);
    return 1;
  }
  if (!outcome.wrong.empty()) {
    fmt::print(stderr, "FAILED: {}: {}\n", name, outcome.wrong);
    return 1;
  }
  const bool few = outcome.points < wanted || outcome.acknowledged == 0 ||
                   (images && wanted >= kPointsThatShow && (outcome.in_doubt == 0 || outcome.half_kept == 0));
  if (few) { fmt::print(stderr, "{}: too few points, or they met too little\n", name); }
  return few ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<Kind> kinds = {Kind::kExt4, Kind::kXfs, Kind::kBtrfs};
  std::uint64_t points = 200;
  std::uint64_t shutdowns = 20;
  std::uint64_t seed = 1;
  std::string keep;
  std::string again;
  CLI::App app{
      "Crashes of real file systems on loop devices, with a store on them (needs root, FUSE, mkfs.ext4, mkfs.xfs, "
      "mkfs.btrfs).\nExit codes: 0 nothing found, 1 something found or not done, 2 bad usage"};
  const std::map<std::string, Kind> names = {{"ext4", Kind::kExt4}, {"xfs", Kind::kXfs}, {"btrfs", Kind::kBtrfs}};
  app.add_option("--file-system", kinds, "Which: ext4, xfs, btrfs (all of them if not said)")
      ->transform(CLI::CheckedTransformer(names).description(""))
      ->default_str("ext4 xfs btrfs");
  app.add_option("--points", points, "Crash images of each file system")->capture_default_str();
  app.add_option("--shutdowns", shutdowns, "Shutdowns under load of ext4 and xfs each")->capture_default_str();
  app.add_option("--seed", seed, "Of the first store; the next has the next number")->capture_default_str();
  app.add_option("--keep", keep, "A folder for the disk of a crash image that fails");
  app.add_option("--again", again, "Look again at a disk that was kept there");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) { return app.exit(error) == 0 ? 0 : 2; }

  if (const std::string why = tidemark::file_systems::enter_own_mounts(); !why.empty()) {
    fmt::print(stderr, "could not be done: {}\n", why);
    return 1;
  }
  if (!again.empty()) { return tell("a disk that was kept", tidemark::file_systems::look_again(again), 1, false); }
  int code = 0;
  Outcome all;
  for (const Kind kind : kinds) {
    const std::string name(to_string(kind));
    if (points > 0) {
      const Outcome images = run_crash_points(Plan{.kind = kind, .points = points, .seed = seed, .keep = keep});
      code |= tell(name + ", crash images", images, points, true);
      all.add(images);
    }
    if (shutdowns > 0 && kind != Kind::kBtrfs) {
      const Outcome shut = run_shutdowns(Plan{.kind = kind, .points = shutdowns, .seed = seed, .keep = {}});
      code |= tell(name + ", shut down under load", shut, shutdowns, false);
      all.add(shut);
    }
  }
  fmt::print("== all\n{}{}\n", all.to_text(), code == 0 ? "nothing acknowledged lost, no crash taken for damage" : "");
  return code;
}
