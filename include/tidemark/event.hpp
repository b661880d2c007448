// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tidemark/export.hpp"
#include "tidemark/types.hpp"

namespace tidemark {

// The identity of an event, unique in the whole store: a UUID (RFC 9562).
class TIDEMARK_API EventId {
 public:
  static constexpr std::size_t kSize = 16;

  constexpr EventId() = default;  // the nil UUID
  constexpr explicit EventId(std::array<std::byte, kSize> bytes) : bytes_(bytes) {}

  // A fresh id of version 7 (time-ordered, 74 random bits). Thread-safe.
  [[nodiscard]] static EventId make();
  // The id of version 5 (SHA-1) for a name: the same name gives the same id, everywhere and always.
  [[nodiscard]] static EventId from_name(std::string_view name);
  // Reads the 36-character text form, in either case; nothing if it is not one.
  [[nodiscard]] static std::optional<EventId> parse(std::string_view text);

  [[nodiscard]] constexpr const std::array<std::byte, kSize>& bytes() const { return bytes_; }
  [[nodiscard]] constexpr bool is_nil() const { return *this == EventId(); }

  friend constexpr auto operator<=>(const EventId&, const EventId&) = default;

 private:
  std::array<std::byte, kSize> bytes_{};
};

// The 36-character text form in lower case.
[[nodiscard]] TIDEMARK_API std::string to_string(const EventId& id);

// A fact to append. It only looks at what it names: everything must live until the call that takes it
// returns (Batch::add and Store::append copy).
struct NewEvent {
  std::string_view type = {};               // 1 to 255 bytes of UTF-8 without control characters
  Bytes data = {};                          // opaque; with metadata together at most 16 MiB
  Bytes metadata = {};                      // opaque
  std::vector<std::string_view> tags = {};  // at most 64, each 1 to 255 bytes
  std::optional<ValidTime> valid = {};      // when it holds in the world; the recorded time if not given
  std::optional<EventId> id = {};           // not nil; one of version 7 is made if not given
};

// An event as it stands in the log: a view. What it points to is valid until the next call on the cursor that
// gave it, or the cursor's end. Copy it (OwnedEvent) to keep it.
class TIDEMARK_API Event {
 public:
  [[nodiscard]] Position position() const { return position_; }
  [[nodiscard]] std::string_view stream() const { return stream_; }
  [[nodiscard]] Version version() const { return version_; }
  [[nodiscard]] const EventId& id() const { return id_; }
  [[nodiscard]] std::string_view type() const { return type_; }
  [[nodiscard]] RecordedTime recorded() const { return recorded_; }
  // The time given by the writer, or the recorded time (cut to microseconds).
  [[nodiscard]] ValidTime valid() const { return valid_; }
  [[nodiscard]] Bytes data() const { return data_; }
  [[nodiscard]] Bytes metadata() const { return metadata_; }
  [[nodiscard]] std::span<const std::string_view> tags() const { return tags_; }
  // A placeholder (type "$lost", no data) for an event that was damaged beyond reading: in a store that was repaired or
  // opened by open_salvage. It keeps the positions and versions of all others. What it was is not known; its stream is
  // the right one if that could be told, else one that holds only such placeholders.
  [[nodiscard]] bool is_lost() const { return lost_; }

 private:
  friend class EventAccess;  // how the engine fills one in

  Position position_;
  Version version_;
  std::string_view stream_;
  std::string_view type_;
  EventId id_;
  RecordedTime recorded_;
  ValidTime valid_;
  Bytes data_;
  Bytes metadata_;
  std::span<const std::string_view> tags_;
  bool lost_ = false;
};

// A copy of an event that lives as long as you like.
struct TIDEMARK_API OwnedEvent {
  OwnedEvent() = default;
  explicit OwnedEvent(const Event& event);

  Position position;
  std::string stream;
  Version version;
  EventId id;
  std::string type;
  RecordedTime recorded;
  ValidTime valid;
  std::vector<std::byte> data;
  std::vector<std::byte> metadata;
  std::vector<std::string> tags;
  bool lost = false;
};

}  // namespace tidemark
