// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tidemark::compare {

// What figures depend on, a line each: date, processors, memory, kernel, file system, compiler.
[[nodiscard]] std::vector<std::string> machine_facts(const std::filesystem::path& folder);

// How many threads wanted a processor, on average over the last minute.
[[nodiscard]] double load_average();

// Bytes that this process has caused to be written to disks, as the kernel counts them when pages are made dirty or
// written directly (write_bytes of /proc/self/io).
[[nodiscard]] std::uint64_t bytes_written();
// Bytes written to the device below a folder, by everybody; 0 if the system does not tell.
[[nodiscard]] std::uint64_t bytes_written_to_device(const std::filesystem::path& folder);
// Bytes that the files in a folder take of the disk.
[[nodiscard]] std::uint64_t bytes_on_disk(const std::filesystem::path& folder);
// Bytes of memory that this process has for itself, maps of files apart.
[[nodiscard]] std::int64_t private_memory();

}  // namespace tidemark::compare
