// SPDX-License-Identifier: Apache-2.0
#include "platform/real_lock.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <utility>

#include "platform/descriptor.h"
#include "platform/os_error.h"

namespace tidemark::platform {

namespace {

constexpr std::string_view kLocking = "lock the file";
constexpr std::string_view kAsking = "ask whether the file is locked";

struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  friend auto operator<=>(const FileId&, const FileId&) = default;
};

std::optional<FileId> id_of(const Descriptor& file) {
  struct stat status;
  if (::fstat(file.number(), &status) != 0) return std::nullopt;
  return FileId{.device = status.st_dev, .inode = status.st_ino};
}

// The files that are locked, and by which process: after a fork the entries of the parent are here too.
struct Registry {
  std::mutex mutex;
  std::map<FileId, pid_t> owners;

  // With the mutex held.
  [[nodiscard]] bool is_ours(const FileId& id) const {
    const auto found = owners.find(id);
    return found != owners.end() && found->second == ::getpid();
  }
};

// Never destroyed, for the locks that outlive the statics.
Registry& registry() {
  static Registry& all = *new Registry;
  return all;
}

struct flock whole_file(short type) {
  struct flock range = {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  return range;
}

class RealLock final : public FileLock {
 public:
  RealLock(Descriptor file, const FileId& id) : file_(std::move(file)), id_(id) {}

  ~RealLock() override {
    if (owner_ != ::getpid()) return;  // a forked child: the lock is its parent's
    Registry& all = registry();
    const std::lock_guard guard(all.mutex);
    // Said in so many words, since a forked child may keep the open file for long.
    struct flock unlock = whole_file(F_UNLCK);
    ::fcntl(file_.number(), F_OFD_SETLK, &unlock);
    file_ = Descriptor();
    all.owners.erase(id_);
  }

 private:
  Descriptor file_;
  const FileId id_;
  const pid_t owner_ = ::getpid();
};

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  std::array<char, 32> text{};
  if (::gmtime_r(&now, &parts) == nullptr) return "unknown";
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

// Best effort: the text is for people, the lock does not rest on it.
void write_holder(const Descriptor& file) {
  const std::string text =
      "pid " + std::to_string(::getpid()) + "\nhost " + host_name() + "\nsince " + utc_now() + "\n";
  if (::ftruncate(file.number(), 0) != 0) return;
  [[maybe_unused]] const ssize_t n = ::pwrite(file.number(), text.data(), text.size(), 0);
}

// The rest of the line that starts with `name` and a space, without anything that could upset a terminal.
std::string line_after(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ' ') continue;
    std::string value(line.substr(name.size() + 1));
    std::ranges::replace_if(value, [](char c) { return c < ' ' || c > '~'; }, '?');
    return value;
  }
  return {};
}

// What the lock file tells of who holds it, such as "process 17 on host lab since 2024-05-01T10:00:00Z".
std::string read_holder(const Descriptor& file) {
  std::array<char, 512> buffer{};
  const ssize_t n = ::pread(file.number(), buffer.data(), buffer.size(), 0);
  const std::string_view text(buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  const std::string process = line_after(text, "pid");
  const std::string host = line_after(text, "host");
  const std::string since = line_after(text, "since");
  std::string holder = process.empty() ? "another process" : "process " + process;
  if (!host.empty()) holder += " on host " + host;
  if (!since.empty()) holder += " since " + since;
  return holder;
}

std::unexpected<Error> locked_by(const std::string& holder, const std::filesystem::path& path) {
  return std::unexpected(Error(ErrorCode::kLocked, "the lock is held by " + holder).with_path(path));
}

Result<std::unique_ptr<FileLock>> lock_throwing(const std::filesystem::path& path) {
  Descriptor file(above_standard(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644)));
  if (!file) return os_failure(errno, kLocking, path);
  const auto id = id_of(file);
  if (!id) return os_failure(errno, kLocking, path);

  // Made before the RealLock: once that exists, nothing may throw while the mutex is held, which its destructor takes.
  std::map<FileId, pid_t> entry = {{*id, ::getpid()}};
  Registry& all = registry();
  const std::lock_guard guard(all.mutex);
  if (all.is_ours(*id)) return locked_by("this process", path);
  struct flock range = whole_file(F_WRLCK);
  if (::fcntl(file.number(), F_OFD_SETLK, &range) != 0) {
    if (errno == EAGAIN || errno == EACCES) return locked_by(read_holder(file), path);
    return os_failure(errno, kLocking, path);
  }
  write_holder(file);
  auto lock = std::make_unique<RealLock>(std::move(file), *id);
  all.owners.erase(*id);
  all.owners.merge(entry);
  return lock;
}

}  // namespace

Result<std::unique_ptr<FileLock>> lock_real_file(const std::filesystem::path& path) {
  return without_exceptions([&] { return lock_throwing(path); });
}

Result<bool> is_real_file_locked(const std::filesystem::path& path) {
  const Descriptor file(above_standard(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)));
  if (!file && errno == ENOENT) return false;
  if (!file) return os_failure(errno, kAsking, path);
  const auto id = id_of(file);
  if (!id) return os_failure(errno, kAsking, path);

  Registry& all = registry();
  {
    const std::lock_guard guard(all.mutex);
    if (all.is_ours(*id)) return true;
  }
  struct flock range = whole_file(F_WRLCK);
  if (::fcntl(file.number(), F_OFD_GETLK, &range) != 0) return os_failure(errno, kAsking, path);
  return range.l_type != F_UNLCK;
}

}  // namespace tidemark::platform
