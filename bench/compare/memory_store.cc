// SPDX-License-Identifier: Apache-2.0
// What processor and memory do: records, each with its checksum, into memory, and a hash table from the names of
// streams to where their records are. Nothing is on a disk, and nothing is checked when it is read.
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <string>
#include <sys/mman.h>
#include <vector>

#include "bench/compare/record.h"
#include "bench/compare/stores.h"
#include "platform/checksum.h"
#include "platform/prefetch.h"

namespace tidemark::compare {

namespace {

class Memory {
 public:
  explicit Memory(std::uint64_t bytes) : bytes_(bytes) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    memory_ = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (memory_ == MAP_FAILED) { throw Failure(std::string("mmap: ") + std::strerror(errno)); }
  }
  ~Memory() { ::munmap(memory_, bytes_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // So that no fault falls into what is measured.
  void touch() { std::memset(memory_, 0, bytes_); }
  [[nodiscard]] std::byte* data() const { return static_cast<std::byte*>(memory_); }
  [[nodiscard]] std::uint64_t size() const { return bytes_; }

 private:
  std::uint64_t bytes_;
  void* memory_ = nullptr;
};

// Names are told apart by 64 bits of their hash.
class StreamTable {
 public:
  // The places of the first events lie beside the count, where one look-up finds them.
  struct alignas(64) Places {
    static constexpr std::size_t kFirst = 14;
    std::uint64_t hash = 0;
    std::uint32_t count = 0;
    std::uint32_t more = 0;  // into more_, from 1
    std::array<std::uint64_t, kFirst> first{};
  };
  static_assert(sizeof(Places) == 128);

  StreamTable() : slots_(1U << 10U) {}

  Places& of(std::string_view stream) {
    const std::uint64_t hash = hash_of(stream);
    Slot* slot = &find(hash);
    if (slot->number == 0) {
      if ((places_.size() + 1) * 2 > slots_.size()) {
        grow();
        slot = &find(hash);
      }
      places_.emplace_back().hash = hash;
      *slot = {.tag = tag_of(hash), .number = static_cast<std::uint32_t>(places_.size())};
    }
    return places_[slot->number - 1];
  }
  // Null if there is none.
  [[nodiscard]] const Places* find_stream(std::string_view stream) {
    const Slot& slot = find(hash_of(stream));
    return slot.number == 0 ? nullptr : &places_[slot.number - 1];
  }
  void add(Places& places, std::uint64_t place) {
    if (places.count < Places::kFirst) {
      places.first[places.count] = place;
    } else {
      if (places.more == 0) {
        more_.emplace_back();
        places.more = static_cast<std::uint32_t>(more_.size());
      }
      more_[places.more - 1].push_back(place);
    }
    ++places.count;
  }
  [[nodiscard]] std::uint64_t place(const Places& places, std::uint32_t n) const {
    return n < Places::kFirst ? places.first[n] : more_[places.more - 1][n - Places::kFirst];
  }

 private:
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t number = 0;  // into places_, from 1
  };

  static std::uint64_t hash_of(std::string_view stream) {
    return platform::xxh3_64(std::as_bytes(std::span(stream.data(), stream.size())));
  }
  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32U); }

  // The stream's, or the empty one that it would take.
  Slot& find(std::uint64_t hash) {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
      Slot& slot = slots_[at];
      if (slot.number == 0 || (slot.tag == tag_of(hash) && places_[slot.number - 1].hash == hash)) { return slot; }
    }
  }
  void grow() {
    slots_.assign(slots_.size() * 2, {});
    for (std::uint32_t i = 0; i < places_.size(); ++i) {
      find(places_[i].hash) = {.tag = tag_of(places_[i].hash), .number = i + 1};
    }
  }

  std::vector<Slot> slots_;  // a power of two, at most half full
  std::vector<Places> places_;
  std::vector<std::vector<std::uint64_t>> more_;
};

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(bool asks_ahead) : asks_ahead_(asks_ahead) {}

  void open(const std::filesystem::path& /*folder*/, const Opening& how) override {
    memory_.emplace(how.raw_bytes);
    is_kept_ = how.is_kept;
    if (!is_kept_) { memory_->touch(); }
    end_ = 0;
    streams_ = {};
  }
  void close() override { memory_.reset(); }

  Answer append(const Append& append) override {
    const std::scoped_lock lock(mutex_);
    return add(append);
  }
  void append_together(std::span<const Append> appends) override {
    const std::scoped_lock lock(mutex_);
    for (const Append& append : appends) { add(append); }
  }
  void sync() override {}

  std::uint64_t stream_length(std::string_view stream) override {
    const std::scoped_lock lock(mutex_);
    const auto* const places = streams_.find_stream(stream);
    return places == nullptr ? 0 : places->count;
  }

  // Not beside appends.
  void read_stream(std::string_view stream, const Visit& visit) override {
    const auto* const places = streams_.find_stream(stream);
    if (places == nullptr) { return; }
    if (asks_ahead_) {
      for (std::uint32_t i = 0; i < places->count; ++i) {
        platform::prefetch(memory_->data() + streams_.place(*places, i), record_bytes_);
      }
    }
    for (std::uint32_t i = 0; i < places->count; ++i) {
      if (!visit(read_record(memory_->data() + streams_.place(*places, i)))) { return; }
    }
  }

  void read_all(std::uint64_t from, const Visit& visit) override {
    const std::uint64_t end = end_.load(std::memory_order_acquire);
    while (from < end) {
      const EventSeen event = read_record(memory_->data() + from);
      from = event.next_position;
      if (!visit(event)) { return; }
    }
  }

 private:
  Answer add(const Append& append) {
    StreamTable::Places& places = streams_.of(append.stream);
    if (append.expected_length && *append.expected_length != places.count) {
      return {.conflict = true, .length = places.count};
    }
    std::uint64_t at = end_.load(std::memory_order_relaxed);
    for (const EventToAppend& event : append.events) {
      record_bytes_ = record_bytes(append.stream, event);
      if (at + record_bytes_ > memory_->size()) {
        if (is_kept_) { throw Failure("the memory is full"); }
        at = 0;
      }
      write_record(memory_->data() + at, append.stream, event, at, places.count);
      streams_.add(places, at);
      at += record_bytes_;
    }
    end_.store(at, std::memory_order_release);
    return {.conflict = false, .length = places.count};
  }

  const bool asks_ahead_;
  std::optional<Memory> memory_;
  bool is_kept_ = false;
  std::mutex mutex_;
  StreamTable streams_;           // guarded by mutex_
  std::size_t record_bytes_ = 0;  // of the last one; likewise
  std::atomic<std::uint64_t> end_{0};
};

}  // namespace

std::unique_ptr<Store> make_memory_store(bool asks_ahead) { return std::make_unique<MemoryStore>(asks_ahead); }

}  // namespace tidemark::compare
