// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/archive.h"

#include <algorithm>
#include <optional>

#include "engine/format/layout.h"

namespace tidemark::fuzz {

namespace {

constexpr std::uint8_t kOtherName = 255;
constexpr std::uint32_t kFolderBit = 1U << 31U;
constexpr std::size_t kZeroRunMin = 48;  // shorter runs of zeros are not worth a piece of their own

// Takes values off the front; past the end everything is zero and done() is true.
class Input {
 public:
  explicit Input(Bytes bytes) : rest_(bytes) {}

  [[nodiscard]] bool done() const { return rest_.empty(); }
  template <class T>
  T take() {
    if (rest_.size() < sizeof(T)) {
      rest_ = {};
      return T{};
    }
    const T value = engine::load_as<T>(rest_.data());
    rest_ = rest_.subspan(sizeof(T));
    return value;
  }
  Bytes bytes(std::size_t count) {
    const Bytes taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

 private:
  Bytes rest_;
};

// A name that a file in one folder can have.
bool is_possible(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

template <class T>
void put(std::vector<std::byte>& out, T value) {
  const std::size_t at = out.size();
  out.resize(at + sizeof value);
  engine::store_as(out.data() + at, value);
}

struct Piece {
  std::size_t begin;
  std::size_t end;
};

std::vector<Piece> pieces_of(Bytes bytes) {
  std::vector<Piece> pieces;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (bytes[at] == std::byte{0}) { continue; }
    if (!pieces.empty() && at - pieces.back().end < kZeroRunMin) {
      pieces.back().end = at + 1;
    } else if (pieces.size() < UINT16_MAX) {
      pieces.push_back({at, at + 1});
    }
  }
  return pieces;
}

}  // namespace

Archive unpack(Bytes input) {
  Input in(input);
  Archive archive;
  std::uint64_t room = kArchiveBytesMax;
  while (!in.done()) {
    ArchiveFile file;
    if (const auto code = in.take<std::uint8_t>(); code == kOtherName) {
      file.name = as_text(in.bytes(in.take<std::uint8_t>()));
    } else {
      file.name = kArchiveNames[code % std::size(kArchiveNames)];
    }
    const auto size = in.take<std::uint32_t>();
    file.is_folder = (size & kFolderBit) != 0;
    file.bytes.resize(std::min<std::uint64_t>(size & ~kFolderBit, room));
    for (auto pieces = in.take<std::uint16_t>(); pieces > 0 && !in.done(); --pieces) {
      const auto offset = in.take<std::uint32_t>();
      const Bytes piece = in.bytes(in.take<std::uint32_t>());
      if (offset >= file.bytes.size()) { continue; }
      std::ranges::copy(piece.first(std::min(piece.size(), file.bytes.size() - offset)),
                        file.bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    }
    if (!is_possible(file.name) || find_file(archive, file.name) != nullptr) { continue; }
    room -= file.bytes.size();
    archive.push_back(std::move(file));
  }
  return archive;
}

std::vector<std::byte> pack(const Archive& archive) {
  std::vector<std::byte> out;
  for (const ArchiveFile& file : archive) {
    const auto known = std::ranges::find(kArchiveNames, file.name);
    if (known != std::end(kArchiveNames)) {
      put(out, static_cast<std::uint8_t>(known - std::begin(kArchiveNames)));
    } else {
      const std::string_view name = std::string_view(file.name).substr(0, UINT8_MAX);
      put(out, kOtherName);
      put(out, static_cast<std::uint8_t>(name.size()));
      out.insert(out.end(), as_bytes(name).begin(), as_bytes(name).end());
    }
    put(out, static_cast<std::uint32_t>(file.bytes.size()) | (file.is_folder ? kFolderBit : 0U));
    const auto pieces = pieces_of(file.bytes);
    put(out, static_cast<std::uint16_t>(pieces.size()));
    for (const Piece& piece : pieces) {
      put(out, static_cast<std::uint32_t>(piece.begin));
      put(out, static_cast<std::uint32_t>(piece.end - piece.begin));
      out.insert(out.end(), file.bytes.begin() + static_cast<std::ptrdiff_t>(piece.begin),
                 file.bytes.begin() + static_cast<std::ptrdiff_t>(piece.end));
    }
  }
  return out;
}

ArchiveFile* find_file(Archive& archive, std::string_view name) {
  const auto found = std::ranges::find(archive, name, &ArchiveFile::name);
  return found == archive.end() ? nullptr : &*found;
}

}  // namespace tidemark::fuzz
