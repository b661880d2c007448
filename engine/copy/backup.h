// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "engine/copy/log_source.h"
#include "engine/log/environment.h"
#include "tidemark/backup.hpp"

namespace tidemark::engine {

// Makes a backup, or goes on with an earlier one. The result opens as if its writer had closed the store at the
// source's end. A crash, an error or a full disk at any moment leaves the earlier backup, or a longer one of the same
// log, or the new one; of a first backup a folder with ".unfinished" after its name, or all of it. See Store::backup.
[[nodiscard]] Result<BackupReport> back_up(const LogSource& source, const std::filesystem::path& into,
                                           const BackupOptions& options, Environment environment,
                                           const CopyProgress& progress);

}  // namespace tidemark::engine
