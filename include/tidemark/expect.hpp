// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "tidemark/export.hpp"
#include "tidemark/types.hpp"

namespace tidemark {

// What a writer expects of a stream at the moment its events join it.
class TIDEMARK_API Expect {
 public:
  enum class Kind : std::uint8_t { kAny, kNoStream, kStreamExists, kExactly };

  // Nothing: append at whatever version the stream has.
  [[nodiscard]] static constexpr Expect any() { return Expect(Kind::kAny, Version(0)); }
  // The stream has no event yet.
  [[nodiscard]] static constexpr Expect no_stream() { return Expect(Kind::kNoStream, Version(0)); }
  // The stream has at least one event.
  [[nodiscard]] static constexpr Expect stream_exists() { return Expect(Kind::kStreamExists, Version(0)); }
  // The stream's last event has this version; 0 means exactly one event.
  [[nodiscard]] static constexpr Expect exactly(Version last) { return Expect(Kind::kExactly, last); }
  [[nodiscard]] static constexpr Expect exactly(std::uint64_t last) { return exactly(Version(last)); }

  [[nodiscard]] constexpr Kind kind() const { return kind_; }
  // The expected version; only `exactly` has one, for the others it is 0.
  [[nodiscard]] constexpr Version version() const { return version_; }

  friend constexpr bool operator==(Expect, Expect) = default;

 private:
  constexpr Expect(Kind kind, Version version) : kind_(kind), version_(version) {}

  Kind kind_;
  Version version_;
};

// "any", "no stream", "an existing stream" or "version 4".
[[nodiscard]] TIDEMARK_API std::string to_string(Expect expect);

}  // namespace tidemark
