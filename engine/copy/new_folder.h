// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "platform/file_system.h"
#include "tidemark/error.hpp"

namespace tidemark::engine {

// The folder that a new store is made in from an old one. It is made beside the place where it is to be, under a name
// with ".unfinished" after it, and gets its own name once it is whole: what was cut short leaves that folder alone, and
// the next attempt clears it.
class NewFolder {
 public:
  // what: the kind of work, for messages, such as "a repair". kInvalidArgument if there is something at `into` already,
  // or if it lies within the folder `from`.
  [[nodiscard]] static Result<NewFolder> prepare(platform::FileSystem& files, const std::filesystem::path& from,
                                                 const std::filesystem::path& into, std::string_view what);

  // Where to make it.
  [[nodiscard]] const std::filesystem::path& unfinished() const { return unfinished_; }
  [[nodiscard]] const std::filesystem::path& target() const { return target_; }
  // Makes the folder, and takes away what an earlier attempt left there. kInvalidArgument: there is something that none
  // left there.
  [[nodiscard]] Status make() const;
  // Takes away all that is in it, but for what marks it.
  [[nodiscard]] Status clear() const;
  // Makes the folder, locks it as a writer would, and clears it: for work that opens no store in it. kLocked if the
  // same is being done elsewhere.
  [[nodiscard]] Status make_and_lock();
  // Gives it its name, durably. All that is in it must be durable.
  [[nodiscard]] Status finish();

 private:
  [[nodiscard]] Status mark() const;
  [[nodiscard]] Status empty(const std::filesystem::path& folder) const;
  NewFolder(platform::FileSystem& files, std::filesystem::path target);

  platform::FileSystem* files_;
  std::filesystem::path target_;
  std::filesystem::path unfinished_;
  std::unique_ptr<platform::FileLock> lock_;
};

// kInvalidArgument if a path is a store's folder or lies within it.
[[nodiscard]] Status check_outside(const std::filesystem::path& path, const std::filesystem::path& folder,
                                   std::string_view what);

// A path without a slash at its end, so that it has a name and a folder above.
[[nodiscard]] std::filesystem::path with_name(const std::filesystem::path& path);

}  // namespace tidemark::engine
