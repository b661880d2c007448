// SPDX-License-Identifier: Apache-2.0
// Goal: a run is written as the format says, the same bytes whatever way they go; what cannot be written is a clear
// error and leaves no run. Method: golden bytes; files that fail at every call; memory that fails at every allocation;
// sources that lie.
#include "index/run_writer.h"

#include <array>
#include <gtest/gtest.h>

#include "platform/sim/sim_file_system.h"
#include "tests/damage/failing_new.h"
#include "tests/index/golden_run.h"
#include "tests/index/run_model.h"

namespace tidemark::index {
namespace {

using platform::OpenMode;
using platform::SeamCall;
using platform::SeamFault;
using test::id_of;
using test::Model;
using test::random_model;

std::unique_ptr<platform::File> create(platform::SimFileSystem& files) {
  (void)files.unlink("/folder/run");
  auto file = files.open("/folder/run", OpenMode::kCreate);
  EXPECT_TRUE(file.has_value());
  return file ? std::move(*file) : nullptr;
}

// Changing a byte here is changing the format: see docs/format/README.md.
TEST(RunWriter, GoldenBytes) {
  std::uint64_t base = 0;
  MemoryRunSource source(Position(1000), [&](const Key&) -> Result<std::uint64_t> { return base++ % 3 * 200; });
  for (std::uint64_t i = 0; i < 150; ++i) {
    const std::string stream = "order-" + std::to_string(i * i % 12);
    const std::vector<Key> keys = {make_key(KeyKind::kStream, stream), make_key(KeyKind::kCategory, "order"),
                                   make_key(KeyKind::kType, i % 7 == 0 ? "Opened" : "Changed")};
    const Place place = {.frame = 512 + i / 4 * 1000, .offset = static_cast<std::uint32_t>(40 + i % 4 * 200 + i % 3)};
    EXPECT_TRUE(i == 77 ? source.add(keys, std::nullopt, Place::nowhere()) : source.add(keys, id_of(i), place));
  }
  RunOptions options;
  for (std::size_t i = 0; i < options.log_id.size(); ++i) { options.log_id[i] = static_cast<std::byte>(0x20 + i); }
  const std::array note = {std::byte{'n'}, std::byte{'o'}, std::byte{'t'}, std::byte{'e'}};
  options.note = note;
  const auto bytes = build_run(source, options);
  ASSERT_TRUE(bytes.has_value());
  EXPECT_EQ(test::rows_of(*bytes), test::kGoldenRun);
}

TEST(RunWriter, TheFileHasTheBytesThatMemoryHas) {
  for (const std::uint64_t events : {1U, 500U, 60'000U, 200'000U}) {
    const Model model = random_model(events, events, 1 + events / 3);
    platform::SimFileSystem files;
    EXPECT_TRUE(files.make_folder("/folder"));
    const auto file = create(files);
    const auto size = write_run(*model.source(0, events), model.options(), *file);
    ASSERT_TRUE(size.has_value()) << to_string(size.error());
    const auto bytes = model.bytes(0, events);
    EXPECT_EQ(*size, bytes.size());
    EXPECT_TRUE(files.contents("/folder/run") == bytes);
    const auto run = index::Run::open(*file, "/folder/run");
    ASSERT_TRUE(run.has_value());
    if (events < 1000) { test::expect_equal(model, **run, 0, events); }
  }
}

TEST(RunWriter, TheTableOfKeysInPartsIsTheSame) {
  Model model = random_model(1, 4000, 1500);
  for (int collide = 0; collide < 2; ++collide) {
    const auto whole = model.bytes(0, 4000);
    for (const std::uint64_t bytes_max : {0U, 8U, 100U, 1000U, 8000U}) {
      RunOptions options = model.options();
      options.table_bytes_max = bytes_max;
      // One key at a time would take as many rounds as there are keys.
      if (bytes_max < 100 && collide == 0) { options.table_bytes_max = 400; }
      const auto parts = build_run(*model.source(0, 4000), options);
      ASSERT_TRUE(parts.has_value());
      EXPECT_TRUE(*parts == whole) << bytes_max;
    }
    model.hasher = [](std::span<const std::byte> name, std::uint64_t) {
      return platform::Hash128{.low = std::uint64_t{name.size() % 3} << 62U, .high = 0};
    };
  }
}

TEST(RunWriter, AFailedWriteIsTold) {
  const Model model = random_model(8, 200'000, 100'000);
  for (std::uint64_t failing = 1; failing < 8; ++failing) {
    platform::SimFileSystem files;
    EXPECT_TRUE(files.make_folder("/folder"));
    const auto file = create(files);
    std::uint64_t writes = 0;
    files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
      if (call.kind != SeamCall::Kind::kPwritev || ++writes != failing) { return std::nullopt; }
      return SeamFault{.error = failing % 2 == 0 ? ENOSPC : EIO, .only = 100};
    });
    const auto size = write_run(*model.source(0, 200'000), model.options(), *file);
    if (writes < failing) {
      EXPECT_GT(failing, 4U) << "several pieces, the checksums, the header";
      EXPECT_TRUE(size.has_value());
      break;
    }
    ASSERT_FALSE(size.has_value());
    EXPECT_EQ(size.error().code(), failing % 2 == 0 ? ErrorCode::kNoSpace : ErrorCode::kIo);
    EXPECT_EQ(writes, failing) << "nothing is written after a failed write";
    files.set_fault_rule(nullptr);
    EXPECT_FALSE(index::Run::open(*file, "/folder/run").has_value());
  }
}

TEST(RunWriter, ShortWritesGoOn) {
  const Model model = random_model(8, 3000, 1000);
  platform::SimFileSystem files;
  EXPECT_TRUE(files.make_folder("/folder"));
  const auto file = create(files);
  files.set_fault_rule([&](const SeamCall& call) -> std::optional<SeamFault> {
    if (call.kind != SeamCall::Kind::kPwritev) { return std::nullopt; }
    return SeamFault{.error = 0, .only = 777};
  });
  ASSERT_TRUE(write_run(*model.source(0, 3000), model.options(), *file).has_value());
  EXPECT_TRUE(files.contents("/folder/run") == model.bytes(0, 3000));
}

TEST(RunWriter, EveryAllocationThatFails) {
  const Model model = random_model(8, 700, 50);
  const auto whole = model.bytes(0, 700);
  bool done = false;
  for (std::uint64_t n = 1; !done; ++n) {
    auto source = model.source(0, 700);
    const RunOptions options = model.options();
    damage::arm_memory(n, n % 2 == 0 ? damage::Failing::kOnce : damage::Failing::kFromThen);
    auto built = build_run(*source, options);
    const std::uint64_t failed = damage::disarm_memory();
    done = failed == 0;
    ASSERT_EQ(built.has_value(), done) << n;
    if (!done) { ASSERT_EQ(built.error().code(), ErrorCode::kOutOfMemory); }
    if (done) { EXPECT_TRUE(*built == whole); }
  }
  done = false;
  for (std::uint64_t n = 1; !done; ++n) {
    std::vector<Position> candidates;
    bool answered = true;
    damage::arm_memory(n, damage::Failing::kFromThen);
    const auto run = index::Run::over(whole);
    if (run) {
      const auto listed = (*run)->list(KeyKind::kStream, std::nullopt, "", 50);
      const auto asked = (*run)->candidates(*model.events[0].id, candidates);
      answered = listed && asked;
      if (!listed) { EXPECT_EQ(listed.error().code(), ErrorCode::kOutOfMemory); }
      if (!asked) { EXPECT_EQ(asked.error().code(), ErrorCode::kOutOfMemory); }
    }
    done = damage::disarm_memory() == 0;
    if (!run) { EXPECT_EQ(run.error().code(), ErrorCode::kOutOfMemory); }
    EXPECT_EQ(run && answered, done) << n;
  }
}

TEST(RunWriter, AnAllocationThatFailsWhileEventsAreAdded) {
  for (std::uint64_t n = 1; n < 40; ++n) {
    MemoryRunSource source(Position(0), [](const Key&) -> Result<std::uint64_t> { return 0; });
    const Key keys[] = {make_key(KeyKind::kStream, "some stream of which the name is long"),
                        make_key(KeyKind::kType, "t")};
    Status added;
    damage::arm_memory(n, damage::Failing::kOnce);
    for (int i = 0; i < 100 && added; ++i) { added = source.add(keys, id_of(1), {}); }
    const std::uint64_t failed = damage::disarm_memory();
    EXPECT_EQ(added.has_value(), failed == 0);
    if (!added) { EXPECT_EQ(added.error().code(), ErrorCode::kOutOfMemory); }
  }
}

TEST(RunWriter, RefusesWhatARunCannotHold) {
  const auto base = [](const Key&) -> Result<std::uint64_t> { return 0; };
  MemoryRunSource none(Position(5), base);
  EXPECT_EQ(build_run(none, {}).error().code(), ErrorCode::kInvalidArgument);

  MemoryRunSource long_name(Position(5), base);
  const std::string name(kKeyNameBytesMax + 1, 'x');
  EXPECT_TRUE(long_name.add(std::vector{make_key(KeyKind::kTag, name)}, id_of(1), {}));
  EXPECT_EQ(build_run(long_name, {}).error().code(), ErrorCode::kLimitExceeded);

  MemoryRunSource good(Position(5), base);
  EXPECT_TRUE(good.add({}, id_of(1), {}));
  const std::vector<std::byte> note(kRunNoteBytesMax + 1);
  EXPECT_EQ(build_run(good, {.note = note}).error().code(), ErrorCode::kLimitExceeded);
  EXPECT_TRUE(build_run(good, {.note = std::span(note).first(kRunNoteBytesMax)}).has_value());

  MemoryRunSource unlucky(
      Position(5), [](const Key&) -> Result<std::uint64_t> { return std::unexpected(Error(ErrorCode::kIo, "no")); });
  EXPECT_TRUE(unlucky.add(std::vector{make_key(KeyKind::kTag, "t")}, id_of(1), {}));
  EXPECT_EQ(build_run(unlucky, {}).error().code(), ErrorCode::kIo);
}

// A source of four events that can be told to lie.
class Liar final : public RunSource {
 public:
  std::vector<KeyHead> keys = {{KeyKind::kStream, "a", 0, 2}, {KeyKind::kStream, "b", 0, 2}};
  std::vector<std::uint32_t> positions = {0, 1, 2, 3};
  std::vector<HashedValue> ids = {{5, 0}, {5, 1}, {7, 3}};
  std::uint64_t ids_said = 3;
  std::size_t keys_later = 2;  // at the second look

  Position first() const override { return Position(10); }
  Position end() const override { return Position(14); }
  std::uint64_t id_count() const override { return ids_said; }
  Status start() override { return {}; }
  Result<bool> next_key(KeyHead& into) override {
    if (key_ == keys.size()) { return false; }
    into = keys[key_++];
    return true;
  }
  Status next_positions(std::span<std::uint32_t> into) override {
    for (auto& one : into) { one = positions[position_++]; }
    return {};
  }
  Status rewind_keys() override {
    key_ = 0;
    keys.resize(keys_later);
    return {};
  }
  Status next_ids(std::span<HashedValue> into) override {
    for (auto& one : into) { one = ids[id_++]; }
    return {};
  }
  Status next_places(std::span<Place>) override { return {}; }

 private:
  std::size_t key_ = 0;
  std::size_t position_ = 0;
  std::size_t id_ = 0;
};

TEST(RunWriter, SourcesThatLieAreFound) {
  EXPECT_TRUE(build_run(*std::make_unique<Liar>(), {}).has_value());
  const auto refuses = [](auto change, const RunOptions& options = {}) {
    Liar liar;
    change(liar);
    const auto built = build_run(liar, options);
    return !built && built.error().code() == ErrorCode::kDamaged;
  };
  EXPECT_TRUE(refuses([](Liar& liar) { liar.keys[1].name = "a"; }));
  EXPECT_TRUE(refuses([](Liar& liar) { liar.keys[0].name = "c"; }));
  EXPECT_TRUE(refuses([](Liar& liar) { liar.keys[0].kind = KeyKind::kTag; }));
  EXPECT_TRUE(refuses([](Liar& liar) { liar.keys[0].count = 0; }));
  EXPECT_TRUE(refuses([](Liar& liar) { liar.keys[0].count = 5; }));
  EXPECT_TRUE(refuses([](Liar& liar) { liar.keys[0].base = ~std::uint64_t{0}; }));
  EXPECT_TRUE(refuses([](Liar& liar) { liar.positions = {0, 0, 2, 3}; }));
  EXPECT_TRUE(refuses([](Liar& liar) { liar.positions = {1, 0, 2, 3}; }));
  EXPECT_TRUE(refuses([](Liar& liar) { liar.positions = {0, 1, 2, 4}; }));
  EXPECT_TRUE(refuses([](Liar& liar) { liar.ids[2].hash = 4; }));
  EXPECT_TRUE(refuses([](Liar& liar) { std::swap(liar.ids[0], liar.ids[1]); }));
  EXPECT_TRUE(refuses([](Liar& liar) { liar.ids[2].value = 4; }));
  EXPECT_TRUE(refuses([](Liar& liar) { liar.ids[2].hash = std::uint64_t{1} << kIdHashBits; }));
  EXPECT_TRUE(refuses([](Liar& liar) { liar.ids_said = 5; }));
  EXPECT_TRUE(refuses([](Liar& liar) { liar.keys_later = 1; }, {.table_bytes_max = 8}));
}

}  // namespace
}  // namespace tidemark::index
