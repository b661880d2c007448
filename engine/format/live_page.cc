// SPDX-License-Identifier: Apache-2.0
#include "engine/format/live_page.h"

#include <array>

#include "platform/checksum.h"

namespace tidemark::engine {

namespace {

std::uint64_t check_of(const LivePageMark& mark, std::uint32_t epoch) {
  std::array<std::byte, sizeof mark> bytes;
  store_as(bytes.data(), mark);
  return platform::xxh3_64(std::span(bytes).first(offsetof(LivePageMark, check)), epoch);
}

}  // namespace

LivePageStart make_live_page_start(const FileId& log_id, const FileId& boot_id, std::uint32_t epoch) {
  LivePageStart start{};
  start.start.format_major = kFormatMajor;
  start.start.format_minor = kFormatMinor;
  start.log_id = log_id;
  start.boot_id = boot_id;
  start.epoch = epoch;
  std::array<std::byte, sizeof start> block;
  store_as(block.data(), start);
  seal_block(block, kLivePageMagic);
  return load_as<LivePageStart>(block.data());
}

LivePageMark make_live_page_mark(std::uint32_t word, Offset durable, std::uint32_t epoch) {
  LivePageMark mark{.word = word, .reserved = 0, .durable_end = durable.value(), .check = 0};
  mark.check = check_of(mark, epoch);
  return mark;
}

std::optional<LiveMark> read_live_mark(std::span<const std::byte> page, const FileId& log_id, const FileId& boot_id) {
  if (page.size() < kLivePageMarkAt + sizeof(LivePageMark)) { return std::nullopt; }
  // A copy: the bytes may change meanwhile.
  std::array<std::byte, kLivePageMarkAt + sizeof(LivePageMark)> bytes;
  std::memcpy(bytes.data(), page.data(), bytes.size());
  if (check_block(std::span(bytes).first(sizeof(LivePageStart)), kLivePageMagic) != BlockState::kGood) {
    return std::nullopt;
  }
  const auto start = load_as<LivePageStart>(bytes.data());
  const auto mark = load_as<LivePageMark>(bytes.data() + kLivePageMarkAt);
  // Where the system does not tell one run of the machine from the next, no page says anything.
  if (start.log_id != log_id || start.boot_id != boot_id || boot_id == FileId{}) { return std::nullopt; }
  if (mark.check != check_of(mark, start.epoch)) { return std::nullopt; }
  return LiveMark{start.epoch, mark.word, Offset(mark.durable_end)};
}

}  // namespace tidemark::engine
