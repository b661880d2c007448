// SPDX-License-Identifier: Apache-2.0
#include "index/run_output.h"

#include <algorithm>

#include "platform/checksum.h"

namespace tidemark::index {

RunOutput::RunOutput(RunSink& sink) : sink_(sink) {
  held_.reserve(kHeldBytes);
  held_.resize(kRunHeaderBytes);
}

Status RunOutput::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::size_t n = std::min(bytes.size(), kHeldBytes - held_.size());
    held_.insert(held_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    bytes = bytes.subspan(n);
    if (held_.size() < kHeldBytes) { continue; }
    check_windows();
    if (auto done = flush(); !done) { return done; }
  }
  return {};
}

Status RunOutput::pad() {
  static constexpr std::byte kZeros[8] = {};
  return append(std::span(kZeros).first(padded(offset()) - offset()));
}

void RunOutput::check_windows() {
  for (std::size_t begin = 0; begin < held_.size(); begin += kWindowBytes) {
    const std::size_t end = std::min(begin + kWindowBytes, held_.size());
    const std::size_t from = flushed_ + begin == 0 ? kRunHeaderBytes : begin;
    put_number(checksums_, platform::xxh3_64(std::span(held_).subspan(from, end - from)));
  }
}

Status RunOutput::flush() {
  if (auto done = sink_.write(flushed_, held_); !done) { return done; }
  flushed_ += held_.size();
  held_.clear();
  return {};
}

Status RunOutput::finish(RunHeader& header) {
  check_windows();
  RunSection& windows = header.section(SectionName::kWindows);
  windows = {.offset = offset(), .size = checksums_.size()};
  header.windows_checksum = platform::xxh3_64(checksums_);
  header.file_size = windows.offset + windows.size;
  if (auto done = flush(); !done) { return done; }
  if (auto done = sink_.write(windows.offset, checksums_); !done) { return done; }
  seal_run_header(header);
  return sink_.write(0, std::as_bytes(std::span(&header, 1)));
}

}  // namespace tidemark::index
