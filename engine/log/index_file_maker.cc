// SPDX-License-Identifier: Apache-2.0
#include "engine/log/index_file_maker.h"

#include <cstddef>
#include <string>
#include <utility>

#include "engine/format/index_file.h"
#include "engine/format/segment.h"
#include "index/guarded.h"
#include "index/run_writer.h"

namespace tidemark::engine {

namespace {

using RunPointer = std::shared_ptr<const index::Run>;

// Bytes in memory, as a run sees a file.
class OwnedBytes final : public platform::Mapping {
 public:
  explicit OwnedBytes(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
  std::span<const std::byte> bytes() const override { return bytes_; }
  Status populate(std::uint64_t /*offset*/, std::uint64_t /*length*/) const override { return {}; }

 private:
  const std::vector<std::byte> bytes_;
};

}  // namespace

Result<RunPointer> IndexFileMaker::make(index::RunSource& source, const IndexNote& note) const {
  return index::guarded([&]() -> Result<RunPointer> {
    const std::filesystem::path path = folder_ / index_file_name({source.first(), source.end()});
    const std::filesystem::path temporary = path.string() + std::string(kTemporarySuffix);
    if (auto ours = check_lock(); !ours) { return std::unexpected(std::move(ours.error())); }
    if (auto gone = files_.unlink(temporary); !gone && gone.error().code() != ErrorCode::kNotFound) {
      return std::unexpected(std::move(gone.error()));
    }
    // Memory may run out with the file half written: it must not keep the disk full.
    auto run = index::guarded([&] { return write(source, note, temporary, path); });
    if (!run) { (void)files_.unlink(temporary); }
    return run;
  });
}

Result<RunPointer> IndexFileMaker::write(index::RunSource& source, const IndexNote& note,
                                         const std::filesystem::path& temporary,
                                         const std::filesystem::path& path) const {
  auto file = files_.open(temporary, platform::OpenMode::kCreate);
  if (!file) { return std::unexpected(std::move(file.error())); }
  const IndexNoteBytes note_bytes = encode_index_note(note);
  auto size = index::write_run(source, {.log_id = log_id_, .note = note_bytes}, **file);
  if (!size) { return std::unexpected(std::move(size.error())); }
  if (auto done = (*file)->datasync(); !done) { return std::unexpected(std::move(done.error())); }
  auto run = index::Run::open(**file, path);
  if (!run) { return run; }
  if (auto ours = check_lock(); !ours) { return std::unexpected(std::move(ours.error())); }
  if (auto done = files_.rename(temporary, path); !done) { return std::unexpected(std::move(done.error())); }
  return run;
}

Result<RunPointer> IndexFileMaker::build(index::RunSource& source, const IndexNote& note) const {
  return index::guarded([&]() -> Result<RunPointer> {
    const IndexNoteBytes note_bytes = encode_index_note(note);
    auto bytes = index::build_run(source, {.log_id = log_id_, .note = note_bytes});
    if (!bytes) { return std::unexpected(std::move(bytes.error())); }
    bytes->shrink_to_fit();
    return index::Run::open(std::make_unique<OwnedBytes>(std::move(*bytes)), {});
  });
}

Status IndexFileMaker::remove(std::vector<std::filesystem::path>& paths) const {
  if (paths.empty()) { return {}; }
  return index::guarded([&]() -> Status {
    if (auto done = files_.sync_folder(folder_); !done) { return done; }
    if (auto ours = check_lock(); !ours) { return ours; }
    while (!paths.empty()) {
      auto gone = files_.unlink(paths.back());
      if (!gone && gone.error().code() != ErrorCode::kNotFound) { return gone; }
      paths.pop_back();
    }
    return {};
  });
}

}  // namespace tidemark::engine
