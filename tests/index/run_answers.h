// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "index/run_format.h"
#include "platform/checksum.h"
#include "tests/index/run_model.h"

namespace tidemark::index::test {

// What a run says to a row of questions, as text; nothing where it says that it is damaged.
using Answers = std::vector<std::optional<std::string>>;

template <class T, class Write>
void add_answer(Answers& into, const Result<T>& answer, Write write) {
  if (!answer) {
    EXPECT_EQ(answer.error().code(), ErrorCode::kDamaged) << to_string(answer.error());
    into.emplace_back();
    return;
  }
  std::ostringstream text;
  write(text, *answer);
  into.emplace_back(text.str());
}

// Keys, ids and places of the model, all or some, and a few that are not there.
inline Answers ask(const Model& model, const Run& run, std::uint64_t every = 1) {
  Answers answers;
  std::set<std::pair<KeyKind, std::string>> keys = {{KeyKind::kStream, "absent"}, {KeyKind::kTag, ""}};
  for (std::uint64_t i = 0; i < model.events.size(); i += every) {
    keys.insert(model.events[i].keys.begin(), model.events[i].keys.end());
  }
  std::vector<Position> into(300);
  for (const auto& [kind, name] : keys) {
    const auto found = run.find(make_key(kind, name, model.hasher));
    add_answer(answers, found, [](auto& text, const auto& key) { text << (key ? key->base * 1000 + key->count : 0); });
    if (!found || !*found) { continue; }
    add_answer(answers, run.last(**found), [](auto& text, Position last) { text << last.value(); });
    add_answer(answers, run.count_below(**found, run.first() + 70), [](auto& text, std::uint64_t n) { text << n; });
    for (const std::uint64_t skip : {0U, 140U}) {
      const auto given = run.positions(**found, (*found)->base + skip, into);
      add_answer(answers, given, [&](auto& text, std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) { text << into[i].value() << ' '; }
      });
    }
  }
  for (std::uint64_t i = 0; i < model.events.size(); i += every) {
    const Position position(i);
    if (position >= run.first() && position < run.end()) {
      add_answer(answers, run.place(position),
                 [](auto& text, Place place) { text << place.frame << ' ' << place.offset; });
    }
    std::vector<Position> candidates;
    const auto done = run.candidates(model.events[i].id.value_or(id_of(1)), candidates);
    add_answer(answers, done ? Result<int>(0) : std::unexpected(done.error()), [&](auto& text, int) {
      for (const Position candidate : candidates) { text << candidate.value() << ' '; }
    });
  }
  for (const KeyKind kind : kKinds) {
    add_answer(answers, run.list(kind, "n", "", 40), [](auto& text, const auto& listed) {
      for (const auto& one : listed) { text << one.name << ' ' << one.key.count << ' ' << one.last.value() << ','; }
    });
  }
  return answers;
}

// Makes every checksum of a changed run right again, as far as its header still says where they are.
inline void mend(std::vector<std::byte>& bytes, bool sections_hold = true) {
  RunHeader header;
  if (bytes.size() < sizeof header) { return; }
  std::memcpy(&header, bytes.data(), sizeof header);
  const RunSection windows = header.section(SectionName::kWindows);
  if (sections_hold) {
    for (std::uint64_t begin = 0; begin < windows.offset; begin += kWindowBytes) {
      const std::uint64_t from = std::max(begin, kRunHeaderBytes);
      const std::uint64_t sum =
          platform::xxh3_64(std::span(bytes).subspan(from, std::min(begin + kWindowBytes, windows.offset) - from));
      std::memcpy(bytes.data() + windows.offset + begin / kWindowBytes * 8, &sum, sizeof sum);
    }
    header.windows_checksum = platform::xxh3_64(std::span(bytes).subspan(windows.offset, windows.size));
  }
  seal_run_header(header);
  std::memcpy(bytes.data(), &header, sizeof header);
}

}  // namespace tidemark::index::test
