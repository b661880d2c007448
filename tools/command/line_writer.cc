// SPDX-License-Identifier: Apache-2.0
#include "tools/command/line_writer.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <zlib.h>

namespace tidemark::command {
namespace {

constexpr unsigned kChunkBytes = 256U << 10U;

std::string temporary_of(const std::string& file) { return fmt::format("{}.part-{}", file, ::getpid()); }

Failure failure_of(const std::string& file, int number) {
  return {ExitCode::kFailed, fmt::format("{}: {}", file, std::generic_category().message(number))};
}

}  // namespace

void LineWriter::Close::operator()(gzFile_s* file) const { gzclose_w(file); }

LineWriter::LineWriter(gzFile_s* packed, int descriptor, std::string file, bool overwrite)
    : packed_(packed), descriptor_(descriptor), file_(std::move(file)), overwrite_(overwrite) {}

LineWriter::LineWriter(LineWriter&& other) noexcept
    : packed_(std::move(other.packed_)),
      descriptor_(other.descriptor_),
      file_(std::exchange(other.file_, {})),
      overwrite_(other.overwrite_) {}

LineWriter::~LineWriter() {
  if (file_.empty()) { return; }  // finished, or moved from
  packed_.reset();
  ::close(descriptor_);
  ::unlink(temporary_name().c_str());
}

Failure LineWriter::failure(int number) const { return failure_of(file_, number); }

std::string LineWriter::temporary_name() const { return temporary_of(file_); }

Outcome<LineWriter> LineWriter::open(const std::string& file, bool overwrite) {
  if (file.empty()) { return bad_input("the file has no name"); }
  struct stat about = {};
  if (::lstat(file.c_str(), &about) == 0) {
    if (!S_ISREG(about.st_mode)) { return bad_input(fmt::format("{}: is there, and no file to be replaced", file)); }
    if (!overwrite) { return bad_input(fmt::format("{}: is there already; --overwrite replaces it", file)); }
  }
  constexpr mode_t kAll = 0666;  // less what the process's mask says
  const std::string name = temporary_of(file);
  const int descriptor = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kAll);
  if (descriptor < 0) { return std::unexpected(failure_of(name, errno)); }
  const int for_lines = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  gzFile_s* const packed = for_lines < 0 ? nullptr : gzdopen(for_lines, file.ends_with(".gz") ? "wb" : "wbT");
  if (packed == nullptr) {
    const int number = for_lines < 0 ? errno : ENOMEM;
    if (for_lines >= 0) { ::close(for_lines); }
    ::close(descriptor);
    ::unlink(name.c_str());
    return std::unexpected(failure_of(name, number));
  }
  gzbuffer(packed, kChunkBytes);
  return LineWriter(packed, descriptor, file, overwrite);
}

Outcome<void> LineWriter::line(std::string_view text) {
  errno = 0;
  const bool whole = gzfwrite(text.data(), 1, text.size(), packed_.get()) == text.size();
  if (!whole || gzputc(packed_.get(), '\n') < 0) { return std::unexpected(failure(errno != 0 ? errno : EIO)); }
  return {};
}

Outcome<void> LineWriter::finish() {
  errno = 0;
  if (gzclose_w(packed_.release()) != Z_OK) { return std::unexpected(failure(errno != 0 ? errno : EIO)); }
  if (::fsync(descriptor_) != 0) { return std::unexpected(failure(errno)); }
  const std::string name = temporary_name();
  int renamed = ::renameat2(AT_FDCWD, name.c_str(), AT_FDCWD, file_.c_str(), overwrite_ ? 0 : RENAME_NOREPLACE);
  // Not every file system can refuse to replace.
  if (renamed != 0 && errno == EINVAL && ::access(file_.c_str(), F_OK) != 0) {
    renamed = ::rename(name.c_str(), file_.c_str());
  }
  if (renamed != 0) { return std::unexpected(failure(errno)); }
  ::close(descriptor_);
  file_.clear();
  return {};
}

}  // namespace tidemark::command
