// SPDX-License-Identifier: Apache-2.0
#include "tools/command/line_writer.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <optional>
#include <random>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <zlib.h>

namespace tidemark::command {
namespace {

constexpr unsigned kChunkBytes = 256U << 10U;

std::filesystem::path folder_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

// Whoever closed the standard streams must not get their words into the file.
int above_standard(int descriptor) {
  if (descriptor < 0 || descriptor > STDERR_FILENO) { return descriptor; }
  const int moved = ::fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int number = errno;
  ::close(descriptor);
  errno = number;
  return moved;
}

// Short, since the file's own name may be as long as a name can be.
std::filesystem::path temporary_for(const std::filesystem::path& file) {
  return folder_of(file) / fmt::format(".tidemark-{:08x}.part", std::random_device()());
}

std::unexpected<Failure> is_there(const std::filesystem::path& file) {
  return bad_input(fmt::format("{}: is there already; --overwrite replaces a file", file.string()));
}

// What a file may be replaced that is there: its mode; nothing if there is none.
Outcome<std::optional<mode_t>> look_at(const std::filesystem::path& file) {
  struct stat about = {};
  if (::lstat(file.c_str(), &about) != 0) { return std::nullopt; }
  if (!S_ISREG(about.st_mode)) {
    return bad_input(fmt::format("{}: is no regular file (- is the standard output)", file.string()));
  }
  return about.st_mode & 07777U;
}

}  // namespace

void LineWriter::Close::operator()(gzFile_s* file) const { gzclose_w(file); }

LineWriter::LineWriter(LineWriter&& other) noexcept
    : packed_(std::move(other.packed_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      file_(std::move(other.file_)),
      temporary_(std::exchange(other.temporary_, {})),
      replaces_(other.replaces_) {}

LineWriter::~LineWriter() {
  packed_.reset();
  if (descriptor_ >= 0) { ::close(descriptor_); }
  if (!temporary_.empty()) { ::unlink(temporary_.c_str()); }
}

Failure LineWriter::failure(int number) const {
  return {ExitCode::kFailed, fmt::format("{}: {}", file_.string(), std::generic_category().message(number))};
}

Outcome<void> LineWriter::open_unnamed(unsigned mode) {
  descriptor_ = above_standard(::open(folder_of(file_).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, mode));
  if (descriptor_ >= 0) { return {}; }
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) { return std::unexpected(failure(errno)); }
  const std::filesystem::path name = temporary_for(file_);
  descriptor_ = above_standard(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (descriptor_ < 0) { return std::unexpected(failure(errno)); }
  temporary_ = name;
  return {};
}

Outcome<LineWriter> LineWriter::open(const std::filesystem::path& file, bool overwrite) {
  if (!file.has_filename()) { return bad_input(fmt::format("{}: this is not the name of a file", file.string())); }
  const auto there = look_at(file);
  if (!there) { return std::unexpected(there.error()); }
  if (*there && !overwrite) { return is_there(file); }
  constexpr mode_t kAll = 0666;  // less what the process's mask says
  LineWriter writer;
  writer.file_ = file;
  writer.replaces_ = there->has_value();
  if (auto opened = writer.open_unnamed(kAll); !opened) { return std::unexpected(std::move(opened.error())); }
  if (*there && ::fchmod(writer.descriptor_, **there) != 0) { return std::unexpected(writer.failure(errno)); }
  const int for_lines = ::fcntl(writer.descriptor_, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (for_lines < 0) { return std::unexpected(writer.failure(errno)); }
  writer.packed_.reset(gzdopen(for_lines, file.string().ends_with(".gz") ? "wb" : "wbT"));
  if (!writer.packed_) {
    ::close(for_lines);
    return std::unexpected(writer.failure(ENOMEM));
  }
  gzbuffer(writer.packed_.get(), kChunkBytes);
  return writer;
}

Outcome<void> LineWriter::line(std::string_view text) {
  errno = 0;
  const bool whole = gzfwrite(text.data(), 1, text.size(), packed_.get()) == text.size();
  if (!whole || gzputc(packed_.get(), '\n') < 0) { return std::unexpected(failure(errno != 0 ? errno : EIO)); }
  return {};
}

// A link never takes the place of another file; a new name does, where it is asked for.
Outcome<void> LineWriter::take_name() {
  const auto link_to = [&](const std::filesystem::path& name) {
    if (!temporary_.empty()) { return ::link(temporary_.c_str(), name.c_str()); }
    const std::string own = fmt::format("/proc/self/fd/{}", descriptor_);
    return ::linkat(AT_FDCWD, own.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW);
  };
  if (!replaces_) {
    if (link_to(file_) == 0) { return {}; }
    if (errno == EEXIST) { return is_there(file_); }
    // A file system without links can give it its name in no other way.
    const bool has_no_links = errno == EPERM || errno == EOPNOTSUPP;
    if (temporary_.empty() || !has_no_links) { return std::unexpected(failure(errno)); }
    const auto there = look_at(file_);
    if (!there) { return std::unexpected(there.error()); }
    if (*there) { return is_there(file_); }
  } else {
    if (const auto there = look_at(file_); !there) { return std::unexpected(there.error()); }
    if (temporary_.empty()) {
      const std::filesystem::path name = temporary_for(file_);
      if (link_to(name) != 0) { return std::unexpected(failure(errno)); }
      temporary_ = name;
    }
  }
  if (::rename(temporary_.c_str(), file_.c_str()) != 0) { return std::unexpected(failure(errno)); }
  temporary_.clear();
  return {};
}

Outcome<void> LineWriter::sync_folder() const {
  const int folder = ::open(folder_of(file_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && ::fsync(folder) == 0;
  const int number = errno;
  if (folder >= 0) { ::close(folder); }
  if (!synced) { return std::unexpected(failure(number)); }
  return {};
}

Outcome<void> LineWriter::finish() {
  errno = 0;
  if (gzclose_w(packed_.release()) != Z_OK) { return std::unexpected(failure(errno != 0 ? errno : EIO)); }
  if (::fsync(descriptor_) != 0) { return std::unexpected(failure(errno)); }
  if (auto named = take_name(); !named) { return named; }
  return sync_folder();
}

}  // namespace tidemark::command
