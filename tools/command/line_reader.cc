// SPDX-License-Identifier: Apache-2.0
#include "tools/command/line_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <zlib.h>

namespace tidemark::command {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{256} << 10U;

std::string error_text(int number) { return std::generic_category().message(number); }

}  // namespace

void LineReader::Close::operator()(gzFile_s* file) const { gzclose_r(file); }

LineReader::LineReader(gzFile_s* file, std::string name, std::uint64_t bytes_all)
    : file_(file), name_(std::move(name)), bytes_all_(bytes_all) {}

Outcome<LineReader> LineReader::open(const std::string& file) {
  const bool standard_input = file == "-";
  std::string name = standard_input ? "standard input" : file;
  const int descriptor = standard_input ? ::dup(STDIN_FILENO) : ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) { return bad_input(fmt::format("{}: {}", name, error_text(errno))); }
  struct stat about = {};
  const bool known = ::fstat(descriptor, &about) == 0;
  if (known && S_ISDIR(about.st_mode)) {
    ::close(descriptor);
    return bad_input(fmt::format("{}: a folder, not a file", name));
  }
  gzFile_s* packed = gzdopen(descriptor, "rb");
  if (packed == nullptr) {
    ::close(descriptor);
    return std::unexpected(Failure(ExitCode::kFailed, fmt::format("{}: out of memory", name)));
  }
  gzbuffer(packed, kChunkBytes);
  const auto size = known && S_ISREG(about.st_mode) ? static_cast<std::uint64_t>(about.st_size) : 0;
  return LineReader(packed, std::move(name), size);
}

std::uint64_t LineReader::bytes_read() const {
  const auto offset = gzoffset(file_.get());
  return offset < 0 ? 0 : static_cast<std::uint64_t>(offset);
}

Outcome<std::optional<std::string_view>> LineReader::next() {
  std::size_t searched = 0;
  while (true) {
    const char* from = buffer_.data() + begin_ + searched;
    const std::size_t count = end_ - begin_ - searched;
    const void* found = count == 0 ? nullptr : std::memchr(from, '\n', count);
    if (found == nullptr && !at_end_) {
      searched = end_ - begin_;
      if (searched > kLineBytesMax) {
        return bad_input(
            fmt::format("{}:{}: the line is longer than {} MiB", name_, line_number_ + 1, kLineBytesMax >> 20U));
      }
      if (auto more = fill(); !more) { return std::unexpected(std::move(more.error())); }
      continue;
    }
    if (found == nullptr && begin_ == end_) { return std::nullopt; }
    const char* line = buffer_.data() + begin_;
    const char* line_end = found != nullptr ? static_cast<const char*>(found) : buffer_.data() + end_;
    const auto length = static_cast<std::size_t>(line_end - line);
    begin_ += length + (found != nullptr ? 1 : 0);
    ++line_number_;
    std::string_view text(line, length);
    if (text.ends_with('\r')) { text.remove_suffix(1); }
    return text;
  }
}

// Whether there is more.
Outcome<bool> LineReader::fill() {
  if (begin_ > 0) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < kChunkBytes) { buffer_.resize(std::max(end_ + kChunkBytes, end_ * 2)); }
  const int got = gzread(file_.get(), buffer_.data() + end_, static_cast<unsigned>(kChunkBytes));
  const int read_error = errno;
  if (got > 0) { end_ += static_cast<std::size_t>(got); }
  if (got == static_cast<int>(kChunkBytes)) { return true; }
  // The end of the file, or of what can be read: a gzip stream that stops in its middle gives what it has, and only
  // this tells.
  int code = Z_OK;
  const char* message = gzerror(file_.get(), &code);
  if (code == Z_ERRNO) {
    return std::unexpected(Failure(ExitCode::kFailed, fmt::format("{}: {}", name_, error_text(read_error))));
  }
  if (code == Z_BUF_ERROR) { return bad_input(fmt::format("{}: the gzip file ends too early", name_)); }
  if (code != Z_OK && code != Z_STREAM_END) {
    return bad_input(fmt::format("{}: not a whole gzip file: {}", name_, message));
  }
  at_end_ = true;
  return false;
}

}  // namespace tidemark::command
