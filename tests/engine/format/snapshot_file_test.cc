// SPDX-License-Identifier: Apache-2.0
// Goal: the directory of a file of snapshots has the bytes that docs/format/snapshot.md says, comes back from them, and
// comes from no others; a stream's file has one name. Method: a golden directory, byte by byte; every change of it.
// What a file does to a store is in tests/store/snapshot_test.cc.
#include "engine/format/snapshot_file.h"

#include <chrono>
#include <gtest/gtest.h>
#include <string>

#include "tests/engine/format/hex.h"

namespace tidemark::engine {
namespace {

using test::hex_of;

FileId log_id() {
  FileId id{};
  for (std::size_t i = 0; i < id.size(); ++i) { id[i] = std::byte{static_cast<unsigned char>(0xA0 + i)}; }
  return id;
}

SnapshotDirectory sample() {
  SnapshotDirectory directory{.log_id = log_id(), .stream = "order-7", .entries = {}};
  directory.entries.push_back({.version = Version(3),
                               .position = Position(0x0102),
                               .recorded = RecordedTime(std::chrono::nanoseconds(5)),
                               .taken = RecordedTime(std::chrono::nanoseconds(6)),
                               .event_id = EventId(log_id()),
                               .schema = "s/1",
                               .state_bytes = 2,
                               .state_checksum = 0x1122334455667788});
  directory.entries.push_back({.version = Version(9),
                               .position = Position(0x0304),
                               .recorded = RecordedTime(std::chrono::nanoseconds(-1)),
                               .taken = RecordedTime(std::chrono::nanoseconds(8)),
                               .event_id = EventId(),
                               .schema = "",
                               .state_bytes = 0,
                               .state_checksum = 7});
  return directory;
}
constexpr std::uint64_t kFileBytes = 56 + 2 * 72 + 7 + 3 + 2;

TEST(SnapshotFile, Golden) {
  const auto bytes = encode_snapshot_directory(sample());
  EXPECT_EQ(hex_of(std::span(bytes).first(8)), "544d4553534e5000");
  EXPECT_EQ(hex_of(std::span(bytes).subspan(8)),
            "474250bbdb85425c"                  // checksum
            "0100000002000000"                  // version, count
            "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"  // log id
            "d400000000000000d200000007000000"  // file_bytes, directory_bytes, name_bytes
            "03000000000000000201000000000000"  // a record: version, position
            "05000000000000000600000000000000"  // recorded, taken
            "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"  // event id
            "02000000000000008877665544332211"  // state: bytes, checksum
            "0300000000000000"                  // schema bytes
            "09000000000000000403000000000000"  // another
            "ffffffffffffffff0800000000000000"
            "00000000000000000000000000000000"
            "00000000000000000700000000000000"
            "0000000000000000"
            "6f726465722d37732f31");  // the texts
}

TEST(SnapshotFile, ThereAndBack) {
  auto expected = sample();
  const auto bytes = encode_snapshot_directory(expected);
  ASSERT_EQ(snapshot_directory_bytes(bytes), bytes.size());
  expected.entries[0].state_offset = bytes.size();
  expected.entries[1].state_offset = bytes.size() + 2;
  EXPECT_EQ(decode_snapshot_directory(bytes, kFileBytes), expected);
  EXPECT_FALSE(decode_snapshot_directory(bytes, kFileBytes + 1));
  EXPECT_FALSE(decode_snapshot_directory(bytes, bytes.size()));
  EXPECT_FALSE(is_other_snapshot_version(bytes));
}

TEST(SnapshotFile, NoOtherBytes) {
  const auto bytes = encode_snapshot_directory(sample());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      auto other = bytes;
      other[i] ^= std::byte{static_cast<unsigned char>(1U << bit)};
      EXPECT_FALSE(decode_snapshot_directory(other, kFileBytes)) << i;
      EXPECT_EQ(is_other_snapshot_version(other), i >= 16 && i < 20) << i;
    }
    EXPECT_FALSE(decode_snapshot_directory(std::span(bytes).first(i), kFileBytes)) << i;
  }
}

TEST(SnapshotFile, AFullDirectoryFits) {
  SnapshotDirectory directory{
      .log_id = log_id(), .stream = std::string(limits::kStreamNameBytesMax, 'n'), .entries = {}};
  for (std::uint32_t i = 0; i < limits::kSnapshotsPerStreamMax; ++i) {
    SnapshotEntry entry;
    entry.schema = std::string(limits::kSnapshotSchemaBytesMax, 's');
    entry.state_bytes = limits::kSnapshotBytesMax;
    directory.entries.push_back(entry);
  }
  const auto bytes = encode_snapshot_directory(directory);
  EXPECT_EQ(bytes.size(), kSnapshotDirectoryBytesMax);
  const std::uint64_t size = bytes.size() + limits::kSnapshotsPerStreamMax * std::uint64_t{limits::kSnapshotBytesMax};
  EXPECT_TRUE(decode_snapshot_directory(bytes, size));
}

TEST(SnapshotFileName, OneForAStream) {
  const SnapshotPlace place = snapshot_place("order-7");
  EXPECT_EQ(place.folder + " " + place.file, "55 559a54927d0be7dff7ad37c0ce664fea.snap");
  const auto parsed = parse_snapshot_file_name(place.file);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->hash, place.hash);
  EXPECT_FALSE(parsed->is_temporary);
  EXPECT_TRUE(parse_snapshot_file_name(place.file + ".tmp")->is_temporary);
  for (std::size_t i = 0; i < place.file.size(); ++i) {
    for (const char c : {'G', 'A', '-', '+', ' ', '\0'}) {
      auto other = place.file;
      other[i] = c;
      EXPECT_FALSE(parse_snapshot_file_name(other)) << other;
    }
    EXPECT_FALSE(parse_snapshot_file_name(std::string_view(place.file).substr(i + 1)));
  }
  EXPECT_FALSE(parse_snapshot_file_name(place.file + ".tmp.tmp"));
}

}  // namespace
}  // namespace tidemark::engine
