// SPDX-License-Identifier: Apache-2.0
#include <new>
#include <utility>

#include "engine/group/member_impl.h"
#include "tidemark/group.hpp"

namespace tidemark {

namespace {

using Steady = std::chrono::steady_clock;

// What the call was at is as if the process had died: what is stored holds.
template <class Call>
auto guarded(detail::MemberImpl& impl, const Call& call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    impl.drop_all();
    return std::unexpected(Error(ErrorCode::kOutOfMemory, "out of memory"));
  }
}

}  // namespace

Member::Member(std::unique_ptr<detail::MemberImpl> impl) : impl_(std::move(impl)) {}
Member::Member(Member&& other) noexcept = default;
Member& Member::operator=(Member&& other) noexcept = default;
Member::~Member() = default;

Result<Delivery> Member::next(const std::stop_token& stop) {
  return guarded(*impl_, [&]() -> Result<Delivery> {
    for (;;) {
      auto given = impl_->next(std::nullopt, stop);
      if (!given) { return std::unexpected(std::move(given.error())); }
      if (*given) { return std::move(**given); }
    }
  });
}

Result<std::optional<Delivery>> Member::next_for(std::chrono::nanoseconds timeout, const std::stop_token& stop) {
  return guarded(*impl_, [&] {
    const auto now = Steady::now();
    const auto longest = Steady::time_point::max() - now;
    return impl_->next(timeout >= longest ? std::nullopt : std::optional(now + timeout), stop);
  });
}

Status Member::ack(Position position) { return ack({&position, 1}); }

Status Member::ack(std::span<const Position> positions) {
  return guarded(*impl_, [&] { return impl_->ack(positions); });
}

Status Member::nack(Position position, std::string_view reason, Nack how) {
  return guarded(*impl_, [&] { return impl_->nack(position, reason, how); });
}

Status Member::flush() {
  return guarded(*impl_, [&] { return impl_->flush(); });
}

Status Member::leave() {
  return guarded(*impl_, [&] { return impl_->leave(); });
}

std::vector<std::uint32_t> Member::partitions() const { return impl_->partitions(); }

std::uint64_t Member::unacked() const { return impl_->unacked(); }

}  // namespace tidemark
