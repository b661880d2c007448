// SPDX-License-Identifier: Apache-2.0
#include "tests/damage/sample.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>

#include "engine/format/frame.h"
#include "engine/format/index_file.h"
#include "engine/format/segment.h"
#include "engine/format/superblock.h"
#include "engine/recovery/index_files.h"
#include "engine/recovery/verify.h"

namespace tidemark::damage {

namespace {

const std::filesystem::path kFolder = "/sim/store";
constexpr std::uint64_t kSeed = 7;
constexpr std::uint64_t kOtherSeed = 8;

template <class T>
T must(Result<T> result) {
  if (!result) { throw std::runtime_error("a sample cannot be made: " + to_string(result.error())); }
  if constexpr (!std::is_void_v<T>) { return std::move(*result); }
}

void must_be(bool good, const char* what) {
  if (!good) { throw std::runtime_error(std::string("a sample is not as it should be: ") + what); }
}

}  // namespace

// --- the twin ---

std::filesystem::path Twin::path_of(const std::string& name) { return kFolder / name; }

Result<Store> Twin::open(const OpenOptions& options, bool threads) {
  auto core = engine::open_store(kFolder, options, environment(threads));
  if (!core) { return std::unexpected(std::move(core.error())); }
  return Store(std::move(*core));
}

Result<VerifyReport> Twin::verify() { return engine::verify_store(kFolder, environment(), {}); }

FileMap Twin::snapshot() const {
  FileMap all;
  for (const auto& path : files.files()) {
    if (auto bytes = files.contents(path)) { all.emplace(path.filename().string(), std::move(*bytes)); }
  }
  return all;
}

void Twin::restore(const FileMap& all) {
  for (const auto& path : files.files()) {
    if (!all.contains(path.filename().string())) { files.remove(path); }
  }
  for (const auto& [name, bytes] : all) { files.set_contents(kFolder / name, bytes); }
}

// --- facts ---

std::vector<FrameAt> frames_of(const FileMap& files) {
  std::vector<FrameAt> frames;
  for (const auto& [name, bytes] : files) {
    if (!engine::parse_segment_file_name(name) || bytes.size() < engine::kSegmentHeaderBytes) { continue; }
    const auto segment = engine::load_as<engine::SegmentHeader>(bytes.data());
    engine::FrameHeader header{};
    std::uint64_t at = engine::kSegmentHeaderBytes;
    while (at < bytes.size() && engine::read_frame_header(std::span(bytes).subspan(at),
                                                          {segment.log_id, segment.number, at}, bytes.size(), header)) {
      const std::uint64_t end = engine::frame_end(at, header.table_bytes, header.body_bytes);
      if (end > bytes.size() || !engine::frame_is_whole(std::span(bytes).subspan(at, end - at), header)) { break; }
      frames.push_back({name, at, end, segment.base, header.durable, header.first_position, header.event_count});
      at = end;
    }
  }
  return frames;
}

std::uint64_t superblock_watermark_of(const FileMap& files) {
  std::uint64_t highest = 0;
  for (const std::string_view name : engine::kSuperblockNames) {
    const auto found = files.find(std::string(name));
    engine::Superblock superblock{};
    if (found == files.end() || found->second.size() != engine::kSuperblockBytes) { continue; }
    if (engine::decode_superblock(found->second, superblock) != engine::BlockState::kGood) { continue; }
    highest = std::max(highest, superblock.durable_end);
  }
  return highest;
}

std::uint64_t index_watermark_of(const FileMap& files) {
  platform::SimFileSystem folder;
  engine::FileId log_id{};
  for (const auto& [name, bytes] : files) {
    folder.set_contents(kFolder / name, bytes);
    const bool is_superblock = std::ranges::find(engine::kSuperblockNames, name) != std::end(engine::kSuperblockNames);
    engine::Superblock superblock{};
    if (!is_superblock || bytes.size() != engine::kSuperblockBytes) { continue; }
    if (engine::decode_superblock(bytes, superblock) == engine::BlockState::kGood) { log_id = superblock.log_id; }
  }
  const auto found = must(engine::find_index(folder, kFolder, log_id));
  return found.end ? found.end->point.offset.value() : 0;
}

std::uint64_t watermark_of(const FileMap& files, bool with_index) {
  std::uint64_t highest = superblock_watermark_of(files);
  if (with_index) { highest = std::max(highest, index_watermark_of(files)); }
  for (const FrameAt& frame : frames_of(files)) { highest = std::max(highest, frame.durable); }
  for (const auto& [name, bytes] : files) {
    if (!engine::parse_segment_file_name(name) || bytes.size() < engine::kSegmentFooterBytes) { continue; }
    engine::SegmentFooter footer{};
    const auto sector = std::span(bytes).last(engine::kSegmentFooterBytes);
    if (engine::decode_segment_footer(sector, footer) == engine::BlockState::kGood) {
      highest = std::max(highest, footer.durable);
    }
  }
  return highest;
}

const char* to_string(Ending ending) {
  switch (ending) {
    case Ending::kClosed:
      return "closed";
    case Ending::kTail:
      return "tail";
    case Ending::kIdle:
      return "idle";
    case Ending::kTorn:
      return "torn";
  }
  return "unknown";
}

Shape small_shape() { return {"small", 1000}; }
Shape large_shape() { return {"large", 3850}; }

Shape with_index(Shape shape) {
  shape.name += "-indexed";
  shape.indexed = true;
  return shape;
}

Payload usual_payload() {
  return [](std::size_t n, std::size_t size) {
    FileBytes bytes(size);
    if (n % 4 == 2) { return bytes; }
    const std::string text = "event " + std::to_string(n) + ", as it was. ";
    for (std::size_t i = 0; i < size; ++i) { bytes[i] = static_cast<std::byte>(text[i % text.size()]); }
    return bytes;
  };
}

std::size_t Sample::bytes() const {
  std::size_t n = 0;
  for (const auto& file : files) { n += file.second.size(); }
  return n;
}

// --- the making ---

namespace {

class Maker {
 public:
  Maker(const Shape& shape, Ending ending, const Payload& payload, std::uint64_t seed)
      : shape_(shape), ending_(ending), payload_(payload), twin_(seed) {
    sample_.name = shape.name + "." + to_string(ending);
    sample_.ending = ending;
    sample_.options.segment_bytes_first = limits::kSegmentBytesMin;
    sample_.options.segment_bytes_largest = limits::kSegmentBytesMin;
    sample_.index = {.files = shape.indexed, .table_events = 2, .merge_runs = 2, .close_events = 1};
  }

  Sample make() {
    first_session();
    second_session();
    switch (ending_) {
      case Ending::kClosed:
        last_group(*store_);
        moment("before close");
        must(store_->close());
        sample_.files = twin_.snapshot();
        break;
      case Ending::kTail:
        last_group(*store_);
        sample_.files = twin_.snapshot();
        break;
      case Ending::kIdle:
        must(store_->close());
        moment("closed twice");
        fall_idle();
        break;
      case Ending::kTorn:
        must(store_->append(one("b", 500)));
        tear();
        break;
    }
    store_.reset();
    look();
    return std::move(sample_);
  }

 private:
  void moment(const char* name) { sample_.moments.push_back({name, twin_.snapshot()}); }

  void add(Batch& batch, std::string_view stream, std::size_t size) {
    const FileBytes data = payload_(events_, size);
    const FileBytes metadata(events_ % 3 == 1 ? 20 : 0, std::byte{'m'});
    NewEvent event{.type = events_ % 2 == 0 ? "Opened" : "Moved", .data = data, .metadata = metadata};
    if (events_ % 5 == 0) { event.tags = {"tag:1", "tag:2"}; }
    if (events_ % 3 == 0) { event.valid = ValidTime(std::chrono::microseconds(1'600'000'000'000'000 + events_)); }
    std::array<std::byte, EventId::kSize> id{};
    for (std::size_t i = 0; i < id.size(); ++i) { id[i] = static_cast<std::byte>(1 + events_ * 31 + i * 7); }
    event.id = EventId(id);
    batch.to(stream).add(event);
    ++events_;
  }
  Batch one(std::string_view stream, std::size_t size) {
    Batch batch;
    add(batch, stream, size);
    return batch;
  }

  // Every event closes a table, and neighbours are merged.
  void first_session() {
    twin_.index = {.files = shape_.indexed, .table_events = 1, .merge_runs = 2, .close_events = 1};
    store_.emplace(must(twin_.open(sample_.options)));
    moment("created");
    must(store_->append(one("a", 200)));
    must(store_->append(one("b", 250)));
    moment("two events");
    Batch three;
    add(three, "a", 900);
    add(three, "b", 90);
    add(three, "c", 80);
    must(store_->append(three));
    must(store_->append(one("c", 300)));
    moment("first segment");
    must(store_->close());
    moment("closed once");
  }

  // Nothing is merged any more, and the last table is still in memory when the last group is appended.
  void second_session() {
    twin_.index = {.files = shape_.indexed, .table_events = 7, .merge_runs = 100, .close_events = 1};
    store_.emplace(must(twin_.open(sample_.options)));
    moment("opened again");
    Batch large;
    for (int i = 0; i < 10; ++i) { add(large, i % 2 == 0 ? "a" : "d", shape_.batch_event_bytes); }
    must(store_->append(large));
    must(store_->append(one("b", 300)));
    moment("second segment");
    // Does not fit any more.
    must(store_->append(one("c", 900)));
    moment("third segment");
    must(store_->append(one("e", 200)));
    moment("before the last group");
  }

  // Two frames, written and synced together: nothing later says that they are durable.
  void last_group(Store& store) {
    const Ticket first = must(store.submit(one("b", 500)));
    Batch batch;
    add(batch, "c", 100);
    add(batch, "a", 520);
    const Ticket second = must(store.submit(batch));
    must(second.wait());
    must(first.wait());
  }

  // With the threads that an idle log needs: the superblock is told, a spare segment is made. Then nothing happens any
  // more.
  void fall_idle() {
    store_.emplace(must(twin_.open(sample_.options, true)));
    last_group(*store_);
    const auto is_idle = [&] {
      const FileMap now = twin_.snapshot();
      return superblock_watermark_of(now) >= store_->info().durable_offset.value() &&
             now.contains(engine::segment_file_name(SegmentNumber(4)));
    };
    constexpr int kTries = 10'000;
    for (int i = 0; i < kTries && !is_idle(); ++i) {
      twin_.clock.advance(std::chrono::milliseconds(100));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    must_be(is_idle(), "the log does not fall idle");
    std::uint64_t calls = 0;
    do {
      calls = twin_.files.calls();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    } while (twin_.files.calls() != calls);
    sample_.files = twin_.snapshot();
  }

  // One more frame, of which only the beginning is written before the process dies.
  void tear() {
    twin_.files.set_fault_rule([](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
      if (call.kind != platform::SeamCall::Kind::kPwritev) { return std::nullopt; }
      return platform::SeamFault{.error = EIO, .only = 400};
    });
    Batch batch;
    add(batch, "c", 100);
    add(batch, "a", 520);
    must_be(!store_->append(batch), "a write that failed was acknowledged");
    twin_.files.set_fault_rule({});
    sample_.files = twin_.snapshot();
  }

  void look() {
    sample_.frames = frames_of(sample_.files);
    sample_.watermark = watermark_of(sample_.files, shape_.indexed);
    if (shape_.indexed) { sample_.indexed = index_watermark_of(sample_.files); }
    look_at_index();
    must_be(!sample_.frames.empty(), "it has no frames");
    sample_.active = sample_.frames.back().file;
    must_be(sample_.active == engine::segment_file_name(SegmentNumber(3)), "it has not three segments");
    const auto in_active = std::ranges::count(sample_.frames, sample_.active, &FrameAt::file);
    must_be(in_active >= 3, "its last segment does not begin before the last group");
    must_be(sample_.bytes() <= std::size_t{72} << 10U, "it is too large");

    Twin reader(kSeed, sample_.index);
    reader.restore(sample_.files);
    reader.machine.reboot();
    OpenOptions read_only = sample_.options;
    read_only.read_only = true;
    const Store store = must(reader.open(read_only));
    must(store.read(Query::all()).for_each([&](const Event& event) { sample_.events.emplace_back(event); }));
    const std::size_t unfinished = ending_ == Ending::kTorn ? 2 : 0;
    must_be(sample_.events.size() == events_ - unfinished, "it has not the events that were appended");
    for (std::size_t i = 0; i < sample_.events.size(); ++i) {
      const OwnedEvent& event = sample_.events[i];
      must_be(event.data == payload_(i, event.data.size()), "an event has other bytes than were appended");
    }
    const std::uint64_t end = sample_.frames.back().base + sample_.frames.back().end;
    const bool all_known = ending_ == Ending::kClosed || ending_ == Ending::kIdle;
    must_be(all_known ? sample_.watermark == end : sample_.watermark < end, "its watermark is elsewhere");
  }

  // A merged file for the events of the first segment, one of a single event, one of the large batch; and of what came
  // later, if the store was closed after that.
  void look_at_index() const {
    std::vector<engine::IndexRange> ranges;
    for (const auto& file : sample_.files) {
      if (const auto range = engine::parse_index_file_name(file.first)) { ranges.push_back(*range); }
    }
    if (!shape_.indexed) { return must_be(ranges.empty(), "it has index files"); }
    must_be(ranges.size() >= 3, "it has not three index files");
    must_be(ranges[0] == engine::IndexRange{Position(0), Position(5)}, "its first index files were not merged");
    must_be(ranges[1] == engine::IndexRange{Position(5), Position(6)}, "it has not an index file of one event");
    must_be(ranges[2] == engine::IndexRange{Position(6), Position(16)}, "it has not an index file of the large batch");
    const bool all = ending_ == Ending::kClosed;
    const std::uint64_t end = sample_.frames.back().base + sample_.frames.back().end;
    must_be(all ? sample_.indexed == end : sample_.indexed < end, "its index ends elsewhere");
  }

  const Shape& shape_;
  const Ending ending_;
  const Payload& payload_;
  Twin twin_;
  std::optional<Store> store_;
  std::size_t events_ = 0;
  Sample sample_;
};

}  // namespace

Sample make_sample(const Shape& shape, Ending ending, const Payload& payload) {
  Sample sample = Maker(shape, ending, payload, kSeed).make();
  sample.other = Maker(shape, ending, payload, kOtherSeed).make().files;
  return sample;
}

}  // namespace tidemark::damage
