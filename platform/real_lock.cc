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
#include <pthread.h>
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

struct Holder {
  pid_t process;   // a child made without fork()'s handlers finds its parent's entries here
  int descriptor;  // of the lock's file
};

// The files that this process has locked.
struct Registry {
  std::mutex mutex;
  std::map<FileId, Holder> holders;

  // With the mutex held.
  [[nodiscard]] bool is_ours(const FileId& id) const {
    const auto found = holders.find(id);
    return found != holders.end() && found->second.process == ::getpid();
  }
};

Registry& registry();

// A forked child holds none of its parent's locks. It closes their files at once: while it lived, its copies would keep
// a lock taken that the parent dropped by dying.
void forget_in_child() {
  Registry& all = registry();
  for (const auto& [id, holder] : all.holders) ::close(holder.descriptor);
  all.holders.clear();
  all.mutex.unlock();
}

// Never destroyed, for the locks that outlive the statics.
Registry& registry() {
  static Registry& all = []() -> Registry& {
    auto* made = new Registry;
    ::pthread_atfork([] { registry().mutex.lock(); }, [] { registry().mutex.unlock(); }, &forget_in_child);
    return *made;
  }();
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
  RealLock(Descriptor file, const FileId& id, std::filesystem::path path)
      : file_(std::move(file)), id_(id), path_(std::move(path)) {}

  ~RealLock() override {
    if (owner_ != ::getpid()) {  // a forked child: the lock is its parent's, and its own copy was closed at the fork
      (void)file_.release();
      return;
    }
    Registry& all = registry();
    const std::lock_guard guard(all.mutex);
    // Said in so many words, since a forked child may keep the open file for long.
    struct flock unlock = whole_file(F_UNLCK);
    ::fcntl(file_.number(), F_OFD_SETLK, &unlock);
    file_ = Descriptor();
    all.holders.erase(id_);
  }

  Status check() override {
    struct stat status;
    if (::stat(path_.c_str(), &status) != 0) {
      if (errno != ENOENT) return os_failure(errno, "look for the lock file", path_);
    } else if (FileId{.device = status.st_dev, .inode = status.st_ino} == id_) {
      return {};
    }
    return without_exceptions([&]() -> Status {
      return std::unexpected(Error(ErrorCode::kLocked,
                                   "the lock file was removed or replaced while the store was open: another process "
                                   "may be writing; nobody but its writer may remove a store's files")
                                 .with_path(path_));
    });
  }

 private:
  Descriptor file_;
  const FileId id_;
  const std::filesystem::path path_;
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

std::string read_holder(const Descriptor& file) {
  std::array<char, 512> buffer{};
  const ssize_t n = ::pread(file.number(), buffer.data(), buffer.size(), 0);
  return holder_of({buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0});
}

std::unexpected<Error> locked_by(const std::string& holder, const std::filesystem::path& path) {
  return std::unexpected(Error(ErrorCode::kLocked, "the lock is held by " + holder).with_path(path));
}

Result<std::unique_ptr<FileLock>> lock_throwing(const std::filesystem::path& path) {
  Registry& all = registry();
  // Before the file is open: no fork comes between, after which a child would hold a copy that nobody knows of.
  const std::lock_guard guard(all.mutex);
  Descriptor file(
      above_standard(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644)));
  if (!file) return os_failure(errno, kLocking, path);
  const auto id = id_of(file);
  if (!id) return os_failure(errno, kLocking, path);

  // Made before the RealLock: once that exists, nothing may throw while the mutex is held, which its destructor takes.
  std::map<FileId, Holder> entry = {{*id, {.process = ::getpid(), .descriptor = file.number()}}};
  if (all.is_ours(*id)) return locked_by("this process", path);
  struct flock range = whole_file(F_WRLCK);
  if (::fcntl(file.number(), F_OFD_SETLK, &range) != 0) {
    if (errno == EAGAIN || errno == EACCES) return locked_by(read_holder(file), path);
    return os_failure(errno, kLocking, path);
  }
  write_holder(file);
  auto lock = std::make_unique<RealLock>(std::move(file), *id, path);
  all.holders.erase(*id);
  all.holders.merge(entry);
  return lock;
}

}  // namespace

std::string holder_of(std::string_view text) {
  const std::string process = line_after(text, "pid");
  const std::string host = line_after(text, "host");
  const std::string since = line_after(text, "since");
  std::string holder = process.empty() ? "another process" : "process " + process;
  if (!host.empty()) holder += " on host " + host;
  if (!since.empty()) holder += " since " + since;
  return holder;
}

Result<std::unique_ptr<FileLock>> lock_real_file(const std::filesystem::path& path) {
  return without_exceptions([&] { return lock_throwing(path); });
}

Result<bool> is_real_file_locked(const std::filesystem::path& path) {
  const Descriptor file(
      above_standard(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)));
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
