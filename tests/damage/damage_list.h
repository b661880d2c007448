// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/damage/sample.h"

namespace tidemark::damage {

// The kinds of damage, each a numbered list of cases for a given sample.
enum class Kind : std::uint8_t {
  kBits,      // one bit of one file is flipped
  kBytes,     // one byte of one file becomes 0x00 or 0xff
  kZeroed,    // a block of 512 or 4,096 bytes becomes zeros
  kSwapped,   // two blocks of the store, of the same file or not, change places
  kReplaced,  // a block is overwritten by another one of the store
  kCut,       // a file is cut to some length
  kFiles,     // a file is longer, missing, empty, doubled, exchanged with another, an older one, or another store's; or
              // one is back that was removed
};
inline constexpr std::array kKinds = {Kind::kBits,     Kind::kBytes, Kind::kZeroed, Kind::kSwapped,
                                      Kind::kReplaced, Kind::kCut,   Kind::kFiles};
[[nodiscard]] std::string_view to_string(Kind kind);

// A sample with some files in another state.
struct Damaged {
  std::string what;                                         // in words
  std::map<std::string, std::optional<FileBytes>> changed;  // nothing: the file is gone
  std::optional<std::size_t> moment = {};                   // an older copy of a file, from then
};

class DamageList {
 public:
  explicit DamageList(const Sample& sample);

  [[nodiscard]] std::uint64_t count(Kind kind) const;
  // The n-th case; nothing if it leaves every byte as it is.
  [[nodiscard]] std::optional<Damaged> make(Kind kind, std::uint64_t n) const;

 private:
  struct Place {
    const std::string* file;
    std::uint64_t offset;
    std::uint64_t length;
  };
  enum class Change : std::uint8_t {
    kLonger,
    kMissing,
    kEmpty,
    kDoubled,
    kExchanged,
    kReplaced,
    kOlder,
    kOther,
    kBack
  };
  struct FileCase {
    Change change;
    std::string file;
    std::string second = {};  // of an exchange
    std::uint64_t bytes = 0;  // more, of them …
    std::byte fill{};         // … each this one
    std::size_t moment = 0;   // of an older copy
  };

  void list_blocks(std::uint64_t length);
  void list_files();
  [[nodiscard]] Place place_of(std::uint64_t byte) const;
  [[nodiscard]] const FileBytes& bytes_of(const std::string& file) const { return sample_.files.at(file); }
  [[nodiscard]] Damaged overwrite(const Place& place, std::span<const std::byte> with, std::string what) const;
  [[nodiscard]] Damaged swap_blocks(const Place& a, const Place& b) const;
  [[nodiscard]] Damaged make_file_case(const FileCase& one) const;
  [[nodiscard]] Damaged make_any(Kind kind, std::uint64_t n) const;

  const Sample& sample_;
  std::uint64_t bytes_ = 0;
  std::vector<Place> blocks_;                                   // of both lengths
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs_;  // of blocks of one length, the first before the second
  std::vector<FileCase> files_;
};

}  // namespace tidemark::damage
