// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "tests/damage/damage_list.h"
#include "tests/damage/reading.h"
#include "tests/damage/undecidable.h"

namespace tidemark::damage {

// What became of a damage.
enum class Class : std::uint8_t {
  kReported,     // a typed error, or a mark in the report, or in verify's list; whatever is shown is right
  kHarmless,     // all events are there, and appending goes on
  kUndecidable,  // the last group is gone, as the program computed that it may be
};
[[nodiscard]] const char* to_string(Class verdict);

struct Verdict {
  Class what = Class::kReported;
  Wrong wrong;       // what the store did that it must not
  std::string said;  // by the opening for writing, in a few words

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

// Lets a store live with damage, on a twin of its own: verify, read-only openings in this boot and another, opening for
// writing, appending, opening again; and damage that comes after the opening.
class Judge {
 public:
  explicit Judge(const Sample& sample);
  [[nodiscard]] Verdict judge(const Damaged& damaged);

 private:
  struct Seen {
    std::optional<Error> error;  // the opening failed with it
    RecoveryReport report;
    Shown shown;
  };
  Wrong read_only(bool same_boot, Seen& seen);
  Wrong for_writing(Seen& seen);
  Wrong accepting(const Error& suspect);
  [[nodiscard]] std::uint64_t known_events(const FileMap& files) const;
  Wrong go_on(Store& store);
  Wrong decide(Store& store, std::uint64_t events);
  Wrong read_again(Store& store, std::uint64_t events);
  Wrong after_opening(const Damaged& damaged);

  void apply(const Damaged& damaged);
  [[nodiscard]] Verdict weigh(const Damaged& damaged, const Seen& writer, const Seen& reader, const Seen& same_boot,
                              const Result<VerifyReport>& verified) const;
  [[nodiscard]] Wrong agree(const Damaged& damaged, const Seen& writer, const Seen& reader,
                            const Result<VerifyReport>& verified) const;
  [[nodiscard]] Wrong verify_names(const Damaged& damaged, const VerifyReport& report) const;
  [[nodiscard]] bool marked(const Seen& seen, const Seen& usual) const;
  [[nodiscard]] bool hits_covered(const Damaged& damaged) const;
  [[nodiscard]] static bool hits_index_alone(const Damaged& damaged);

  const Sample& sample_;
  Twin twin_;
  std::uint64_t known_ = 0;   // events that the superblocks left, or the log as it was, tell to be durable
  bool log_is_hurt_ = false;  // verify finds damage where no opening reads: what reads there may fail
  // What the sample does without damage.
  Seen usual_writer_;
  Seen usual_reader_;
  Seen usual_same_boot_;
};

}  // namespace tidemark::damage
