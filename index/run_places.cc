// SPDX-License-Identifier: Apache-2.0
#include "index/run_places.h"

#include <algorithm>
#include <array>

namespace tidemark::index {

namespace {

constexpr std::uint8_t kPlain = 0xFF;  // in the place of the first width: the places stand there as they are
constexpr std::uint64_t kPlainBytes = 12;
constexpr unsigned kWidthMax = 32;

// Events follow each other closely, whether one frame holds them or each has its own: what is kept is the step from
// address to address (frame + offset), and for those that begin a frame their offset in it. All sums wrap.
struct Steps {
  unsigned step_width = 0;
  unsigned offset_width = 0;
  std::uint32_t begins = 0;  // a bit an event: its frame is another than that of the event before
  std::uint64_t frame = 0;   // of the first
  std::uint64_t offset = 0;  // of the first
  std::uint64_t step_min = 0;
  std::uint64_t offset_min = 0;
  const std::byte* bits = nullptr;
};

std::uint64_t address(const Place& place) { return place.frame + place.offset; }

bool read_steps(ByteCursor& from, std::uint8_t step_width, std::uint64_t count, Steps& into) {
  into.step_width = step_width;
  into.offset_width = from.byte();
  into.begins = load_number<std::uint32_t>(from.skip(sizeof into.begins));
  into.frame = from.varint();
  into.offset = from.varint();
  into.step_min = from.varint();
  into.offset_min = from.varint();
  into.bits = from.here();
  if (!from.is_good() || into.step_width > kWidthMax || into.offset_width > kWidthMax) { return false; }
  // The first event begins no frame, nor do those that are not there.
  if ((into.begins & 1U) != 0 || std::uint64_t{into.begins} >> count != 0) { return false; }
  const auto begun = static_cast<std::uint64_t>(std::popcount(into.begins));
  return bytes_of_bits((count - 1) * into.step_width + begun * into.offset_width) == from.left();
}

bool decode_steps(const Steps& steps, std::uint64_t count, std::span<Place> into) {
  std::uint64_t frame = steps.frame;
  std::uint64_t here = steps.frame + steps.offset;
  std::uint64_t step_at = 0;
  std::uint64_t offset_at = (count - 1) * steps.step_width;
  for (std::size_t i = 0; i < into.size(); ++i) {
    if (i > 0) {
      here += steps.step_min + read_bits(steps.bits, step_at, steps.step_width);
      step_at += steps.step_width;
    }
    if ((steps.begins >> i & 1U) != 0) {
      frame = here - (steps.offset_min + read_bits(steps.bits, offset_at, steps.offset_width));
      offset_at += steps.offset_width;
    }
    const std::uint64_t offset = here - frame;
    if (offset > std::numeric_limits<std::uint32_t>::max()) { return false; }
    into[i] = {.frame = frame, .offset = static_cast<std::uint32_t>(offset)};
  }
  return true;
}

std::uint64_t sum_steps(const Steps& steps, std::uint64_t from, std::uint64_t until) {
  std::uint64_t sum = (until - from) * steps.step_min;
  std::uint64_t bit = from * steps.step_width;
  for (std::uint64_t i = from; i < until; ++i, bit += steps.step_width) {
    sum += read_bits(steps.bits, bit, steps.step_width);
  }
  return sum;
}

bool decode_one(const Steps& steps, std::uint64_t count, std::uint64_t index, Place& into) {
  std::uint64_t here = steps.frame + steps.offset;
  std::uint64_t frame = steps.frame;
  std::uint64_t passed = 0;
  const std::uint64_t begun = steps.begins & low_bits(static_cast<unsigned>(index) + 1);
  if (begun != 0) {  // its frame begins with the last of these
    passed = bits_of(begun) - 1;
    here += sum_steps(steps, 0, passed);
    const auto before = static_cast<std::uint64_t>(std::popcount(begun)) - 1;
    const std::uint64_t bit = (count - 1) * steps.step_width + before * steps.offset_width;
    frame = here - (steps.offset_min + read_bits(steps.bits, bit, steps.offset_width));
  }
  here += sum_steps(steps, passed, index);
  if (here - frame > std::numeric_limits<std::uint32_t>::max()) { return false; }
  into = {.frame = frame, .offset = static_cast<std::uint32_t>(here - frame)};
  return true;
}

bool decode_plain(ByteCursor& from, std::uint64_t count, std::span<Place> into) {
  if (from.left() != count * kPlainBytes) { return false; }
  for (Place& place : into) {
    place.frame = load_number<std::uint64_t>(from.skip(sizeof place.frame));
    place.offset = load_number<std::uint32_t>(from.skip(sizeof place.offset));
  }
  return true;
}

}  // namespace

void encode_place_block(std::span<const Place> places, ByteBuffer& into) {
  Steps steps;
  std::uint64_t step_max = 0;
  std::uint64_t offset_max = 0;
  steps.step_min = ~std::uint64_t{0};
  steps.offset_min = ~std::uint64_t{0};
  for (std::size_t i = 1; i < places.size(); ++i) {
    const std::uint64_t step = address(places[i]) - address(places[i - 1]);
    steps.step_min = std::min(steps.step_min, step);
    step_max = std::max(step_max, step);
    if (places[i].frame == places[i - 1].frame) { continue; }
    steps.begins |= 1U << i;
    steps.offset_min = std::min<std::uint64_t>(steps.offset_min, places[i].offset);
    offset_max = std::max<std::uint64_t>(offset_max, places[i].offset);
  }
  if (places.size() == 1) { steps.step_min = 0; }
  if (steps.begins == 0) { steps.offset_min = 0; }
  if (step_max >= std::uint64_t{1} << kWidthMax) {
    into.push_back(static_cast<std::byte>(kPlain));
    for (const Place& place : places) {
      put_number(into, place.frame);
      put_number(into, place.offset);
    }
    return;
  }
  steps.step_width = bits_of(step_max - steps.step_min);
  steps.offset_width = bits_of(offset_max - steps.offset_min);
  into.push_back(static_cast<std::byte>(steps.step_width));
  into.push_back(static_cast<std::byte>(steps.offset_width));
  put_number(into, steps.begins);
  put_varint(into, places[0].frame);
  put_varint(into, places[0].offset);
  put_varint(into, steps.step_min);
  put_varint(into, steps.offset_min);
  BitWriter bits(into);
  for (std::size_t i = 1; i < places.size(); ++i) {
    bits.add(address(places[i]) - address(places[i - 1]) - steps.step_min, steps.step_width);
  }
  for (std::size_t i = 1; i < places.size(); ++i) {
    if ((steps.begins >> i & 1U) != 0) { bits.add(places[i].offset - steps.offset_min, steps.offset_width); }
  }
  bits.flush();
}

bool decode_place(const std::byte* block, std::uint64_t size, std::uint64_t count, std::uint64_t index, Place& into) {
  ByteCursor from(block, size);
  const std::uint8_t mode = from.byte();
  if (mode == kPlain) {
    from.skip(std::min(index * kPlainBytes, from.left()));
    return size == 1 + count * kPlainBytes && decode_plain(from, count - index, std::span(&into, 1));
  }
  Steps steps;
  return read_steps(from, mode, count, steps) && decode_one(steps, count, index, into);
}

bool decode_place_block(const std::byte* block, std::uint64_t size, std::uint64_t count, std::span<Place> into) {
  ByteCursor from(block, size);
  const std::uint8_t mode = from.byte();
  if (mode == kPlain) { return decode_plain(from, count, into); }
  Steps steps;
  return read_steps(from, mode, count, steps) && decode_steps(steps, count, into);
}

}  // namespace tidemark::index
