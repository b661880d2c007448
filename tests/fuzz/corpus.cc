// SPDX-License-Identifier: Apache-2.0
// Writes the inputs that fuzzing starts from: small stores of several kinds that the engine itself made, with torn ends
// and large frames, and texts of the kinds that are read.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>
#include <zlib.h>

#include "engine/format/index_file.h"
#include "engine/format/segment.h"
#include "tests/fuzz/index_store.h"
#include "tests/fuzz/mender.h"
#include "tests/fuzz/targets.h"
#include "tests/fuzz/twin.h"

namespace {

namespace fs = std::filesystem;
using namespace tidemark;
using fuzz::Archive;
using fuzz::Twin;

constexpr std::uint64_t kSeedsOfATargetMin = 4;

template <class T>
T must(Result<T> result) {
  if (!result) { throw std::runtime_error(to_string(result.error())); }
  if constexpr (!std::is_void_v<T>) { return std::move(*result); }
}

// Writes what it is given, numbered by kind, and counts it.
class Seeds {
 public:
  explicit Seeds(fs::path folder) : folder_(std::move(folder)) {
    for (const auto& target : fuzz::targets()) { counts_[std::string(target.name)] = 0; }
  }

  void add(const std::string& target, const std::string& kind, Bytes bytes) {
    const fs::path folder = folder_ / target;
    fs::create_directories(folder);
    std::ofstream stream(folder / kind, std::ios::binary);
    stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!stream.flush()) { throw std::runtime_error("cannot write " + (folder / kind).string()); }
    ++counts_[target];
  }

  // Prints them; whether there are enough of each.
  [[nodiscard]] bool tell() const {
    bool enough = true;
    for (const auto& [target, count] : counts_) {
      fmt::print("{} seeds: {}\n", target, count);
      enough = enough && count >= kSeedsOfATargetMin;
    }
    return enough;
  }

 private:
  const fs::path folder_;
  std::map<std::string, std::uint64_t> counts_;
};

NewEvent event(std::string_view type, std::string_view data) { return {.type = type, .data = as_bytes(data)}; }

void append_one(Store& store, const std::string& stream, const std::string& data) {
  must(store.append(stream, Expect::any(), {event("T", data)}));
}

// Several streams, tags, metadata, valid times, given and made ids.
Batch rich_batch(std::size_t events, std::size_t data_bytes, const std::string& salt = {}) {
  Batch batch;
  for (std::size_t i = 0; i < events; ++i) {
    const std::string data(data_bytes + i % 5, i % 7 == 3 ? '\0' : static_cast<char>('a' + i % 26));
    NewEvent one = event(i % 3 == 0 ? "Opened" : "Changed", data);
    if (i % 2 == 0) { one.metadata = as_bytes("meta"); }
    if (i % 4 == 1) { one.tags = {"red", "blu", i % 8 == 1 ? "red" : "green"}; }
    if (i % 5 == 2) { one.valid = ValidTime(std::chrono::microseconds(static_cast<std::int64_t>(i) - 3)); }
    if (i % 2 == 1) { one.id = EventId::from_name(salt + std::to_string(i)); }
    batch.to("stream-" + std::to_string(i % 4)).add(one);
  }
  if (events % 2 == 0) {
    Checkpoint elsewhere{.log_id = {}, .position = Position(events), .epoch = 1, .check = 2};
    elsewhere.log_id.fill(std::byte{0x5A});
    batch.checkpoint("reader", std::nullopt).checkpoint("elsewhere", elsewhere);
  }
  return batch;
}

void add_frames(Seeds& seeds, const std::string& kind, Archive archive) {
  for (auto& file : archive) {
    if (!engine::parse_segment_file_name(file.name)) { continue; }
    const auto frames = fuzz::find_frames(file.bytes);
    for (std::size_t n = 0; n < std::min<std::size_t>(frames.size(), 3); ++n) {
      std::vector<std::byte> frame(file.bytes.begin() + static_cast<std::ptrdiff_t>(frames[n]), file.bytes.end());
      const auto length = fuzz::mend_frame(frame, {engine::FileId{}, 1, engine::kSegmentHeaderBytes});
      frame.resize(length);
      if (length > 0) { seeds.add("frame", kind + "-" + file.name.substr(8, 10) + "-" + std::to_string(n), frame); }
    }
  }
}

void add_store(Seeds& seeds, const std::string& kind, const Twin& twin) {
  const Archive archive = twin.archive();
  const auto packed = fuzz::pack(archive);
  seeds.add("folder", kind, packed);
  seeds.add("segment", kind, packed);
  Archive blocks;
  for (auto file : archive) {
    if (file.name.starts_with("super-")) { blocks.push_back(file); }
    if (!engine::parse_segment_file_name(file.name)) { continue; }
    file.bytes.erase(file.bytes.begin() + 512, file.bytes.end() - 512);  // header and footer alone
    blocks.push_back(file);
  }
  seeds.add("superblock", kind, fuzz::pack(blocks));
  add_frames(seeds, kind, archive);
}

// A store that the work is done in, then closed or left by a killed process.
void make_store(Seeds& seeds, const std::string& kind, const std::function<void(Store&)>& work) {
  for (const bool closed : {true, false}) {
    Twin twin;
    auto store = must(twin.open(fuzz::to_write()));
    work(store);
    if (!closed) { twin.files.kill_process(); }
    (void)store.close();
    add_store(seeds, kind + (closed ? "-closed" : "-killed"), twin);
  }
}

// The power goes while a group is written; some of its sectors arrive. Then a recovery, which keeps bytes aside.
void make_torn(Seeds& seeds) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    Twin twin;
    auto store = must(twin.open(fuzz::to_write()));
    append_one(store, "a", "1");
    twin.files.set_fault_rule([&](const platform::SeamCall& call) -> std::optional<platform::SeamFault> {
      if (call.kind == platform::SeamCall::Kind::kDatasync) { twin.files.power_off(); }
      return std::nullopt;
    });
    (void)store.append(rich_batch(6, 200));
    (void)store.close();
    twin.files.set_fault_rule({});
    twin.files.power_on(seed, 0.5, seed == 3);
    twin.machine.reboot();
    add_store(seeds, "torn-" + std::to_string(seed), twin);
    OpenOptions options = fuzz::to_write();
    options.accept_suspect_tail = true;
    auto again = must(twin.open(options));
    append_one(again, "a", "2");
    must(again.close());
    add_store(seeds, "torn-" + std::to_string(seed) + "-recovered", twin);
  }
}

// The file that `name` is the name of is not there; or a file that is foreign is.
void make_strange(Seeds& seeds) {
  const auto change = [&](const std::string& kind, const std::function<void(Twin&)>& what) {
    Twin twin;
    auto store = must(twin.open(fuzz::to_write()));
    for (int i = 0; i < 4; ++i) { append_one(store, "s", std::string(1500, 'x')); }
    must(store.close());
    what(twin);
    seeds.add("folder", kind, fuzz::pack(twin.archive()));
  };
  for (const std::string gone : {"super-a", "super-b", "segment-0000000001.log", "segment-0000000002.log", "lock"}) {
    change("without-" + gone, [&](Twin& twin) { twin.files.remove(twin.folder / gone); });
  }
  change("foreign-file", [](Twin& twin) { twin.files.set_contents(twin.folder / "notes.txt", as_bytes("mine")); });
  change("temporary-file",
         [](Twin& twin) { twin.files.set_contents(twin.folder / "segment-0000000009.log.tmp", as_bytes("x")); });
}

void make_stores(Seeds& seeds) {
  make_store(seeds, "empty", [](Store&) {});
  make_store(seeds, "one", [](Store& store) { append_one(store, "loan-17", R"({"amount":20000})"); });
  make_store(seeds, "some", [](Store& store) {
    for (int i = 0; i < 6; ++i) { append_one(store, "s-" + std::to_string(i % 2), std::to_string(i)); }
    must(store.append(rich_batch(9, 20)));
  });
  make_store(seeds, "segments", [](Store& store) {
    for (int i = 0; i < 6; ++i) { append_one(store, "s-" + std::to_string(i % 3), std::string(1500, 'x')); }
  });
  make_store(seeds, "large-frame", [](Store& store) {
    must(store.append(rich_batch(20, 500)));
    must(store.append(rich_batch(4, 9000, "more ")));
    append_one(store, "after", "1");
  });
  make_store(seeds, "zeros", [](Store& store) {
    must(store.append("z", Expect::any(), {event("T", std::string_view("\0\0", 2))}));
    append_one(store, "z", std::string(2000, '\0'));
  });
  make_torn(seeds);
  make_strange(seeds);
}

// The index files of the target's own store; and larger ones, with lists of positions and several windows.
void make_runs(Seeds& seeds) {
  const auto add_all = [&](const std::string& kind, const Archive& archive) {
    for (const auto& file : archive) {
      if (engine::parse_index_file_name(file.name)) { seeds.add("index", kind + "-" + file.name, file.bytes); }
    }
  };
  add_all("own", fuzz::index_store().archive);
  for (const std::size_t events : {std::size_t{1}, std::size_t{300}, std::size_t{1500}}) {
    Twin twin;
    twin.index = {.files = true, .table_events = 4000, .merge_runs = 8, .close_events = 1};
    auto store = must(twin.open(fuzz::to_write()));
    must(store.append(rich_batch(events, 5)));
    must(store.close());
    add_all("batch-" + std::to_string(events), twin.archive());
  }
  Twin twin;
  twin.index = {.files = true, .table_events = 4000, .merge_runs = 8, .close_events = 1};
  auto store = must(twin.open(fuzz::to_write()));
  for (int i = 0; i < 400; ++i) { append_one(store, "stream-" + std::to_string(i % 90), "x"); }
  must(store.close());
  add_all("singles", twin.archive());
}

std::vector<std::byte> gzip(std::string_view text) {
  z_stream stream{};
  if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("zlib does not start");
  }
  std::string in(text);
  std::vector<std::byte> packed(deflateBound(&stream, text.size()) + 32);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

void make_imports(Seeds& seeds) {
  constexpr std::array<std::string_view, 8> kFiles{
      "{\"stream\":\"a\",\"type\":\"T\",\"data\":{\"n\":1}}\n{\"stream\":\"a\",\"type\":\"T\",\"data\":{\"n\":1}}\n",
      "{\"stream\":\"a\",\"type\":\"T\",\"data\":null,\"time\":\"2011-10-01T00:38:44.546+02:00\","
      "\"id\":\"00112233-4455-6677-8899-aabbccddeeff\",\"metadata\":[1,2.5e3],\"tags\":[\"x\",\"y\"]}\r\n\n",
      "{\"stream\":\"a\",\"type\":\"T\",\"data\":1,\"id\":\"00112233-4455-6677-8899-aabbccddeeff\"}\n"
      "{\"stream\":\"b\",\"type\":\"T\",\"data\":2,\"id\":\"00112233-4455-6677-8899-aabbccddeeff\"}\n",
      "{\"stream\":\"\\u00e4\\ud83d\\ude00\",\"type\":\"T\",\"data\":\"\\n\"} \n{\"stream\":1}\n",
      "{\"data\":[[[{}]]],\"type\":\"Opened\",\"stream\":\"loan-17\"}",
      "\n\n \t\n",
      // With the recorded times of "time", then of "at".
      "{\"stream\":\"a\",\"type\":\"T\",\"data\":1,\"time\":\"2011-10-02T00:00:00Z\"}\n"
      "{\"stream\":\"a\",\"type\":\"T\",\"data\":2,\"time\":\"2011-10-01T00:00:00Z\"}\n"
      "{\"stream\":\"a\",\"type\":\"T\",\"data\":3,\"time\":\"2099-10-03T00:00:00Z\"}\n",
      "{\"stream\":\"a\",\"type\":\"T\",\"data\":1,\"at\":\"2011-10-02T00:00:00.123456789Z\"}\n"
      "{\"stream\":\"b\",\"type\":\"T\",\"data\":2,\"time\":\"1900-10-01T00:00:00Z\",\"at\":\"2011-10-03T00:00:00+02:"
      "00\","
      "\"id\":\"00112233-4455-6677-8899-aabbccddeeff\"}\n"
      "{\"stream\":\"b\",\"type\":\"T\",\"data\":2,\"time\":\"1900-10-01T00:00:00Z\",\"at\":\"2011-10-04T00:00:00Z\","
      "\"id\":\"00112233-4455-6677-8899-aabbccddeeff\"}\n",
  };
  constexpr std::size_t kTimed = 6;
  for (std::size_t n = 0; n < kFiles.size(); ++n) {
    const std::size_t way = n < kTimed ? n : n % 8 + 8 * (1 + n - kTimed);  // see fuzz_import.cc
    std::vector<std::byte> plain{static_cast<std::byte>(way)};
    std::vector<std::byte> packed = plain;
    plain.insert(plain.end(), as_bytes(kFiles[n]).begin(), as_bytes(kFiles[n]).end());
    const auto compressed = gzip(kFiles[n]);
    packed.insert(packed.end(), compressed.begin(), compressed.end());
    seeds.add("import", "plain-" + std::to_string(n), plain);
    seeds.add("import", "gzip-" + std::to_string(n), packed);
  }
}

void make_texts(Seeds& seeds) {
  constexpr std::array<std::string_view, 14> kTexts{
      "2011-10-01T00:38:44.546+02:00",
      "9999-12-31t23:59:60.123456789Z",
      "0000-01-01 00:00:00-23:59",
      "segment-0000000001.log",
      "segment-12345678901.log",
      "rejected-17-2",
      "super-a.tmp",
      "00112233-4455-6677-8899-AABBCCDDEEFF",
      "pid 17\nhost lab\nsince 2024-05-01T10:00:00Z\n",
      R"({"stream":"a","type":"T","data":{"x":[1,-2.5e10,true,null,"\u00e9"]},"tags":["t"]})",
      "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80",
      "[1, 18446744073709551616, 1e999]",
      R"([{"types":["A","B"],"tags":["x:1"]},{"tags":["\u00e9"]}])",
      R"({"scope":{"category":"loan"},"items":[{"types":["A"]}],"after":17})",
  };
  for (std::size_t n = 0; n < kTexts.size(); ++n) { seeds.add("text", std::to_string(n), as_bytes(kTexts[n])); }
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder;
  CLI::App app{
      "Writes inputs to start fuzzing from, one folder a target. Exit codes: 0 fine, 1 it went wrong, 2 bad usage"};
  app.add_option("FOLDER", folder, "Where to")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) { return app.exit(error) == 0 ? 0 : 2; }
  try {
    Seeds seeds{fs::path(folder)};
    make_stores(seeds);
    make_runs(seeds);
    make_imports(seeds);
    make_texts(seeds);
    return seeds.tell() ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
