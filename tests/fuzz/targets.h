// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tidemark/types.hpp"

// The fuzz targets: each takes any bytes at all, gives them to one part of the product as if they came from a disk or
// a user, and holds what comes out against what must be true whatever the bytes are.
namespace tidemark::fuzz {

// Something that must not be. A crash, a sanitizer's report and a timeout are findings as well.
struct Finding : std::runtime_error {
  using std::runtime_error::runtime_error;
};
inline void require(bool holds, const std::string& what) {
  if (!holds) { throw Finding(what); }
}

// How an input is made up, for the mutator.
enum class Layout {
  kFrame,   // the bytes of a segment from its first frame on
  kFolder,  // an archive of files, archive.h
  kRun,     // an index file
  kText,    // bytes without a structure of ours
};

struct Target {
  std::string_view name;
  Layout layout;
  void (*run)(Bytes input);
};

// All of them.
[[nodiscard]] std::span<const Target> targets();
// Null if there is none of that name.
[[nodiscard]] const Target* find_target(std::string_view name);

void run_frame(Bytes input);
void run_segment(Bytes input);
void run_superblock(Bytes input);
void run_folder(Bytes input);
void run_index(Bytes input);
void run_import(Bytes input);
void run_text(Bytes input);

}  // namespace tidemark::fuzz
