// SPDX-License-Identifier: Apache-2.0
#include "platform/io.h"

#include <algorithm>
#include <array>
#include <cerrno>

namespace tidemark::platform {

namespace {

// One successful call, however often a signal interrupts it.
template <class Call>
Result<std::size_t> uninterrupted(Call call) {
  while (true) {
    Result<std::size_t> done = call();
    if (done || done.error().system_error() != EINTR) return done;
  }
}

Error wrote_nothing(std::uint64_t offset) {
  return Error(ErrorCode::kIo, "the file took none of the bytes that were to be written").with_offset(Offset(offset));
}

}  // namespace

Result<std::size_t> read_up_to(File& file, std::span<std::byte> into, std::uint64_t offset) {
  std::size_t read = 0;
  while (read < into.size()) {
    const Result<std::size_t> more = uninterrupted([&] { return file.pread(into.subspan(read), offset + read); });
    if (!more) return std::unexpected(Error(more.error()).with_offset(Offset(offset + read)));
    if (*more == 0) break;
    read += *more;
  }
  return read;
}

Status write_all(File& file, std::span<const std::span<const std::byte>> parts, std::uint64_t offset) {
  std::size_t skip = 0;  // bytes of parts.front() that are written already
  while (true) {
    while (!parts.empty() && skip == parts.front().size()) {
      parts = parts.subspan(1);
      skip = 0;
    }
    if (parts.empty()) return {};

    // A part of which only the beginning is written goes alone: the list of the caller cannot be edited, and a copy of
    // it costs more than this rare extra call.
    const std::array rest = {parts.front().subspan(skip)};
    const auto group = skip == 0 ? parts.first(std::min(parts.size(), File::kPartsMax))
                                 : std::span<const std::span<const std::byte>>(rest);
    const Result<std::size_t> written = uninterrupted([&] { return file.pwritev(group, offset); });
    if (!written) return std::unexpected(written.error());
    if (*written == 0) return std::unexpected(wrote_nothing(offset));
    offset += *written;

    skip += *written;
    while (!parts.empty() && skip >= parts.front().size()) {
      skip -= parts.front().size();
      parts = parts.subspan(1);
    }
  }
}

Status write_all(File& file, std::span<const std::byte> bytes, std::uint64_t offset) {
  return write_all(file, std::span<const std::span<const std::byte>>(&bytes, 1), offset);
}

}  // namespace tidemark::platform
