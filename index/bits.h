// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

// Numbers of odd widths, as the run files have them.
namespace tidemark::index {

static_assert(std::endian::native == std::endian::little, "run files are little-endian and read in place");

using ByteBuffer = std::vector<std::byte>;

template <class T>
[[nodiscard]] T load_number(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
void put_number(ByteBuffer& into, T value) {
  const std::size_t at = into.size();
  into.resize(at + sizeof value);
  std::memcpy(into.data() + at, &value, sizeof value);
}

[[nodiscard]] constexpr std::uint64_t low_bits(unsigned width) { return (std::uint64_t{1} << width) - 1; }
[[nodiscard]] constexpr unsigned bits_of(std::uint64_t value) { return static_cast<unsigned>(std::bit_width(value)); }
[[nodiscard]] constexpr std::uint64_t bytes_of_bits(std::uint64_t bits) { return (bits + 7) / 8; }

inline constexpr unsigned kPackedBitsMax = 56;

// The number of `width` bits, at most kPackedBitsMax, that begins at a bit. Reads the 8 bytes from that bit's byte on.
[[nodiscard]] inline std::uint64_t read_bits(const std::byte* from, std::uint64_t bit, unsigned width) {
  return load_number<std::uint64_t>(from + bit / 8) >> (bit % 8) & low_bits(width);
}

// Appends numbers one behind the other, lowest bit first.
class BitWriter {
 public:
  explicit BitWriter(ByteBuffer& into) : into_(into) {}
  void add(std::uint64_t value, unsigned width) {
    held_ |= value << used_;
    used_ += width;
    const std::size_t whole = used_ / 8;
    if (whole == 0) { return; }
    const std::size_t at = into_.size();
    into_.resize(at + whole);
    std::memcpy(into_.data() + at, &held_, whole);
    held_ >>= whole * 8;
    used_ %= 8;
  }
  // Fills the last byte up with zero bits.
  void flush() {
    if (used_ > 0) { into_.push_back(static_cast<std::byte>(held_)); }
    held_ = 0;
    used_ = 0;
  }

 private:
  ByteBuffer& into_;
  std::uint64_t held_ = 0;
  unsigned used_ = 0;  // below 8 between calls
};

// An offset of five bytes.
inline constexpr std::uint64_t kOffset40Bytes = 5;
[[nodiscard]] inline std::uint64_t load_offset40(const std::byte* from) { return read_bits(from, 0, 40); }
inline void put_offset40(ByteBuffer& into, std::uint64_t value) {
  const std::size_t at = into.size();
  into.resize(at + kOffset40Bytes);
  std::memcpy(into.data() + at, &value, kOffset40Bytes);
}

// Seven bits a byte, the lowest first; the highest bit says that another byte follows.
inline constexpr std::uint64_t kVarintBytesMax = 10;
inline void put_varint(ByteBuffer& into, std::uint64_t value) {
  while (value >= 0x80) {
    into.push_back(static_cast<std::byte>(value | 0x80));
    value >>= 7U;
  }
  into.push_back(static_cast<std::byte>(value));
}

// Reads bytes that may be anything. Once something is missing or makes no sense it is bad and gives zeros.
class ByteCursor {
 public:
  ByteCursor(const std::byte* begin, std::uint64_t size) : at_(begin), end_(begin + size) {}

  [[nodiscard]] bool is_good() const { return good_; }
  [[nodiscard]] std::uint64_t left() const { return static_cast<std::uint64_t>(end_ - at_); }
  [[nodiscard]] const std::byte* here() const { return at_; }

  std::uint8_t byte() {
    if (at_ == end_) { return fail(); }
    return static_cast<std::uint8_t>(*at_++);
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint64_t next = byte();
      value |= (next & 0x7F) << shift;
      if ((next & 0x80) == 0) { return shift == 63 && next > 1 ? fail() : value; }
    }
    return fail();
  }
  const std::byte* skip(std::uint64_t n) {
    if (n > left()) {
      fail();
      return at_;
    }
    const std::byte* from = at_;
    at_ += n;
    return from;
  }

 private:
  std::uint8_t fail() {
    good_ = false;
    at_ = end_;
    return 0;
  }

  const std::byte* at_;
  const std::byte* end_;
  bool good_ = true;
};

}  // namespace tidemark::index
