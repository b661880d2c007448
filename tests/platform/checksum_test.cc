// SPDX-License-Identifier: Apache-2.0
// Goal: the checksums are the published functions, so that files can be read by others and by later versions.
// Method: published check values, and values from a bitwise CRC and from the shared library of xxHash.
#include "platform/checksum.h"

#include <gtest/gtest.h>
#include <vector>

#include "tidemark/types.hpp"

namespace tidemark::platform {
namespace {

std::vector<std::byte> pattern() {
  std::vector<std::byte> bytes(1000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>((i * 7 + 3) & 0xFF);
  return bytes;
}

TEST(Crc32c, KnownValues) {
  EXPECT_EQ(crc32c({}), 0u);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283u);
  EXPECT_EQ(crc32c(std::vector<std::byte>(32)), 0x8A9136AAu);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte{0xFF})), 0x62A8AB43u);
  EXPECT_EQ(crc32c(pattern()), 0xDD2EDFF7u);
}

TEST(Xxh3, KnownValuesOf64Bits) {
  EXPECT_EQ(xxh3_64({}), 0x2D06800538D394C2u);
  EXPECT_EQ(xxh3_64(as_bytes("a")), 0xE6C632B61E964E1Fu);
  EXPECT_EQ(xxh3_64(as_bytes("tidemark")), 0x1AD33D63E54A5581u);
  EXPECT_EQ(xxh3_64(pattern()), 0x6C4F14BD97BD9E82u);
  EXPECT_EQ(xxh3_64(pattern(), 42), 0xF0F163846CBF0C33u);
}

TEST(Xxh3, KnownValuesOf128Bits) {
  EXPECT_EQ(xxh3_128({}), (Hash128{.low = 0x6001C324468D497F, .high = 0x99AA06D3014798D8}));
  EXPECT_EQ(xxh3_128(as_bytes("tidemark")), (Hash128{.low = 0x327E5F0227A23053, .high = 0x4CEE4796E60B0C9E}));
  EXPECT_EQ(xxh3_128(pattern(), 42), (Hash128{.low = 0xF0F163846CBF0C33, .high = 0xC281146F104D47F7}));
}

}  // namespace
}  // namespace tidemark::platform
