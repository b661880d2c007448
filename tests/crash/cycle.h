// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "engine/log/superblock_store.h"
#include "engine/recovery/scan.h"
#include "engine/store/store_core.h"
#include "platform/sim/sim_file_system.h"
#include "tests/crash/histogram.h"
#include "tests/crash/model.h"

namespace tidemark::crash {

using Wrong = std::optional<std::string>;  // what went wrong

inline const std::filesystem::path kFolder = "/store";

// What run_cycle() runs.
class Cycle {
 public:
  Cycle(std::uint64_t seed, Histogram& histogram);
  ~Cycle() { files_.set_fault_rule({}); }
  Cycle(const Cycle&) = delete;
  Cycle& operator=(const Cycle&) = delete;

  Wrong run();

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  bool chance(double p) { return std::uniform_real_distribution<>(0, 1)(random_) < p; }
  engine::Environment environment() { return {files_, clock_, machine_, false, index_, write_ahead_}; }

  // --- the crash ---

  void arm(std::uint64_t calls) { left_ = calls; }
  void disarm() { left_.reset(); }
  [[nodiscard]] bool crashed() const { return files_.is_off() || dead_ || sync_failed_; }

  std::optional<platform::SeamFault> watch(const platform::SeamCall& call);
  void note_index_file(const platform::SeamCall& call);
  void come_back();
  void power_cycle();

  // --- opening, with crashes on the way ---

  Result<Store> try_open(OpenOptions options);
  Wrong open();
  Wrong check_write_limit();
  Wrong check_recovered(std::uint64_t shown);
  Wrong peek(std::uint64_t& shown);

  // --- work ---

  ModelBatch new_batch(std::uint64_t events_max, std::uint64_t data_max);
  static Batch to_batch(const ModelBatch& from);
  Batch expecting(const ModelBatch& from);
  Wrong check_receipt(const Receipt& receipt, const ModelBatch& batch, std::uint64_t first) const;
  Wrong append(ModelBatch batch);
  void acknowledge(std::size_t count, Durability durability);
  Wrong append_group();
  Wrong conflict();
  Wrong repeat();
  Wrong work();

  // --- the end of a round ---

  Wrong stop();
  Wrong close_and_check();

  // --- damage ---

  struct Scanned {
    engine::ScanFacts facts;
    engine::Superblock superblock;
    Offset indexed;  // index files prove that the log is durable below this log offset
  };
  std::optional<Scanned> scan();
  std::byte flip(const std::filesystem::path& path, std::vector<std::byte> bytes, std::uint64_t offset);
  Wrong hurt_acknowledged();
  Wrong check_verify_tells(const engine::Segment& segment, std::uint64_t offset);
  Wrong check_readers_tell();
  Wrong check_writer_tells(bool covered);
  Wrong hurt_tail();

  std::mt19937_64 random_;
  platform::SimFileSystem files_;
  platform::SimClock clock_;
  platform::SimMachine machine_;
  Histogram& histogram_;
  OpenOptions options_;
  engine::IndexPolicy index_;
  std::uint64_t write_ahead_ = 0;
  Model model_;
  std::optional<Store> store_;
  std::optional<std::uint64_t> left_;  // calls until the power goes
  bool dead_ = false;                  // the process was killed in the middle of a call
  bool sync_failed_ = false;           // once, somewhere
  bool in_roll_ = false;
  bool merged_ = false;  // an index file was made of others, which are still there
  bool opening_ = false;
  bool made_ = false;
  bool torn_ = false;
};

}  // namespace tidemark::crash
