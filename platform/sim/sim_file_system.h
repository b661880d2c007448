// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "platform/clock.h"
#include "platform/file_system.h"
#include "platform/machine.h"

// Twins of the seams that live in memory, for tests. The file system can fail any call and can crash: then synced bytes
// and synced directory entries survive, and of the rest each 512-byte block and each entry by chance.
namespace tidemark::platform {

class SimDisk;

// One call on the seam, as a fault rule sees it before it is carried out.
struct SeamCall {
  enum class Kind : std::uint8_t {
    kOpen,
    kPread,
    kPwritev,
    kDatasync,
    kAllocate,
    kWriteZeros,
    kSize,
    kMap,
    kPopulate,
    kRename,
    kLink,
    kUnlink,
    kList,
    kMakeFolder,
    kCheckFolder,
    kSyncFolder,
    kLock,
    kIsLocked,
    kTraits,
    kCheckLock,
    kCheckFile,
  };
  Kind kind;
  std::uint64_t number;  // counts all calls of this file system, from 1
  std::string_view path;
  std::uint64_t offset = 0;  // of pread and pwritev
  std::uint64_t length = 0;  // likewise
};
[[nodiscard]] std::string_view to_string(SeamCall::Kind kind);

// What is to become of a call.
struct SeamFault {
  int error = 0;                           // fail with this errno, nothing done; a failed sync loses its blocks
  std::optional<std::uint64_t> only = {};  // pwritev and pread: do only so many bytes (a short count); with error set,
                                           // do them and then fail
};

// What a power loss leaves, told exactly instead of by chance.
struct SimSurvival {
  // How many bytes, from its start, of an unsynced 512-byte block of a file are on the disk.
  std::function<std::uint64_t(const std::filesystem::path& file, std::uint64_t block)> bytes;
  // Whether an unsynced change of this name in its folder is. None: all are.
  std::function<bool(const std::string& name)> name = {};
};

class SimFileSystem final : public FileSystem {
 public:
  SimFileSystem();
  ~SimFileSystem() override;

  // Asked before every call; no fault if it gives nothing. Called without a lock held; must be thread-safe itself.
  void set_fault_rule(std::function<std::optional<SeamFault>(const SeamCall&)> rule);

  // Power off: from now on every call on this file system, its files and locks fails with EIO and changes nothing.
  // Also callable from within a fault rule (that call fails too).
  void power_off();
  [[nodiscard]] bool is_off() const;
  // Power on again after power_off() (or at once): locks are gone, files opened before stay dead. keep is the chance, 0
  // to 1, of each unsynced 512-byte block of a file, and of each unsynced directory change, to have reached the disk;
  // they survive independently of each other. The entry of a new folder in the one above is such a change too. With
  // tear, every other unsynced block that survives arrives cut at a random byte, with its old rest (not what a disk
  // that writes 512-byte sectors whole does; for tests of the checksums).
  void power_on(std::uint64_t seed, double keep, bool tear = false);
  // The same with what survives told exactly. A new size of a file survives.
  void power_on(const SimSurvival& survival);
  // Like SIGKILL of the process: everything done so far stays, synced or not; locks are gone, open files are dead.
  void kill_process();

  // Bytes in files at most, all together; a write or allocation past that fails with ENOSPC.
  void set_capacity(std::uint64_t bytes);

  // What traits() says from now on.
  void set_traits(FileSystemTraits traits);

  // Counters since the start.
  [[nodiscard]] std::uint64_t calls() const;
  [[nodiscard]] std::uint64_t calls(SeamCall::Kind kind) const;

  // For damage and inspection, past the seam (not counted, no faults). The bytes of a file as a reader sees them now.
  [[nodiscard]] std::optional<std::vector<std::byte>> contents(const std::filesystem::path& path) const;
  // Replaces a file's bytes, on the disk too. Creates the file and its folder if need be.
  void set_contents(const std::filesystem::path& path, std::span<const std::byte> bytes);
  void remove(const std::filesystem::path& path);
  [[nodiscard]] std::vector<std::filesystem::path> files() const;

  // FileSystem
  Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override;
  Status rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Status link(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Status unlink(const std::filesystem::path& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::filesystem::path& folder) override;
  Status make_folder(const std::filesystem::path& folder) override;
  Status make_inner_folder(const std::filesystem::path& folder) override;
  Status check_inner_folder(const std::filesystem::path& folder) override;
  Status sync_folder(const std::filesystem::path& folder) override;
  Result<std::unique_ptr<FileLock>> lock(const std::filesystem::path& path) override;
  Result<bool> is_locked(const std::filesystem::path& path) override;
  Result<FileSystemTraits> traits(const std::filesystem::path& folder) override;

 private:
  const std::shared_ptr<SimDisk> disk_;  // shared with open files, which may outlive this
};

// A clock that a test sets. Each reading of the wall clock moves it on by a microsecond.
class SimClock final : public Clock {
 public:
  explicit SimClock(RecordedTime start = RecordedTime(std::chrono::seconds(1'700'000'000)));
  RecordedTime now() override;
  SteadyTime steady() override;
  void advance(std::chrono::nanoseconds by);  // both clocks
  void jump(std::chrono::nanoseconds by);     // the wall clock alone

 private:
  std::mutex mutex_;
  RecordedTime wall_;
  SteadyTime steady_;
};

// Random bytes by seed, and a boot id that a test can change.
class SimMachine final : public Machine {
 public:
  explicit SimMachine(std::uint64_t seed);
  void fill_random(std::span<std::byte> into) override;
  Uuid boot_id() override;
  std::uint64_t process() override;
  void reboot();
  // From now on whoever asks is a forked child.
  void fork();
  // From now on it is the parent again.
  void leave_child();

 private:
  std::mutex mutex_;
  std::mt19937_64 random_;
  std::uint64_t boot_ = 1;
  std::uint64_t process_ = 1;
};

}  // namespace tidemark::platform
