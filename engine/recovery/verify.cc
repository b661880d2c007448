// SPDX-License-Identifier: Apache-2.0
#include "engine/recovery/verify.h"

#include <new>
#include <utility>

#include "engine/recovery/folder.h"
#include "engine/recovery/identity.h"
#include "engine/recovery/scan.h"
#include "engine/recovery/walk.h"

namespace tidemark::engine {

namespace {

Result<Walked> walk_once(platform::FileSystem& files, const std::filesystem::path& folder, const WalkOptions& options) {
  auto identity = identify_store(files, folder);
  if (!identity) { return std::unexpected(std::move(identity.error())); }
  auto facts = scan_log(files, folder, identity->superblock, [](const ScannedFrame&) { return true; },
                        {.unreadable = Unreadable::kZeros});
  if (!facts) { return std::unexpected(std::move(facts.error())); }
  Walked walked;
  walked.superblock = identity->superblock;
  walked.report.durable = facts->durable.position;
  walked.report.damages = std::move(identity->damages);
  auto end = walk_log(files, folder, identity->superblock, *facts, options, walked.report);
  if (!end) { return std::unexpected(std::move(end.error())); }
  walked.end = *end;
  // As an unfinished store is: segment 1 and nothing in it.
  if (!identity->has_superblock_files && walked.report.frames == 0 && walked.end.position == Position(0)) {
    return std::unexpected(no_store_error(folder));
  }
  return walked;
}

}  // namespace

Result<Walked> walk_store(platform::FileSystem& files, const std::filesystem::path& folder, const WalkOptions& options,
                          const std::function<void()>& again) {
  auto holds = look_at_folder(files, folder);
  if (!holds) { return std::unexpected(std::move(holds.error())); }
  if (*holds == FolderHolds::kNothing) { return std::unexpected(no_store_error(folder)); }
  // Beside a living writer a write under way may look like damage: then it looks different a moment later.
  constexpr int kLooks = 20;
  for (int look = 1;; ++look) {
    auto walked = walk_once(files, folder, options);
    if (!walked || walked->report.whole() || look == kLooks) { return walked; }
    auto alive = files.is_locked(folder / kLockName);
    if (!alive || !*alive) { return walked; }
    if (again) { again(); }
  }
}

Result<VerifyReport> verify_store(const std::filesystem::path& folder, Environment environment,
                                  const std::function<void(std::uint64_t done, std::uint64_t all)>& progress) {
  try {
    auto walked = walk_store(environment.files, folder, {.progress = progress, .visit = {}}, {});
    if (!walked) { return std::unexpected(std::move(walked.error())); }
    return std::move(walked->report);
  } catch (const std::bad_alloc&) {
    return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory"));  // short: it needs none itself
  }
}

}  // namespace tidemark::engine
