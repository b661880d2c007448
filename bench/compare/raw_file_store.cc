// SPDX-License-Identifier: Apache-2.0
// What the disk itself does: records, each with its checksum, by one write and one fdatasync a group. It knows the
// lengths of the streams and has no index: streams cannot be read.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <mutex>
#include <optional>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "bench/compare/group_commit.h"
#include "bench/compare/lengths.h"
#include "bench/compare/record.h"
#include "bench/compare/stores.h"

namespace tidemark::compare {

namespace {

constexpr std::uint64_t kZerosBytes = std::uint64_t{1} << 20U;
// New files double, so that no more is zeroed than twice of what is used.
constexpr std::uint64_t kFreshBytesFirst = std::uint64_t{1} << 20U;
constexpr std::uint64_t kFreshBytesLargest = std::uint64_t{64} << 20U;

[[noreturn]] void fail(const std::string& what) { throw Failure(what + ": " + std::strerror(errno)); }

class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags) : number_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
    if (number_ < 0) { fail("open " + path.string()); }
  }
  ~Descriptor() { ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] std::uint64_t size() const {
    struct stat facts{};
    if (::fstat(number_, &facts) != 0) { fail("fstat"); }
    return static_cast<std::uint64_t>(facts.st_size);
  }
  void write(std::span<const std::byte> bytes, std::uint64_t at) const {
    while (!bytes.empty()) {
      const ssize_t written = ::pwrite(number_, bytes.data(), bytes.size(), static_cast<off_t>(at));
      if (written <= 0) { fail("pwrite"); }
      at += static_cast<std::uint64_t>(written);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }
  void sync_data() const {
    if (::fdatasync(number_) != 0) { fail("fdatasync"); }
  }
  void zero_and_sync(std::uint64_t bytes) const {
    const std::vector<std::byte> zeros(kZerosBytes);
    for (std::uint64_t at = 0; at < bytes; at += zeros.size()) { write(zeros, at); }
    if (::fsync(number_) != 0) { fail("fsync"); }
  }

 private:
  int number_;
};

// The whole of a file, for reading.
class Mapped {
 public:
  explicit Mapped(const Descriptor& file) : bytes_(file.size()) {
    if (bytes_ == 0) { return; }
    memory_ = ::mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, file.number(), 0);
    if (memory_ == MAP_FAILED) { fail("mmap"); }
  }
  ~Mapped() {
    if (bytes_ > 0) { ::munmap(memory_, bytes_); }
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;

  [[nodiscard]] const std::byte* data() const { return static_cast<const std::byte*>(memory_); }
  [[nodiscard]] std::uint64_t size() const { return bytes_; }

 private:
  std::uint64_t bytes_;
  void* memory_ = nullptr;
};

class RawFileStore final : public Store {
 public:
  explicit RawFileStore(RawFile kind) : kind_(kind) {}

  void open(const std::filesystem::path& folder, const Opening& how) override {
    how_ = how;
    folder_ = folder;
    end_ = visible_ = 0;
    if (how.is_kept) {
      file_ = std::make_unique<Descriptor>(folder / "log", O_RDWR | O_CREAT);
      room_ = std::uint64_t(-1);
      find_end();
    } else if (kind_ == RawFile::kFresh) {
      begin_fresh();
    } else {
      // Left by a measurement before: recycled space is what this limit is about.
      file_ = std::make_unique<Descriptor>(folder / "recycled", O_RDWR | O_CREAT);
      room_ = std::max(how.raw_bytes, file_->size());
      if (file_->size() < how.raw_bytes) { file_->zero_and_sync(how.raw_bytes); }
    }
    const auto gather = kind_ == RawFile::kRecycledAndGather ? how.gather : std::chrono::microseconds(0);
    group_commit_.emplace([this](std::span<GroupCommit::Member* const> members) { commit(members); }, gather);
  }

  void close() override {
    group_commit_.reset();
    map_.reset();
    file_.reset();
    left_.clear();
    lengths_.clear();
  }

  void begin_timed() override { is_clock_started_.store(true); }

  Answer append(const Append& append) override { return group_commit_->run(append); }

  void append_together(std::span<const Append> appends) override {
    std::vector<GroupCommit::Member> members(appends.size());
    std::vector<GroupCommit::Member*> group;
    for (std::size_t i = 0; i < appends.size(); ++i) {
      members[i].append = &appends[i];
      group.push_back(&members[i]);
    }
    commit(group);
  }

  void sync() override {
    for (const auto& file : left_) { file->sync_data(); }
    file_->sync_data();
  }

  std::uint64_t stream_length(std::string_view stream) override {
    const std::scoped_lock lock(lengths_mutex_);
    return lengths_.find(stream);
  }

  void read_stream(std::string_view /*stream*/, const Visit& /*visit*/) override {
    throw Failure("a raw file has no index of streams");
  }

  void read_all(std::uint64_t from, const Visit& visit) override {
    const std::uint64_t end = visible_.load(std::memory_order_acquire);
    if (from >= end) { return; }
    const std::byte* const bytes = map(end);
    while (from < end) {
      const EventSeen event = read_record(bytes + from);
      from = event.next_position;
      if (!visit(event)) { return; }
    }
  }

  void follow(const std::stop_token& stop, const Visit& visit) override {
    if (kind_ != RawFile::kRecycledAndWake) { return Store::follow(stop, visit); }
    const std::stop_callback on_stop(stop, [this] { tell_followers(); });
    std::uint64_t next = 0;
    while (!stop.stop_requested()) {
      const int seen = moves_.load(std::memory_order_acquire);
      bool any = false;
      read_all(next, [&](const EventSeen& event) {
        any = true;
        next = event.next_position;
        return visit(event);
      });
      // Who stops it afterwards changes the word first.
      if (!any && !stop.stop_requested()) { moves_.wait(seen, std::memory_order_acquire); }
    }
  }

 private:
  void tell_followers() {
    moves_.fetch_add(1, std::memory_order_release);
    moves_.notify_all();
  }

  const std::byte* map(std::uint64_t end) {
    const std::scoped_lock lock(map_mutex_);
    if (!map_ || map_->size() < end) { map_ = std::make_unique<Mapped>(*file_); }
    return map_->data();
  }

  void find_end() {
    const Mapped all(*file_);
    std::uint64_t at = 0;
    while (at + sizeof(RecordHeader) <= all.size()) {
      const EventSeen event = read_record(all.data() + at);
      if (event.position != at || event.next_position <= at || event.next_position > all.size()) { break; }
      at = event.next_position;
    }
    end_ = visible_ = at;
  }

  void begin_fresh() {
    if (file_) { left_.push_back(std::move(file_)); }
    file_ =
        std::make_unique<Descriptor>(folder_ / ("fresh-" + std::to_string(left_.size())), O_RDWR | O_CREAT | O_EXCL);
    room_ = left_.empty() ? kFreshBytesFirst : std::min(room_ * 2, kFreshBytesLargest);
    file_->zero_and_sync(room_);
    const Descriptor folder(folder_, O_RDONLY | O_DIRECTORY);
    if (::fsync(folder.number()) != 0) { fail("fsync"); }
    end_ = 0;
  }

  void make_room(std::uint64_t bytes) {
    if (bytes > buffer_.size()) { buffer_.resize(bytes); }
    const bool is_new_asked = is_clock_started_.exchange(false) && kind_ == RawFile::kFresh && !how_.is_kept;
    if (end_ + bytes <= room_ && !is_new_asked) { return; }
    if (kind_ == RawFile::kFresh) {
      do { begin_fresh(); } while (bytes > room_ && room_ < kFreshBytesLargest);
    } else {
      end_ = 0;
    }
    if (end_ + bytes > room_) { throw Failure("a group is larger than the raw file"); }
    visible_.store(0, std::memory_order_release);
  }

  void commit(std::span<GroupCommit::Member* const> members) {
    std::uint64_t bytes_max = 0;
    for (const auto* member : members) {
      for (const EventToAppend& event : member->append->events) {
        bytes_max += record_bytes(member->append->stream, event);
      }
    }
    make_room(bytes_max);
    std::byte* at = buffer_.data();
    for (auto* member : members) { at = frame(*member, at); }
    const auto bytes = static_cast<std::uint64_t>(at - buffer_.data());
    if (bytes == 0) { return; }
    file_->write(std::span(buffer_).first(bytes), end_);
    if (how_.durable) { file_->sync_data(); }
    end_ += bytes;
    visible_.store(end_, std::memory_order_release);
    if (kind_ == RawFile::kRecycledAndWake) { tell_followers(); }
  }

  std::byte* frame(GroupCommit::Member& member, std::byte* at) {
    const Append& append = *member.append;
    const std::scoped_lock lock(lengths_mutex_);
    std::uint64_t& length = lengths_.of(append.stream);
    if (append.expected_length && *append.expected_length != length) {
      member.answer = {.conflict = true, .length = length};
      return at;
    }
    for (const EventToAppend& event : append.events) {
      const std::uint64_t position = end_ + static_cast<std::uint64_t>(at - buffer_.data());
      write_record(at, append.stream, event, position, length++);
      at += record_bytes(append.stream, event);
    }
    member.answer = {.conflict = false, .length = length};
    return at;
  }

  const RawFile kind_;
  Opening how_;
  std::filesystem::path folder_;
  std::optional<GroupCommit> group_commit_;

  // The leader's.
  std::unique_ptr<Descriptor> file_;
  std::vector<std::unique_ptr<Descriptor>> left_;  // full ones, open until close so that sync() reaches them
  std::vector<std::byte> buffer_;
  std::uint64_t room_ = 0;
  std::uint64_t end_ = 0;

  std::atomic<bool> is_clock_started_{false};  // what was zeroed before does not count
  std::atomic<std::uint64_t> visible_{0};      // end_, for readers
  std::atomic<int> moves_{0};                  // of visible_, for followers that sleep
  std::mutex lengths_mutex_;
  Lengths lengths_;  // guarded by lengths_mutex_
  std::mutex map_mutex_;
  std::unique_ptr<Mapped> map_;  // guarded by map_mutex_
};

}  // namespace

std::unique_ptr<Store> make_raw_file_store(RawFile kind) { return std::make_unique<RawFileStore>(kind); }

}  // namespace tidemark::compare
