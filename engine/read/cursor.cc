// SPDX-License-Identifier: Apache-2.0
#include "tidemark/cursor.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include "engine/format/names.h"
#include "engine/log/query_keys.h"
#include "engine/read/cursor_impl.h"
#include "engine/read/event_access.h"
#include "engine/read/time_search.h"

namespace tidemark {

void EventAccess::fill_record(Event& event, std::int64_t recorded_ns, const engine::BodyView& body,
                              const engine::EventRecord& record, std::vector<std::string_view>& tags) {
  tags.clear();
  for (const std::uint32_t tag : record.tags) { tags.push_back(body.tag_name(tag)); }
  event.id_ = record.id;
  event.recorded_ = RecordedTime(std::chrono::nanoseconds(recorded_ns));
  event.valid_ = record.valid ? *record.valid : std::chrono::floor<std::chrono::microseconds>(event.recorded_);
  event.data_ = record.data;
  event.metadata_ = record.metadata;
  event.tags_ = tags;
  event.lost_ = record.lost;
}

void EventAccess::fill(Event& event, Position position, const engine::FrameReader::Found& found,
                       std::vector<std::string_view>& tags) {
  const engine::EventRecord& record = *found.record;
  event.position_ = position;
  event.version_ = found.version;
  event.stream_ = found.body->stream_name(record.stream);
  event.type_ = found.body->type_name(record.type);
  fill_record(event, found.frame->recorded_ns, *found.body, record, tags);
}

void EventAccess::fill(Event& event, Position position, std::string_view stream, Version version,
                       const engine::KnownFrame& frame, const engine::EventRecord& record,
                       std::vector<std::string_view>& tags) {
  event.position_ = position;
  event.version_ = version;
  event.stream_ = stream;
  event.type_ = frame.type_name(record.type);
  fill_record(event, frame.recorded_ns(), frame.body(), record, tags);
}

void EventAccess::fill_lost(Event& event, Position position, const engine::LostEvent& lost) {
  event = Event();
  event.position_ = position;
  event.version_ = lost.version;
  event.stream_ = lost.stream;
  event.type_ = engine::kLostType;
  event.id_ = lost.id;
  event.recorded_ = lost.recorded;
  event.valid_ = std::chrono::floor<std::chrono::microseconds>(lost.recorded);
  event.lost_ = true;
}

namespace detail {

namespace {

// Short enough to need no memory itself.
Error out_of_memory() { return {ErrorCode::kOutOfMemory, "out of memory"}; }

}  // namespace

CursorImpl::CursorImpl(std::shared_ptr<const engine::ReadSource> source, const Query& query, const ReadOptions& options)
    : source_(std::move(source)), query_(query), options_(options), reader_(options.access), left_(options.limit) {
  if (query_.scope() == Query::Scope::kStream) {
    if (options.from_position && options.from_version) {
      reject("a stream is read from_version or from_position, not from both");
    }
  } else if (options.from_version) {
    reject("from_version goes with Query::stream; other queries are read from_position");
  }
  if (auto good = engine::check_query(query_); !good) { status_ = std::move(good); }
  if (auto open = source_->check_open(); status_ && !open) { status_ = std::move(open); }
  if (status_) { status_ = start(); }
}

Status CursorImpl::start() {
  end_ = visible_ = source_->visible_end(options_);
  index_ = source_->catalog().view();
  segments_ = source_->segment_list();
  if (options_.recorded_until) {
    const auto known =
        engine::first_recorded_after(*source_, *index_, segments_, *options_.recorded_until, end_, options_.access);
    if (!known) { return std::unexpected(known.error()); }
    is_cut_ = *known < end_;
    end_ = *known;
  }
  const bool one_stream = query_.scope() == Query::Scope::kStream;
  count_ = end_.value();
  if (one_stream) {
    auto postings = index_->postings(index::make_key(index::KeyKind::kStream, query_.scope_name()), end_);
    if (!postings) { return std::unexpected(std::move(postings.error())); }
    stream_ = std::move(*postings);
    count_ = stream_->count();
  }
  const bool backward = options_.direction == Direction::kBackward;
  const auto given = first_ordinal();
  if (!given) { return std::unexpected(given.error()); }
  if (!*given) { return {}; }  // nothing stands there or before
  const std::uint64_t from = **given;
  const bool from_end = backward && from >= count_;
  // What is read first lies at the end, and the end is damaged.
  if (from_end && ends_damaged()) { return std::unexpected(*source_->damage()); }
  if (query_.scope() == Query::Scope::kCategory || !query_.items().empty()) {
    auto matches =
        index::find_positions(*index_, engine::key_query(query_), end_, backward ? index::Way::kDown : index::Way::kUp);
    if (!matches) { return std::unexpected(std::move(matches.error())); }
    matches_ = std::move(*matches);
    if (count_ == 0) { return {}; }
    if (from_end) {
      from_ = Position(end_.value() - 1);
    } else if (from < count_) {
      auto position = position_of(from);
      if (!position) { return std::unexpected(std::move(position.error())); }
      from_ = *position;
    }
  } else if (backward) {
    next_ = from_end ? count_ : from + 1;
  } else {
    next_ = std::min(from, count_);
  }
  return {};
}

// What the options say to begin with, as a number of the log or of the stream; nothing if the read ends before.
Result<std::optional<std::uint64_t>> CursorImpl::first_ordinal() const {
  const bool backward = options_.direction == Direction::kBackward;
  const std::uint64_t usual = backward ? count_ : 0;
  if (!stream_) { return options_.from_position ? options_.from_position->value() : usual; }
  if (!options_.from_position) { return options_.from_version ? options_.from_version->value() : usual; }
  if (*options_.from_position >= end_) { return count_; }
  if (!backward) { return stream_->below(*options_.from_position); }
  const auto up_to = stream_->below(options_.from_position->next());
  if (!up_to) { return std::unexpected(up_to.error()); }
  return *up_to == 0 ? std::nullopt : std::optional(*up_to - 1);
}

std::optional<Position> CursorImpl::last_visible() const {
  return end_ == Position(0) ? std::nullopt : std::optional(Position(end_.value() - 1));
}

void CursorImpl::reject(const char* why) { status_ = std::unexpected(Error(ErrorCode::kInvalidArgument, why)); }

const Event* CursorImpl::next() {
  if (!status_ || left_ == 0) { return nullptr; }
  try {
    if (options_.order == Order::kValid) {
      if (!next_by_valid_time()) { return nullptr; }
    } else {
      do {
        if (!advance()) { return nullptr; }
      } while (!is_wanted());
    }
    --left_;
    return &event_;
  } catch (const std::bad_alloc&) {
    status_ = std::unexpected(out_of_memory());
    return nullptr;
  }
}

bool CursorImpl::advance() {
  if (auto open = source_->check_open(); !open) {
    status_ = std::move(open);
    return false;
  }
  if (next_following() || next_agreed()) { return true; }
  auto position = next_position();
  if (!position) {
    status_ = std::unexpected(std::move(position.error()));
    return false;
  }
  if (!*position) {
    if (options_.direction == Direction::kForward && ends_damaged()) { status_ = std::unexpected(*source_->damage()); }
    return false;
  }
  if (status_ = show(**position); !status_) { return false; }
  step_past(**position);
  return true;
}

// The first time all that matches is looked at, and comes out sorted; then each event is read again when it is its
// turn.
bool CursorImpl::next_by_valid_time() {
  if (!sorted_) {
    const std::uint64_t limit = std::exchange(left_, std::numeric_limits<std::uint64_t>::max());
    auto sorted = std::make_unique<engine::ValidOrder>(options_.direction, limit);
    while (advance()) {
      if (is_wanted()) { sorted->add(event_.valid(), event_.position()); }
    }
    left_ = limit;
    if (!status_) { return false; }
    sorted->sort();
    sorted_ = std::move(sorted);
    located_ = 0;  // what was looked ahead at is not what comes next
  }
  if (auto open = source_->check_open(); !open) {
    status_ = std::move(open);
    return false;
  }
  const auto position = sorted_->next();
  if (!position) { return false; }
  status_ = show(*position);
  return status_.has_value();
}

// The short way of advance(): to an event of a stream that was looked ahead at and has agreed. False: the long one.
bool CursorImpl::next_agreed() {
  const bool forward = options_.direction == Direction::kForward;
  if (!stream_ || matches_ || (forward ? next_ >= count_ : next_ == 0)) { return false; }
  const std::uint64_t ordinal = forward ? next_ : next_ - 1;
  if (ordinal < fetched_at_ || ordinal - fetched_at_ >= located_) { return false; }
  current_ = static_cast<std::size_t>(ordinal - fetched_at_);
  if (!show_agreed(positions_[current_])) { return false; }
  next_ = forward ? next_ + 1 : next_ - 1;
  return true;
}

// The short way of advance() through the whole log: to the event that stands behind the one that was given last.
bool CursorImpl::next_following() {
  if (stream_ || matches_ || options_.direction != Direction::kForward || next_ >= count_) { return false; }
  const Position position(next_);
  const auto* const found = reader_.read_following(segments_, position);
  if (found == nullptr) { return false; }
  EventAccess::fill(event_, position, *found, tags_);
  ++next_;
  return true;
}

// Makes event_ the one at this position.
Status CursorImpl::show(Position position) {
  const bool is_located = current_ < located_ && positions_[current_] == position;
  if (is_located && show_agreed(position)) { return {}; }
  auto place = is_located ? Result<index::Place>(places_[current_]) : index_->place(position);
  if (!place) { return std::unexpected(std::move(place.error())); }
  if (place->is_nowhere()) {
    const auto lost = source_->lost_event(position);
    if (!lost) { return std::unexpected(lost.error()); }
    EventAccess::fill_lost(event_, position, **lost);
    return {};
  }
  auto found = reader_.read(segments_, *place, position);
  if (!found) { return std::unexpected(std::move(found.error())); }
  EventAccess::fill(event_, position, *found, tags_);
  if (!stream_) { return {}; }
  if (event_.stream() != query_.scope_name() || (is_located && event_.version() != version_of_current())) {
    return std::unexpected(disagrees(position));
  }
  if (is_located) { reader_.set_agreed(*place); }
  return {};
}

// An event that was found right before, and to be the one that the index says, is not held against it once more.
bool CursorImpl::show_agreed(Position position) {
  const engine::KnownFrame* const frame = read_ahead_.known(current_);
  if (frame == nullptr || !frame->has(position) || !frame->body().event_at(places_[current_].offset, false, record_)) {
    return false;
  }
  EventAccess::fill(event_, position, query_.scope_name(), version_of_current(), *frame, record_, tags_);
  return true;
}

Version CursorImpl::version_of_current() const { return Version(fetched_at_ + current_); }

Error CursorImpl::disagrees(Position position) const {
  return {ErrorCode::kDamaged, "the index has position " + std::to_string(position.value()) +
                                   " in the stream that is read, and the event there is of another stream or version"};
}

// Where the event to give next stands.
Result<std::optional<Position>> CursorImpl::next_position() {
  const bool forward = options_.direction == Direction::kForward;
  if (matches_) {
    if (from_) {
      auto found = matches_->seek(*from_);
      if (!found) { return found; }
      from_ = *found;
    }
    return from_;
  }
  if (forward ? next_ >= count_ : next_ == 0) { return std::nullopt; }
  return position_of(forward ? next_ : next_ - 1);
}

void CursorImpl::step_past(Position position) {
  const bool forward = options_.direction == Direction::kForward;
  if (!matches_) {
    next_ = forward ? next_ + 1 : next_ - 1;
  } else if (forward) {
    from_ = position.next();
  } else {
    from_ = position == Position(0) ? std::nullopt : std::optional(Position(position.value() - 1));
  }
}

// The position of the n-th event of the log or the stream. Those of a stream are fetched by the handful.
Result<Position> CursorImpl::position_of(std::uint64_t ordinal) {
  if (!stream_) { return Position(ordinal); }
  if (ordinal < fetched_at_ || ordinal >= fetched_at_ + fetched_) {
    const bool forward = options_.direction == Direction::kForward;
    const std::uint64_t wanted = std::clamp<std::uint64_t>(left_, 1, positions_.size());
    fetched_at_ = forward ? ordinal : ordinal - std::min(ordinal, wanted - 1);
    const std::uint64_t n = forward ? wanted : ordinal - fetched_at_ + 1;
    auto got = stream_->positions(fetched_at_, std::span(positions_).first(static_cast<std::size_t>(n)));
    fetched_ = got.value_or(0);
    if (!got) { return std::unexpected(std::move(got.error())); }
    locate_fetched();
  }
  current_ = static_cast<std::size_t>(ordinal - fetched_at_);
  return positions_[current_];
}

// Events of one stream lie far apart: their places are all looked up, and the memory there asked for, before the first
// is read, so that the processor waits for them together and not one after the other.
void CursorImpl::locate_fetched() {
  located_ = 0;
  located_ = index_->places_of(std::span(positions_).first(fetched_), places_);  // an error is told when it is its turn
  if (options_.access == Access::kMapped) { read_ahead_.look(*segments_, std::span(places_).first(located_)); }
}

}  // namespace detail

Cursor::Cursor(std::unique_ptr<detail::CursorImpl> impl) : impl_(std::move(impl)) {}
Cursor::Cursor(Cursor&& other) noexcept = default;
Cursor& Cursor::operator=(Cursor&& other) noexcept = default;
Cursor::~Cursor() = default;

std::optional<Position> Cursor::last_visible() const { return impl_ ? impl_->last_visible() : std::nullopt; }

const Event* Cursor::next() { return impl_ ? impl_->next() : nullptr; }

Status Cursor::status() const {
  if (!impl_) { return std::unexpected(detail::out_of_memory()); }
  try {
    return impl_->status();
  } catch (const std::bad_alloc&) { return std::unexpected(Error(impl_->status().error().code(), "out of memory")); }
}

}  // namespace tidemark
