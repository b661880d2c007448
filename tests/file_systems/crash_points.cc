// SPDX-License-Identifier: Apache-2.0
#include "tests/file_systems/crash_points.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <linux/types.h>
#include <optional>
#include <random>
#include <signal.h>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "tests/file_systems/recording_disk.h"
#include "tests/file_systems/worker_batch.h"

namespace tidemark::file_systems {

namespace {

constexpr std::uint64_t kPointsOfARun = 20;
constexpr std::uint64_t kTableEvents = 24;  // index files are made and merged all the time
constexpr std::uint64_t kThreads = 4;
constexpr std::uint64_t kBatchesOfARun = 240;
constexpr std::uint64_t kSector = 512;
constexpr std::uint64_t kBlock = 4096;
// Keeps the file system's log as it is on the disk. The same number for ext4 and xfs (linux/ext4.h, xfs_fs.h).
constexpr unsigned long kShutDown = _IOR('X', 125, __u32);
constexpr __u32 kWithoutFlushingTheLog = 2;

std::uint64_t number_after(const std::string& text, const std::string& name) {
  const auto at = text.find(name + ": ");
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + name.size() + 2, nullptr, 10);
}

std::string last_line(const std::string& text) {
  const auto end = text.find_last_not_of('\n');
  if (end == std::string::npos) { return {}; }
  const auto begin = text.rfind('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1,
                     end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

// Mounts a disk, checks the store on it against what was acknowledged, adds to the outcome. Gives what is wrong.
std::string check_disk(Kind kind, const std::string& device, const OwnFolder& folder,
                       const std::vector<Acknowledged>& acknowledged, bool rebooted, Outcome& outcome) {
  const auto list = folder.path() / "acknowledged";
  {
    std::ofstream file(list, std::ios::binary | std::ios::trunc);
    for (const auto& one : acknowledged) { file << to_line(one); }
  }
  std::string why;
  const auto mount = Mount::make(kind, device, folder.path() / "mount", why);
  if (!mount) { return why; }
  std::vector<std::string> call = {STORE_WORKER,
                                   "check",
                                   (mount->path() / "store").string(),
                                   list.string(),
                                   "--threads",
                                   std::to_string(kThreads),
                                   "--table-events",
                                   std::to_string(kTableEvents)};
  if (rebooted) { call.emplace_back("--rebooted"); }
  const Ended ended = run_program(call);
  ++outcome.points;
  outcome.acknowledged += acknowledged.size();
  if (ended.signal != 0) { return fmt::format("signal {}", ended.signal); }
  if (ended.exit_code != 0) { return ended.said.empty() ? fmt::format("exit code {}", ended.exit_code) : ended.said; }
  outcome.in_doubt += number_after(ended.said, "in_doubt") > 0 ? 1 : 0;
  outcome.cut += number_after(ended.said, "cut") > 0 ? 1 : 0;
  const bool open = ended.said.find("kind: clean end") != std::string::npos ||
                    ended.said.find("kind: torn tail") != std::string::npos;
  outcome.closed += open ? 0 : 1;
  return {};
}

// Keeps what is needed to look again, and says how.
std::string keep(const Plan& plan, std::span<const std::byte> disk, const std::vector<Acknowledged>& acknowledged) {
  if (plan.keep.empty()) { return "run file_system_campaign with --keep FOLDER to keep the disk"; }
  std::error_code ignored;
  std::filesystem::create_directories(plan.keep, ignored);
  std::ofstream image(plan.keep / "disk", std::ios::binary | std::ios::trunc);
  for (std::uint64_t at = 0; at < disk.size(); at += kBlock) {
    const auto block = disk.subspan(at, std::min<std::uint64_t>(kBlock, disk.size() - at));
    if (std::ranges::all_of(block, [](std::byte b) { return b == std::byte{0}; })) { continue; }
    image.seekp(static_cast<std::streamoff>(at));
    image.write(reinterpret_cast<const char*>(block.data()), static_cast<std::streamsize>(block.size()));
  }
  image.close();
  std::filesystem::resize_file(plan.keep / "disk", disk.size(), ignored);
  std::ofstream list(plan.keep / "acknowledged", std::ios::binary | std::ios::trunc);
  for (const auto& one : acknowledged) { list << to_line(one); }
  std::ofstream(plan.keep / "kind") << static_cast<int>(plan.kind) << '\n';
  return "again: file_system_campaign --again " + plan.keep.string();
}

// One store written on a recording disk, and the points looked at in its record.
class CrashRun {
 public:
  CrashRun(const Plan& plan, RecordingDisk& disk, const OwnFolder& folder, std::uint64_t seed, Outcome& outcome)
      : plan_(plan), disk_(disk), folder_(folder), random_(seed), outcome_(outcome) {}

  void run(std::uint64_t points) {
    auto start = DiskBytes::make(disk_bytes(plan_.kind));
    if (!start) {
      outcome_.why_not = "not enough memory for a disk";
      return;
    }
    if (!write(*start)) { return; }
    // After a write, so that something stands unflushed.
    std::vector<std::uint64_t> writes;
    for (std::uint64_t i = 0; i < record_.size(); ++i) {
      if (!record_[i].is_flush()) { writes.push_back(i + 1); }
    }
    std::vector<std::uint64_t> at;
    for (std::uint64_t i = 0; i < points; ++i) { at.push_back(writes[random_() % writes.size()]); }
    std::ranges::sort(at);
    for (const std::uint64_t point : at) {
      advance(*start, point);
      if (!look_at(*start, point)) { return; }
    }
  }

 private:
  bool cannot(std::string why) {
    outcome_.why_not = std::move(why);
    return false;
  }

  // Makes the file system into `start`, and the record on a copy of it.
  bool write(const DiskBytes& start) {
    std::string why;
    disk_.put(start.bytes());
    {
      auto device = LoopDevice::attach(disk_.file(), why);
      if (!device) { return cannot(why); }
      why = make_file_system(plan_.kind, device->name());
      if (!why.empty()) { return cannot(why); }
    }
    auto live = start.copy();
    if (!live) { return cannot("not enough memory for a disk"); }
    disk_.put(live->bytes());
    auto device = LoopDevice::attach(disk_.file(), why);
    if (!device) { return cannot(why); }
    disk_.start_recording();
    const auto mount = Mount::make(plan_.kind, device->name(), folder_.path() / "mount", why);
    if (!mount) { return cannot(why); }
    const std::uint64_t threads = std::uint64_t{1} << random_() % 3;
    std::vector<std::string> call = {STORE_WORKER, "write", (mount->path() / "store").string(), "--counted"};
    const auto add = [&](const char* option, std::uint64_t value) {
      call.emplace_back(option);
      call.push_back(std::to_string(value));
    };
    add("--threads", threads);
    add("--batches", kBatchesOfARun / threads);
    add("--sessions", random_() % 2 == 0 ? 1 : 3);
    add("--segment-bytes", std::uint64_t{4096} << random_() % 5);
    add("--table-events", kTableEvents);
    if (random_() % 2 == 0) { call.emplace_back("--keep-open"); }
    const Ended ended = run_program(call, disk_.flush_count_memory());
    record_ = disk_.stop_recording();
    if (ended.exit_code != 0) {
      outcome_.wrong = fmt::format("the writer ended with code {}, signal {}: {}", ended.exit_code, ended.signal,
                                   last_line(ended.said));
      return false;
    }
    acknowledged_ = read_lines(ended.said);
    const auto flushes = static_cast<std::uint64_t>(std::ranges::count_if(record_, &DiskCall::is_flush));
    ++outcome_.runs;
    outcome_.flushes += flushes;
    outcome_.writes += record_.size() - flushes;
    if (acknowledged_.empty() || flushes == 0) {
      return cannot("flushes do not reach the disk through the loop device");
    }
    return true;
  }

  // Takes everything up to the last flush among the first `point` calls into the disk.
  void advance(const DiskBytes& disk, std::uint64_t point) {
    std::uint64_t end = flushed_;
    for (std::uint64_t i = flushed_; i < point; ++i) {
      if (record_[i].is_flush()) {
        end = i + 1;
        ++flushes_;
      }
    }
    for (; flushed_ < end; ++flushed_) { apply(disk, record_[flushed_], 1.0, kBlock); }
  }

  void apply(const DiskBytes& disk, const DiskCall& call, double kept, std::uint64_t grain) {
    for (std::uint64_t at = 0; at < call.bytes.size(); at += grain) {
      if (kept < 1.0 && std::uniform_real_distribution<>(0, 1)(random_) >= kept) { continue; }
      const std::uint64_t length = std::min<std::uint64_t>(grain, call.bytes.size() - at);
      std::memcpy(disk.bytes().data() + call.offset + at, call.bytes.data() + at, length);
    }
  }

  bool look_at(const DiskBytes& flushed, std::uint64_t point) {
    auto image = flushed.copy();
    if (!image) { return cannot("not enough memory for a disk"); }
    constexpr double kKept[] = {0.0, 0.5, 0.5, 1.0};
    const double kept = kKept[random_() % 4];
    // btrfs has one copy of its superblock on a small disk and needs its block whole; it says so of no other.
    const std::uint64_t grain = plan_.kind == Kind::kBtrfs || random_() % 4 == 0 ? kBlock : kSector;
    for (std::uint64_t i = flushed_; i < point; ++i) { apply(*image, record_[i], kept, grain); }
    if (kept == 0.5 && flushed_ < point) {
      ++outcome_.half_kept;
      if (grain == kSector) { ++outcome_.torn; }
    }
    std::vector<Acknowledged> due;
    std::ranges::copy_if(acknowledged_, std::back_inserter(due),
                         [&](const Acknowledged& one) { return one.flushes <= flushes_; });
    // The disk before the check changes it.
    std::vector<std::byte> before;
    if (!plan_.keep.empty()) { before.assign(image->bytes().begin(), image->bytes().end()); }
    disk_.put(image->bytes());
    std::string why;
    auto device = LoopDevice::attach(disk_.file(), why);
    if (!device) { return cannot(why); }
    const std::string wrong = check_disk(plan_.kind, device->name(), folder_, due, true, outcome_);
    if (wrong.empty()) { return true; }
    outcome_.wrong =
        fmt::format("{}, call {} of {}, flush {}, {}-byte pieces kept by {}: {}\n  {}", to_string(plan_.kind), point,
                    record_.size(), flushes_, grain, kept, wrong, keep(plan_, before, due));
    return false;
  }

  const Plan& plan_;
  RecordingDisk& disk_;
  const OwnFolder& folder_;
  std::mt19937_64 random_;
  Outcome& outcome_;
  std::vector<DiskCall> record_;
  std::vector<Acknowledged> acknowledged_;
  std::uint64_t flushed_ = 0;  // so many calls are in the disk, the last of them a flush
  std::uint64_t flushes_ = 0;  // so many flushes among them
};

}  // namespace

void Outcome::add(const Outcome& other) {
  if (why_not.empty()) { why_not = other.why_not; }
  if (wrong.empty()) { wrong = other.wrong; }
  points += other.points;
  runs += other.runs;
  writes += other.writes;
  flushes += other.flushes;
  half_kept += other.half_kept;
  torn += other.torn;
  acknowledged += other.acknowledged;
  in_doubt += other.in_doubt;
  cut += other.cut;
  closed += other.closed;
}

std::string Outcome::to_text() const {
  return fmt::format(
      "points: {}\nstores written: {}\ndisk writes recorded: {}\ndisk flushes recorded: {}\n"
      "points with part of the unflushed writes: {}\npoints with sectors torn: {}\nacknowledged batches looked for: "
      "{}\n"
      "points with frames in doubt: {}\npoints with a torn end cut: {}\npoints closed or being made: {}\n",
      points, runs, writes, flushes, half_kept, torn, acknowledged, in_doubt, cut, closed);
}

Outcome run_crash_points(const Plan& plan) {
  Outcome outcome;
  const OwnFolder folder;
  auto disk = RecordingDisk::make(folder.path() / "fuse", disk_bytes(plan.kind), outcome.why_not);
  if (!disk) { return outcome; }
  for (std::uint64_t run = 0; outcome.points < plan.points && outcome.wrong.empty() && outcome.why_not.empty(); ++run) {
    CrashRun(plan, *disk, folder, plan.seed + run, outcome).run(std::min(kPointsOfARun, plan.points - outcome.points));
  }
  return outcome;
}

Outcome run_shutdowns(const Plan& plan) {
  Outcome outcome;
  std::mt19937_64 random(plan.seed);
  for (std::uint64_t i = 0; i < plan.points; ++i) {
    const auto disk = PlainDisk::make(plan.kind, disk_bytes(plan.kind), outcome.why_not);
    if (!disk) { return outcome; }
    const OwnFolder folder;
    auto device = LoopDevice::attach(disk->disk().file(), outcome.why_not);
    if (!device) { return outcome; }
    std::vector<Acknowledged> acknowledged;
    {
      const auto mount = Mount::make(plan.kind, device->name(), folder.path() / "mount", outcome.why_not);
      if (!mount) { return outcome; }
      const auto life = std::chrono::milliseconds(30 + random() % 400);
      std::string why;
      const Ended ended =
          run_program({STORE_WORKER, "write", (mount->path() / "store").string(), "--threads", std::to_string(kThreads),
                       "--segment-bytes", std::to_string(std::uint64_t{4096} << random() % 5), "--table-events",
                       std::to_string(kTableEvents)},
                      -1, [&](int process) {
                        std::this_thread::sleep_for(life);
                        const int root = ::open(mount->path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                        __u32 how = kWithoutFlushingTheLog;
                        if (root < 0 || ::ioctl(root, kShutDown, &how) != 0) {
                          why = std::string("cannot shut the file system down: ") + std::strerror(errno);
                          ::kill(process, SIGKILL);
                        }
                        if (root >= 0) { ::close(root); }
                      });
      if (!why.empty()) {
        outcome.why_not = why;
        return outcome;
      }
      // It must have ended with an error of its own: an append or the opening failed.
      if (ended.exit_code != 3 && ended.exit_code != 4) {
        outcome.wrong = fmt::format("the writer on a file system that was shut down ended with code {}, signal {}: {}",
                                    ended.exit_code, ended.signal, last_line(ended.said));
        return outcome;
      }
      acknowledged = read_lines(ended.said);
      ++outcome.runs;
    }
    const std::string wrong = check_disk(plan.kind, device->name(), folder, acknowledged, false, outcome);
    if (!wrong.empty()) {
      outcome.wrong = fmt::format("{}, shutdown {} of seed {}: {}", to_string(plan.kind), i, plan.seed, wrong);
      return outcome;
    }
  }
  return outcome;
}

Outcome look_again(const std::filesystem::path& kept) {
  Outcome outcome;
  int kind = 0;
  std::ifstream(kept / "kind") >> kind;
  const OwnFolder folder;
  const auto copy = folder.path() / "disk";
  std::error_code failed;
  std::filesystem::copy_file(kept / "disk", copy, failed);
  std::ifstream list(kept / "acknowledged");
  if (failed || !list || kind < 0 || kind > static_cast<int>(Kind::kBtrfs)) {
    outcome.why_not = "there is no disk that was kept in " + kept.string();
    return outcome;
  }
  auto device = LoopDevice::attach(copy, outcome.why_not);
  if (!device) { return outcome; }
  outcome.wrong = check_disk(static_cast<Kind>(kind), device->name(), folder,
                             read_lines({std::istreambuf_iterator<char>(list), {}}), true, outcome);
  return outcome;
}

}  // namespace tidemark::file_systems
