// SPDX-License-Identifier: Apache-2.0
// Goal: a store of far more segments than the process may have files open is appended to, opened and read whole.
// Method: the real file system, the smallest segments, and a limit of descriptors close to what the test itself needs.
#include <dirent.h>
#include <gtest/gtest.h>
#include <string>
#include <sys/resource.h>

#include "tests/store/support.h"
#include "tests/temporary_folder.h"

namespace tidemark {
namespace {

using namespace test;

std::uint64_t open_files() {
  std::uint64_t n = 0;
  DIR* const folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr) { ++n; }
  ::closedir(folder);
  return n;
}

// Puts the limit of descriptors back at its end.
class FewDescriptors {
 public:
  explicit FewDescriptors(std::uint64_t more) {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit now = before_;
    now.rlim_cur = open_files() + more;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &now), 0);
  }
  ~FewDescriptors() { (void)::setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST(ManySegments, NeedFewDescriptors) {
  constexpr std::uint64_t kEvents = 200;
  const TempFolder folder;
  const FewDescriptors few(24);
  const OpenOptions options{.segment_bytes_first = 4096, .segment_bytes_largest = 4096};
  const engine::Environment environment{platform::real_file_system(),
                                        platform::real_clock(),
                                        platform::real_machine(),
                                        true,
                                        {.files = true, .table_events = 16, .merge_runs = 4, .close_events = 1}};
  const auto open = [&](const OpenOptions& how) { return must(engine::open_store(folder.path(), how, environment)); };
  const std::string data(2000, 'd');
  {
    const auto store = open(options);
    for (std::uint64_t i = 0; i < kEvents; ++i) {
      Batch batch;
      batch.to("stream-" + std::to_string(i % 100)).add({.type = "T", .data = as_bytes(data)});
      must(store->append(batch, {.durability = Durability::kBuffered}));
    }
    must(store->close());
  }
  for (const bool read_only : {true, false}) {
    OpenOptions how = options;
    how.read_only = read_only;
    const auto store = open(how);
    EXPECT_GT(store->info().segments, kEvents / 2);
    std::uint64_t next = 0;
    Cursor all = store->read(Query::all(), {});
    while (const Event* const event = all.next()) { ASSERT_EQ(event->position().value(), next++); }
    EXPECT_TRUE(ok(all.status()));
    EXPECT_EQ(next, kEvents);
    for (int i = 0; i < 100; ++i) {
      Cursor stream = store->read(Query::stream("stream-" + std::to_string(i)), {.direction = Direction::kBackward});
      std::uint64_t events = 0;
      while (stream.next() != nullptr) { ++events; }
      ASSERT_EQ(events, kEvents / 100);
    }
    must(store->close());
  }
}

}  // namespace
}  // namespace tidemark
