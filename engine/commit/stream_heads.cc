// SPDX-License-Identifier: Apache-2.0
#include "engine/commit/stream_heads.h"

#include <algorithm>
#include <utility>

#include "platform/prefetch.h"

namespace tidemark::engine {

namespace {

// So many are looked for at the same time.
constexpr std::size_t kAtOnce = 32;
// What a head takes beside its name: itself, and up to three slots.
constexpr std::uint64_t kHeadBytes = 56;

std::uint32_t slot_hash(const index::Key& stream) { return static_cast<std::uint32_t>(stream.hash.low); }

}  // namespace

std::optional<std::uint32_t> StreamHeads::Generation::find(const index::Key& stream) const {
  return slots.find(slot_hash(stream), [&](std::uint32_t number) { return heads[number].is(stream); });
}

const StreamHeads::Head* StreamHeads::find(const index::Key& stream) const {
  if (const auto number = young_->find(stream)) { return &young_->heads[*number]; }
  if (const auto number = old_->find(stream)) { return &old_->heads[*number]; }
  return nullptr;
}

std::optional<std::uint64_t> StreamHeads::count(const index::Key& stream) const {
  const Head* const head = find(stream);
  return head == nullptr ? std::nullopt : std::optional(head->count);
}

bool StreamHeads::was_set_after(const index::Key& stream, Position position) const {
  const Head* const head = find(stream);
  return head != nullptr && head->batch_end > position;
}

void StreamHeads::counts(std::span<const StreamUse> streams, std::span<std::optional<std::uint64_t>> into) const {
  for (std::size_t from = 0; from < streams.size(); from += kAtOnce) {
    const std::size_t to = std::min(streams.size(), from + kAtOnce);
    if (to - from > 1) {
      for (const Generation* one : {young_.get(), old_.get()}) {
        for (std::size_t i = from; i < to; ++i) { one->slots.prefetch(slot_hash(streams[i].key)); }
      }
      for (const Generation* one : {young_.get(), old_.get()}) {
        for (std::size_t i = from; i < to; ++i) {
          if (const auto number = one->slots.look(slot_hash(streams[i].key))) {
            platform::prefetch(&one->heads[*number]);
          }
        }
      }
    }
    for (std::size_t i = from; i < to; ++i) { into[i] = count(streams[i].key); }
  }
}

void StreamHeads::set(const index::Key& stream, std::uint64_t count, Position batch_end, Position kept) {
  if (const auto number = young_->find(stream)) {
    Head& head = young_->heads[*number];
    head.count = count;
    head.batch_end = batch_end;
    young_->batch_end = batch_end;
    return;
  }
  if (young_->bytes >= kGenerationBytes && old_->batch_end <= kept) {
    auto fresh = std::make_unique<Generation>();
    fresh->slots.reserve(young_->slots.count());  // all appenders wait: no growing by and by
    old_ = std::exchange(young_, std::move(fresh));
  }
  young_->slots.make_room();
  const std::string_view name = young_->memory.copy(stream.name);
  young_->heads.add({name.data(), static_cast<std::uint32_t>(name.size()), count, batch_end});
  young_->slots.add(slot_hash(stream), static_cast<std::uint32_t>(young_->heads.size() - 1));
  young_->bytes += kHeadBytes + name.size();
  young_->batch_end = batch_end;
}

}  // namespace tidemark::engine
