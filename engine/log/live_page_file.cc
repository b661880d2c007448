// SPDX-License-Identifier: Apache-2.0
#include "engine/log/live_page_file.h"

#include <array>
#include <utility>
#include <vector>

#include "platform/fence.h"
#include "platform/io.h"

namespace tidemark::engine {

namespace {

Status write_mark(platform::File& file, const LivePageMark& mark) {
  std::array<std::byte, sizeof mark> bytes;
  store_as(bytes.data(), mark);
  return platform::write_all(file, bytes, kLivePageMarkAt);
}

// One that can be mapped, however it was left.
Result<std::unique_ptr<platform::File>> open_page(platform::FileSystem& files, const std::filesystem::path& path) {
  auto file = files.open(path, platform::OpenMode::kReadWrite);
  if (!file && file.error().code() == ErrorCode::kNotFound) { file = files.open(path, platform::OpenMode::kCreate); }
  if (!file) { return file; }
  const auto size = (*file)->size();
  if (!size) { return std::unexpected(size.error()); }
  if (*size >= kLivePageBytes) { return file; }
  const std::vector<std::byte> zeros(kLivePageBytes - static_cast<std::size_t>(*size));
  if (auto done = platform::write_all(**file, zeros, *size); !done) { return std::unexpected(std::move(done.error())); }
  return file;
}

}  // namespace

LivePageWriter::LivePageWriter(std::unique_ptr<platform::File> file, std::unique_ptr<platform::Mapping> mapping,
                               std::uint32_t epoch, std::uint32_t word, Offset durable)
    : file_(std::move(file)),
      mapping_(std::move(mapping)),
      shared_word_(*file_, *mapping_, kLivePageMarkAt),
      epoch_(epoch),
      word_(word),
      durable_(durable) {}

Result<std::unique_ptr<LivePageWriter>> LivePageWriter::open(platform::FileSystem& files,
                                                             const std::filesystem::path& folder, const FileId& log_id,
                                                             const FileId& boot_id, std::uint32_t epoch,
                                                             Offset durable) {
  auto file = open_page(files, folder / kLivePageName);
  if (!file) { return std::unexpected(std::move(file.error())); }
  auto mapping = (*file)->map();
  if (!mapping) { return std::unexpected(std::move(mapping.error())); }
  if ((*mapping)->bytes().size() < kLivePageBytes) {
    return std::unexpected(Error(ErrorCode::kDamaged, "the live page is too short").with_path(folder / kLivePageName));
  }
  // Sleepers may know the word that was left: this one is another.
  const std::uint32_t word = platform::SharedWord(**file, **mapping, kLivePageMarkAt).load() + 1;
  std::array<std::byte, sizeof(LivePageStart)> start;
  store_as(start.data(), make_live_page_start(log_id, boot_id, epoch));
  if (auto done = platform::write_all(**file, start, 0); !done) { return std::unexpected(std::move(done.error())); }
  if (auto done = write_mark(**file, make_live_page_mark(word, durable, epoch)); !done) {
    return std::unexpected(std::move(done.error()));
  }
  std::unique_ptr<LivePageWriter> writer(
      new LivePageWriter(std::move(*file), std::move(*mapping), epoch, word, durable));
  writer->shared_word_.wake_all();
  return writer;
}

void LivePageWriter::announce(Offset durable) {
  {
    const std::scoped_lock lock(mutex_);
    if (durable <= durable_) { return; }
    durable_ = durable;
    if (!write_mark(*file_, make_live_page_mark(++word_, durable, epoch_))) { return; }
  }
  shared_word_.wake_all();
}

LivePageReader::LivePageReader(std::unique_ptr<platform::File> file, std::unique_ptr<platform::Mapping> mapping)
    : file_(std::move(file)), mapping_(std::move(mapping)), word_(*file_, *mapping_, kLivePageMarkAt) {}

Result<std::unique_ptr<LivePageReader>> LivePageReader::open(platform::FileSystem& files,
                                                             const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kLivePageName;
  auto file = files.open(path, platform::OpenMode::kRead);
  if (!file) { return std::unexpected(std::move(file.error())); }
  auto mapping = (*file)->map();
  if (!mapping) { return std::unexpected(std::move(mapping.error())); }
  if ((*mapping)->bytes().size() < kLivePageBytes) {
    return std::unexpected(Error(ErrorCode::kDamaged, "the live page is too short").with_path(path));
  }
  return std::unique_ptr<LivePageReader>(new LivePageReader(std::move(*file), std::move(*mapping)));
}

std::optional<LiveMark> LivePageReader::mark(const FileId& log_id, const FileId& boot_id) const {
  std::array<std::byte, kLivePageMarkAt + sizeof(LivePageMark)> bytes;
  const auto read = platform::read_up_to(*file_, bytes, 0);
  if (!read) { return std::nullopt; }
  const auto mark = read_live_mark(std::span(bytes).first(*read), log_id, boot_id);
  platform::acquire_fence();  // what the mark calls durable is read after it
  return mark;
}

}  // namespace tidemark::engine
