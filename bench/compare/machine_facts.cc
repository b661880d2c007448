// SPDX-License-Identifier: Apache-2.0
#include "bench/compare/machine_facts.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <thread>
#include <unistd.h>

#include "bench/compare/folder.h"

namespace tidemark::compare {

namespace {

// What stands behind "key:" in the first such line of a file of the system's; empty if there is none.
std::string value_in(const char* file, const std::string& key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(':');
    if (!line.starts_with(key) || colon == std::string::npos) { continue; }
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? std::string() : line.substr(begin);
  }
  return {};
}

std::string date_now() {
  const std::time_t time = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &parts);
  return text.data();
}

std::string kernel() {
  utsname names{};
  if (::uname(&names) != 0) { return "unknown kernel"; }
  return std::string(names.sysname) + " " + names.release + " " + names.machine;
}

}  // namespace

std::vector<std::string> machine_facts(const std::filesystem::path& folder) {
  const std::string model = value_in("/proc/cpuinfo", "model name");
  const double memory_kib = std::atof(value_in("/proc/meminfo", "MemTotal").c_str());
  std::array<char, 64> memory{};
  std::snprintf(memory.data(), memory.size(), "%.0f GiB", memory_kib / (1024.0 * 1024.0));
  return {date_now(),
          std::to_string(std::thread::hardware_concurrency()) + " processors" +
              (model.empty() ? "" : " (" + model + ")") + ", " + memory.data() + ", " + kernel(),
          "the stores lie on " + file_system_of(folder),
#if defined(__clang__)
          std::string("compiled by ") + __VERSION__
#else
          std::string("compiled by GCC ") + __VERSION__
#endif
  };
}

double load_average() {
  double one_minute = 0;
  return ::getloadavg(&one_minute, 1) == 1 ? one_minute : 0;
}

std::uint64_t bytes_written() { return std::strtoull(value_in("/proc/self/io", "write_bytes").c_str(), nullptr, 10); }

std::uint64_t bytes_written_to_device(const std::filesystem::path& folder) {
  struct stat facts{};
  if (::stat(folder.c_str(), &facts) != 0) { return 0; }
  std::ifstream numbers("/sys/dev/block/" + std::to_string(major(facts.st_dev)) + ":" +
                        std::to_string(minor(facts.st_dev)) + "/stat");
  constexpr int kSectorsWritten = 7;  // from 1: Documentation/block/stat.rst of Linux
  std::uint64_t number = 0;
  for (int i = 0; i < kSectorsWritten; ++i) {
    if (!(numbers >> number)) { return 0; }
  }
  return number * 512;
}

std::uint64_t bytes_on_disk(const std::filesystem::path& folder) {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    struct stat facts{};
    if (::lstat(entry.path().c_str(), &facts) == 0) { bytes += static_cast<std::uint64_t>(facts.st_blocks) * 512; }
  }
  return bytes;
}

std::int64_t private_memory() {
  return std::strtoll(value_in("/proc/self/status", "RssAnon").c_str(), nullptr, 10) * 1024;
}

}  // namespace tidemark::compare
