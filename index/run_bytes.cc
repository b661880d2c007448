// SPDX-License-Identifier: Apache-2.0
#include "index/run_bytes.h"

#include <utility>

#include "platform/checksum.h"

namespace tidemark::index {

Status RunBytes::open() {
  if (auto here = populate(0, std::min(kRunHeaderBytes, size())); !here) { return here; }
  std::string why;
  switch (read_run_header(bytes_, size(), header_, why)) {
    case RunHeaderState::kGood:
      break;
    case RunHeaderState::kBad:
      return std::unexpected(damaged(0, std::move(why)));
    case RunHeaderState::kNewerFormat:
      return std::unexpected(Error(ErrorCode::kUnsupportedFormat, std::move(why)).with_path(path_));
  }
  const RunSection& windows = header_.section(SectionName::kWindows);
  if (auto here = populate(windows.offset, windows.size); !here) { return here; }
  if (platform::xxh3_64(bytes_.subspan(windows.offset, windows.size)) != header_.windows_checksum) {
    return std::unexpected(damaged(windows.offset, "the checksums of the index run are damaged"));
  }
  checked_ = std::vector<std::atomic<std::uint64_t>>(windows.size / sizeof(std::uint64_t) / kWordBits + 1);
  checked_end_ = windows.offset;
  return {};
}

Status RunBytes::check(std::uint64_t window) const {
  const std::uint64_t begin = std::max(window * kWindowBytes, kRunHeaderBytes);
  const std::uint64_t end = std::min((window + 1) * kWindowBytes, checked_end_);
  if (auto here = populate(begin, end - begin); !here) { return here; }
  const std::byte* stored = bytes_.data() + checked_end_ + window * sizeof(std::uint64_t);
  if (platform::xxh3_64(bytes_.subspan(begin, end - begin)) != load_number<std::uint64_t>(stored)) {
    return std::unexpected(damaged(begin, "a part of the index run is damaged"));
  }
  checked_[window / kWordBits].fetch_or(std::uint64_t{1} << (window % kWordBits), std::memory_order_relaxed);
  return {};
}

Status RunBytes::populate(std::uint64_t offset, std::uint64_t length) const {
  if (mapping_ == nullptr || length == 0) { return {}; }
  auto here = mapping_->populate(offset, length);
  // The mapping may have been made while the file still had another name.
  if (!here) { return std::unexpected(std::move(here.error()).with_path(path_).with_offset(Offset(offset))); }
  return {};
}

Error RunBytes::damaged(std::uint64_t offset, std::string message) const {
  return Error(ErrorCode::kDamaged, std::move(message)).with_path(path_).with_offset(Offset(offset));
}

Error RunBytes::out_of_bounds(std::uint64_t offset) const {
  return damaged(offset, "something in the index run points past its end");
}

}  // namespace tidemark::index
