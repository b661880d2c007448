// SPDX-License-Identifier: Apache-2.0
#include "engine/log/origin_file.h"

#include <algorithm>
#include <utility>

#include "platform/io.h"

namespace tidemark::engine {

namespace {

// Nothing if the file is not there.
Result<std::unique_ptr<platform::File>> open_if_there(platform::FileSystem& files, const std::filesystem::path& path) {
  auto file = files.open(path, platform::OpenMode::kRead);
  if (!file && file.error().code() == ErrorCode::kNotFound) { return std::unique_ptr<platform::File>(); }
  return file;
}

Result<OriginHeader> read_header(platform::File& file, const std::filesystem::path& path) {
  OriginHeaderImage image{};
  auto read = platform::read_up_to(file, image, 0);
  if (!read) { return std::unexpected(std::move(read.error())); }
  OriginHeader header{};
  const BlockState state = decode_origin_header(std::span(image).first(*read), header);
  if (state == BlockState::kNewerFormat) {
    return std::unexpected(Error(ErrorCode::kUnsupportedFormat,
                                 "the original positions were written in a newer format than this library knows: use a "
                                 "newer version of Tidemark")
                               .with_path(path));
  }
  if (state != BlockState::kGood) {
    return std::unexpected(Error(ErrorCode::kDamaged,
                                 "the file of original positions is damaged: delete it, and the store is as it was but "
                                 "for these")
                               .with_path(path)
                               .with_offset(Offset(0)));
  }
  return header;
}

}  // namespace

Error OriginFile::damaged(std::uint64_t block) const {
  return Error(ErrorCode::kDamaged,
               "the file of original positions is damaged: delete it, and the store is as it was but for these")
      .with_path(path_)
      .with_offset(Offset(block * kOriginBlockBytes));
}

Status OriginFile::open() {
  if (opened_) { return {}; }
  auto file = open_if_there(files_, path_);
  if (!file) { return std::unexpected(std::move(file.error())); }
  if (*file) {
    auto header = read_header(**file, path_);
    if (!header) { return std::unexpected(std::move(header.error())); }
    count_ = header->count;
    file_ = std::move(*file);
  }
  opened_ = true;
  return {};
}

Result<std::optional<Position>> OriginFile::original(Position position) {
  const std::scoped_lock lock(mutex_);
  if (auto opened = open(); !opened) { return std::unexpected(std::move(opened.error())); }
  if (!file_ || position.value() >= count_) { return std::nullopt; }
  const std::uint64_t number = origin_block_of(position.value());
  if (number != block_number_) {
    block_number_ = 0;
    if (number > UINT64_MAX / kOriginBlockBytes / 2) { return std::unexpected(damaged(0)); }
    auto read = platform::read_up_to(*file_, std::as_writable_bytes(std::span(block_)), number * kOriginBlockBytes);
    if (!read) { return std::unexpected(std::move(read.error())); }
    if (*read < kOriginBlockBytes || !origin_block_is_right(block_, number)) {
      return std::unexpected(damaged(number));
    }
    block_number_ = number;
  }
  return Position(block_[position.value() % kOriginsPerBlock]);
}

Status OriginFile::write(platform::FileSystem& files, const std::filesystem::path& folder, const FileId& log_id,
                         std::span<const std::uint64_t> originals) {
  auto file = files.open(folder / kOriginName, platform::OpenMode::kCreate);
  if (!file) { return std::unexpected(std::move(file.error())); }
  OriginHeader header{};
  header.log_id = log_id;
  header.count = originals.size();
  if (auto done = platform::write_all(**file, encode_origin_header(header), 0); !done) { return done; }
  for (std::uint64_t number = 1; !originals.empty(); ++number) {
    OriginBlock block{};
    const auto some = originals.first(std::min<std::uint64_t>(originals.size(), kOriginsPerBlock));
    std::ranges::copy(some, block.begin());
    originals = originals.subspan(some.size());
    seal_origin_block(block, number);
    auto done = platform::write_all(**file, std::as_bytes(std::span(block)), number * kOriginBlockBytes);
    if (!done) { return done; }
  }
  return (*file)->datasync();
}

Status OriginFile::copy(platform::FileSystem& files, const std::filesystem::path& from, const std::filesystem::path& to,
                        Position end) {
  auto file = open_if_there(files, from / kOriginName);
  if (!file) { return std::unexpected(std::move(file.error())); }
  if (!*file) { return {}; }
  auto there = open_if_there(files, to / kOriginName);
  if (!there) { return std::unexpected(std::move(there.error())); }
  if (*there) { return {}; }
  auto header = read_header(**file, from / kOriginName);
  if (!header) { return std::unexpected(std::move(header.error())); }
  auto copy = files.open(to / kOriginName, platform::OpenMode::kCreate);
  if (!copy) { return std::unexpected(std::move(copy.error())); }
  header->count = std::min(header->count, end.value());
  if (auto done = platform::write_all(**copy, encode_origin_header(*header), 0); !done) { return done; }
  const std::uint64_t blocks = header->count == 0 ? 0 : origin_block_of(header->count - 1);
  OriginBlock block{};
  const auto bytes = std::as_writable_bytes(std::span(block));
  for (std::uint64_t number = 1; number <= blocks; ++number) {
    auto read = platform::read_up_to(**file, bytes, number * kOriginBlockBytes);
    if (!read) { return std::unexpected(std::move(read.error())); }
    // What is damaged stays so: whoever asks is told, and the copy of the log is none the worse.
    if (*read == 0) { break; }
    if (auto done = platform::write_all(**copy, bytes.first(*read), number * kOriginBlockBytes); !done) { return done; }
  }
  return (*copy)->datasync();
}

}  // namespace tidemark::engine
