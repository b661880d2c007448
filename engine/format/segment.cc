// SPDX-License-Identifier: Apache-2.0
#include "engine/format/segment.h"

#include <algorithm>
#include <charconv>

#include "engine/format/checkpoint_file.h"
#include "engine/format/index_file.h"
#include "engine/format/live_page.h"
#include "engine/format/origin.h"
#include "platform/checksum.h"

namespace tidemark::engine {

namespace {

constexpr std::string_view kSegmentPrefix = "segment-";
constexpr std::string_view kSegmentSuffix = ".log";
constexpr std::string_view kRejectedPrefix = "rejected-";
constexpr std::size_t kSegmentDigits = 10;

template <class Record>
SectorImage encode_sector(const Record& record, std::uint64_t magic) {
  SectorImage image{};
  store_as(image.data(), record);
  seal_block(image, magic);
  return image;
}

template <class Record>
BlockState decode_sector(std::span<const std::byte> sector, std::uint64_t magic, Record& into) {
  if (sector.size() != kSectorBytes) { return BlockState::kBad; }
  const BlockState state = check_block(sector, magic);
  if (state == BlockState::kGood) { into = load_as<Record>(sector.data()); }
  return state;
}

}  // namespace

SectorImage encode_segment_header(const SegmentHeader& header) { return encode_sector(header, kSegmentMagic); }

BlockState decode_segment_header(std::span<const std::byte> sector, SegmentHeader& into) {
  return decode_sector(sector, kSegmentMagic, into);
}

SectorImage encode_segment_footer(const SegmentFooter& footer) { return encode_sector(footer, kFooterMagic); }

BlockState decode_segment_footer(std::span<const std::byte> sector, SegmentFooter& into) {
  return decode_sector(sector, kFooterMagic, into);
}

std::uint64_t frame_digest(std::uint64_t so_far, std::uint32_t header_checksum, std::uint64_t trailer) {
  std::array<std::byte, 24> link{};
  store_as(link.data(), so_far);
  store_as(link.data() + 8, std::uint64_t{header_checksum});
  store_as(link.data() + 16, trailer);
  return platform::xxh3_64(link);
}

std::string segment_file_name(SegmentNumber number) {
  std::string digits = std::to_string(number.value());
  if (digits.size() < kSegmentDigits) { digits.insert(0, kSegmentDigits - digits.size(), '0'); }
  return std::string(kSegmentPrefix) + digits + std::string(kSegmentSuffix);
}

std::optional<SegmentNumber> parse_segment_file_name(std::string_view name) {
  if (!name.starts_with(kSegmentPrefix) || !name.ends_with(kSegmentSuffix)) { return std::nullopt; }
  name.remove_prefix(kSegmentPrefix.size());
  name.remove_suffix(std::min(name.size(), kSegmentSuffix.size()));
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size() || number == 0) { return std::nullopt; }
  const SegmentNumber result(number);
  // One number has one name: a copy under another spelling is not a segment.
  const std::string canonical = segment_file_name(result);
  return std::string_view(canonical).substr(kSegmentPrefix.size()).starts_with(name) &&
                 canonical.size() == kSegmentPrefix.size() + name.size() + kSegmentSuffix.size()
             ? std::optional(result)
             : std::nullopt;
}

std::string rejected_file_name(std::uint32_t epoch) { return std::string(kRejectedPrefix) + std::to_string(epoch); }

bool is_store_file_name(std::string_view name) {
  return name == kSuperblockNames[0] || name == kSuperblockNames[1] || name == kLockName || name == kLivePageName ||
         name == kUnfinishedName || name == kOriginName || is_checkpoint_file_name(name) ||
         name.starts_with(kRejectedPrefix) || parse_segment_file_name(name).has_value() ||
         parse_index_file_name(name).has_value() || is_temporary_index_file_name(name) ||
         (name.ends_with(kTemporarySuffix) &&
          (name.starts_with(kSegmentPrefix) || name.starts_with("super-") || name.starts_with(kRejectedPrefix)));
}

}  // namespace tidemark::engine
