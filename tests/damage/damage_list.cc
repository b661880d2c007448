// SPDX-License-Identifier: Apache-2.0
#include "tests/damage/damage_list.h"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>
#include <utility>

#include "engine/format/index_file.h"
#include "engine/format/layout.h"
#include "tidemark/limits.hpp"

namespace tidemark::damage {

namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::byte kOnes{0xff};

}  // namespace

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::kBits:
      return "bits";
    case Kind::kBytes:
      return "bytes";
    case Kind::kZeroed:
      return "zeroed";
    case Kind::kSwapped:
      return "swapped";
    case Kind::kReplaced:
      return "replaced";
    case Kind::kCut:
      return "cut";
    case Kind::kFiles:
      return "files";
  }
  return "unknown";
}

DamageList::DamageList(const Sample& sample) : sample_(sample), bytes_(sample.bytes()) {
  list_blocks(engine::kSectorBytes);
  list_blocks(kPage);
  list_files();
}

void DamageList::list_blocks(std::uint64_t length) {
  const auto first = static_cast<std::uint32_t>(blocks_.size());
  for (const auto& [name, bytes] : sample_.files) {
    for (std::uint64_t at = 0; at + length <= bytes.size(); at += length) { blocks_.push_back({&name, at, length}); }
  }
  for (auto a = first; a < blocks_.size(); ++a) {
    for (auto b = a + 1; b < blocks_.size(); ++b) { pairs_.emplace_back(a, b); }
  }
}

void DamageList::list_files() {
  for (const auto& [name, bytes] : sample_.files) {
    for (const std::uint64_t more : {std::uint64_t{1}, engine::kSectorBytes, limits::kSegmentBytesMin}) {
      files_.push_back({.change = Change::kLonger, .file = name, .bytes = more, .fill = std::byte{0}});
      files_.push_back({.change = Change::kLonger, .file = name, .bytes = more, .fill = kOnes});
    }
    for (const Change change : {Change::kMissing, Change::kEmpty, Change::kDoubled, Change::kOther}) {
      files_.push_back({.change = change, .file = name});
    }
    for (const auto& other : sample_.files) {
      if (other.first == name) { continue; }
      files_.push_back({.change = Change::kReplaced, .file = name, .second = other.first});
      if (name < other.first) { files_.push_back({.change = Change::kExchanged, .file = name, .second = other.first}); }
    }
    for (std::size_t i = 0; i < sample_.moments.size(); ++i) {
      if (!sample_.moments[i].files.contains(name)) { continue; }
      files_.push_back({.change = Change::kOlder, .file = name, .moment = i});
    }
  }
  for (std::size_t i = 0; i < sample_.moments.size(); ++i) {
    for (const auto& [name, bytes] : sample_.moments[i].files) {
      if (!engine::parse_index_file_name(name) || sample_.files.contains(name)) { continue; }
      files_.push_back({.change = Change::kBack, .file = name, .moment = i});
    }
  }
}

std::uint64_t DamageList::count(Kind kind) const {
  switch (kind) {
    case Kind::kBits:
      return bytes_ * 8;
    case Kind::kBytes:
      return bytes_ * 2;
    case Kind::kZeroed:
      return blocks_.size();
    case Kind::kSwapped:
      return pairs_.size();
    case Kind::kReplaced:
      return pairs_.size() * 2;
    case Kind::kCut:
      return bytes_;
    case Kind::kFiles:
      return files_.size();
  }
  return 0;
}

// The n-th byte of the store, file after file.
DamageList::Place DamageList::place_of(std::uint64_t byte) const {
  for (const auto& [name, bytes] : sample_.files) {
    if (byte < bytes.size()) { return {&name, byte, 1}; }
    byte -= bytes.size();
  }
  throw std::out_of_range("there is no such case");
}

Damaged DamageList::overwrite(const Place& place, std::span<const std::byte> with, std::string what) const {
  Damaged damaged{std::move(what), {}, {}};
  FileBytes bytes = bytes_of(*place.file);
  std::ranges::copy(with, bytes.begin() + static_cast<std::ptrdiff_t>(place.offset));
  damaged.changed.emplace(*place.file, std::move(bytes));
  return damaged;
}

Damaged DamageList::swap_blocks(const Place& a, const Place& b) const {
  const auto block = [&](const Place& place) {
    return std::span(bytes_of(*place.file)).subspan(place.offset, place.length);
  };
  Damaged damaged = overwrite(a, block(b),
                              fmt::format("the {} bytes at {} of {} and those at {} of {} swapped", a.length, a.offset,
                                          *a.file, b.offset, *b.file));
  auto second = damaged.changed.try_emplace(*b.file, bytes_of(*b.file)).first;
  std::ranges::copy(block(a), second->second->begin() + static_cast<std::ptrdiff_t>(b.offset));
  return damaged;
}

Damaged DamageList::make_file_case(const FileCase& one) const {
  Damaged damaged;
  FileBytes bytes = one.change == Change::kBack ? FileBytes() : bytes_of(one.file);
  switch (one.change) {
    case Change::kLonger:
      bytes.resize(bytes.size() + one.bytes, one.fill);
      damaged.what =
          fmt::format("{} longer by {} bytes of {:#04x}", one.file, one.bytes, std::to_integer<int>(one.fill));
      break;
    case Change::kMissing:
      damaged.what = one.file + " missing";
      damaged.changed.emplace(one.file, std::nullopt);
      return damaged;
    case Change::kEmpty:
      bytes.clear();
      damaged.what = one.file + " empty";
      break;
    case Change::kDoubled: {
      const FileBytes again = bytes;
      bytes.insert(bytes.end(), again.begin(), again.end());
      damaged.what = one.file + " doubled";
      break;
    }
    case Change::kExchanged:
      damaged.changed.emplace(one.second, std::move(bytes));
      bytes = bytes_of(one.second);
      damaged.what = fmt::format("{} and {} exchanged", one.file, one.second);
      break;
    case Change::kReplaced:
      bytes = bytes_of(one.second);
      damaged.what = fmt::format("{} replaced by {}", one.file, one.second);
      break;
    case Change::kOlder:
      bytes = sample_.moments[one.moment].files.at(one.file);
      damaged.what = fmt::format("{} as of the moment \"{}\"", one.file, sample_.moments[one.moment].name);
      damaged.moment = one.moment;
      break;
    case Change::kOther:
      bytes = sample_.other.at(one.file);
      damaged.what = one.file + " of another store";
      break;
    case Change::kBack:
      bytes = sample_.moments[one.moment].files.at(one.file);
      damaged.what = fmt::format("{} is back from the moment \"{}\"", one.file, sample_.moments[one.moment].name);
      break;
  }
  damaged.changed.emplace(one.file, std::move(bytes));
  return damaged;
}

Damaged DamageList::make_any(Kind kind, std::uint64_t n) const {
  switch (kind) {
    case Kind::kBits: {
      const Place place = place_of(n / 8);
      const auto mask = static_cast<std::byte>(1U << (n % 8));
      const std::byte flipped = bytes_of(*place.file)[place.offset] ^ mask;
      return overwrite(place, {&flipped, 1},
                       fmt::format("bit {} of byte {} of {} flipped", n % 8, place.offset, *place.file));
    }
    case Kind::kBytes: {
      const Place place = place_of(n / 2);
      const std::byte set = n % 2 == 0 ? std::byte{0} : kOnes;
      return overwrite(
          place, {&set, 1},
          fmt::format("byte {} of {} set to {:#04x}", place.offset, *place.file, std::to_integer<int>(set)));
    }
    case Kind::kZeroed: {
      const Place& place = blocks_.at(n);
      return overwrite(place, FileBytes(place.length),
                       fmt::format("the {} bytes at {} of {} zeroed", place.length, place.offset, *place.file));
    }
    case Kind::kSwapped: {
      const auto [a, b] = pairs_.at(n);
      return swap_blocks(blocks_[a], blocks_[b]);
    }
    case Kind::kReplaced: {
      const auto [a, b] = pairs_.at(n / 2);
      const Place& to = blocks_[n % 2 == 0 ? a : b];
      const Place& from = blocks_[n % 2 == 0 ? b : a];
      return overwrite(to, std::span(bytes_of(*from.file)).subspan(from.offset, from.length),
                       fmt::format("the {} bytes at {} of {} replaced by those at {} of {}", to.length, to.offset,
                                   *to.file, from.offset, *from.file));
    }
    case Kind::kCut: {
      const Place place = place_of(n);
      FileBytes bytes = bytes_of(*place.file);
      bytes.resize(place.offset);
      return {fmt::format("{} cut to {} bytes", *place.file, place.offset), {{*place.file, std::move(bytes)}}, {}};
    }
    case Kind::kFiles:
      return make_file_case(files_.at(n));
  }
  throw std::out_of_range("there is no such kind");
}

std::optional<Damaged> DamageList::make(Kind kind, std::uint64_t n) const {
  Damaged damaged = make_any(kind, n);
  std::erase_if(damaged.changed, [&](const auto& file) {
    return file.second && sample_.files.contains(file.first) && *file.second == bytes_of(file.first);
  });
  if (damaged.changed.empty()) { return std::nullopt; }
  return damaged;
}

}  // namespace tidemark::damage
