// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "platform/sim/sim_file_data.h"

namespace tidemark::platform {

struct SimNode;
using SimEntries = std::map<std::string, std::shared_ptr<SimNode>>;

// A file or a folder, apart from its name.
struct SimNode {
  SimNode(std::uint64_t number, bool folder) : id(number), is_folder(folder) {}

  const std::uint64_t id;  // in the order of creation
  const bool is_folder;
  SimFileData data;     // of a file
  SimEntries entries;   // of a folder, as they are now
  SimEntries durable;   // of a folder, as they are on the disk
  bool linked = false;  // of a file, that it was given a second name
};
using SimNodePtr = std::shared_ptr<SimNode>;

// The names of the files in memory. An entry that is made, renamed or removed is on the disk only once its folder is
// synced: this holds for folders too, so a new folder whose own parent was not synced may vanish with all in it.
//
// Each unsynced change survives a crash by chance, whatever becomes of the others; a rename is there or not, never
// half; whatever survives, a file has at most one name, or as many as it was given by link(). Errors are errno values.
// Not thread-safe.
class SimTree {
 public:
  template <class T>
  using Outcome = std::expected<T, int>;

  SimTree();
  SimTree(const SimTree&) = delete;
  SimTree& operator=(const SimTree&) = delete;

  [[nodiscard]] Outcome<SimNodePtr> find(const std::filesystem::path& path) const;
  [[nodiscard]] Outcome<SimNodePtr> find_file(const std::filesystem::path& path) const;
  [[nodiscard]] Outcome<SimNodePtr> find_folder(const std::filesystem::path& path) const;

  [[nodiscard]] Outcome<SimNodePtr> create_file(const std::filesystem::path& path);
  [[nodiscard]] Outcome<SimNodePtr> make_folder(const std::filesystem::path& path);
  // A folder can be renamed within its parent only.
  [[nodiscard]] Outcome<void> rename(const std::filesystem::path& from, const std::filesystem::path& to);
  // One more name for a file.
  [[nodiscard]] Outcome<void> link(const std::filesystem::path& from, const std::filesystem::path& to);
  [[nodiscard]] Outcome<void> unlink(const std::filesystem::path& path);
  void sync_folder(const SimNodePtr& folder);

  // For damage: these are on the disk at once, with the folders above.
  [[nodiscard]] Outcome<SimNodePtr> place_file(const std::filesystem::path& path);
  void remove(const std::filesystem::path& path);

  // Every file with its path, in the order of the paths; one with several names comes several times.
  [[nodiscard]] std::map<std::filesystem::path, SimNodePtr> files() const;

  // What a power loss leaves of the names, and of the bytes of every file that still has one.
  void crash(SimDice& dice, double keep, bool tear);
  // The same, told exactly: whether each unsynced change of a name, the oldest first, is on the disk, and how many
  // bytes of each unsynced block of a file. A new size of a file is there.
  void crash(const std::function<bool(const std::string&)>& keeps_name,
             const std::function<std::uint64_t(const std::filesystem::path&, std::uint64_t)>& kept_bytes);

 private:
  // A place in a folder; there may be nothing there.
  struct Place {
    SimNodePtr folder;
    std::string name;
    friend bool operator==(const Place&, const Place&) = default;
  };
  // Something made (no `from`), removed (no `to`) or renamed (both).
  struct Change {
    SimNodePtr node;
    Place from;
    Place to;
  };

  [[nodiscard]] const SimNodePtr& root_of(const std::filesystem::path& path) const;
  [[nodiscard]] Outcome<Place> place_of(const std::filesystem::path& path) const;
  [[nodiscard]] SimNodePtr add(const Place& place, bool is_folder);
  void make_durable(const Place& place, const SimNodePtr& node);
  void settle(const std::function<bool(const Change&)>& concerned);
  static void apply(const Change& change);

  SimNodePtr absolute_;  // "/"
  SimNodePtr relative_;  // the current folder
  std::uint64_t ids_ = 0;
  std::vector<Change> unsynced_;  // in the order in which they were made
};

}  // namespace tidemark::platform
