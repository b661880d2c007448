// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "index/run.h"
#include "index/run_source.h"

namespace tidemark::index {

// The content of several runs that lie side by side, as if it had been built at once: written, it is the same bytes.
// Of one thread. Its memory does not depend on the size of the runs.
class MergedRunSource final : public RunSource {
 public:
  // At least one run, in order, each beginning where the one before ends, of one log: otherwise kInvalidArgument.
  [[nodiscard]] static Result<std::unique_ptr<MergedRunSource>> make(std::vector<std::shared_ptr<const Run>> runs);

  // RunSource. kDamaged what the runs say, and if a key's base does not follow from the runs before.
  Position first() const override { return parts_.front().run->first(); }
  Position end() const override { return parts_.back().run->end(); }
  std::uint64_t id_count() const override;
  Status start() override;
  Result<bool> next_key(KeyHead& into) override;
  Status next_positions(std::span<std::uint32_t> into) override;
  Status rewind_keys() override;
  Status next_ids(std::span<HashedValue> into) override;
  Status next_places(std::span<Place> into) override;

 private:
  struct Part {
    std::shared_ptr<const Run> run;
    std::uint64_t offset = 0;  // of its positions in the whole
    RunKeyCursor keys;
    bool has_key = false;
    TableCursor ids;
    bool has_id = false;
    HashedValue id = {};
  };

  explicit MergedRunSource(std::vector<std::shared_ptr<const Run>> runs);
  [[nodiscard]] static Status advance_key(Part& part);
  [[nodiscard]] static Status advance_id(Part& part);
  void find_least();

  std::vector<Part> parts_;
  std::vector<Part*> with_key_;  // those that have the current key
  std::string name_;
  std::size_t reading_ = 0;  // in with_key_
  std::uint64_t read_ = 0;   // positions of that one
  std::uint64_t next_place_ = 0;
};

}  // namespace tidemark::index
