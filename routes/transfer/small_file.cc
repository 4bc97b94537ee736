#include "routes/transfer/small_file.h"

#include <algorithm>
#include <utility>

namespace breakwater::routes {
namespace {

constexpr size_t kBufferedBytes = size_t{64} << 10;

}  // namespace

Result<std::string> read_small_file(store::Disk& disk, const std::filesystem::path& path, size_t bytes_max) {
  const auto found = disk.stat_target(path);
  if (!found) return failure(found.error());
  const auto file = disk.open(path);
  if (!file) return failure(file.error());
  // One byte more than the file's size, because the end is where a read comes short.
  std::string text(std::min<uint64_t>(std::max<uint64_t>(found->size, 4096), bytes_max) + 1, '\0');
  for (size_t filled = 0;;) {
    const auto got = disk.read(**file, filled, std::span<char>(text).subspan(filled));
    if (!got) return failure(got.error());
    filled += *got;
    if (filled > bytes_max)
      return failure(Error::Kind::too_large,
                     path.string() + " is longer than " + std::to_string(bytes_max) + " bytes");
    if (filled < text.size()) {
      text.resize(filled);
      return text;
    }
    text.resize(std::min(text.size() * 2, bytes_max + 1));
  }
}

Result<> write_small_file(store::Disk& disk, const std::filesystem::path& path, std::string_view text) {
  auto file = NewFile::begin(disk, path);
  if (!file) return failure(file.error());
  if (auto written = file->append(text); !written) return written;
  return file->place();
}

// A name that begins with a dot is no repository's.
Result<NewFile> NewFile::begin(store::Disk& disk, const std::filesystem::path& path) {
  auto beside = path.parent_path() / ("." + path.filename().string() + ".new");
  auto removed = disk.remove(beside);  // of a run that did not end
  if (!removed && removed.error().kind != Error::Kind::not_found) return failure(removed.error());
  auto file = disk.create(beside);
  if (!file) return failure(file.error());
  return NewFile(disk, path, std::move(beside), *std::move(file));
}

NewFile::NewFile(store::Disk& disk, std::filesystem::path path, std::filesystem::path beside,
                 store::SharedFile file)
    : disk_(disk), path_(std::move(path)), beside_(std::move(beside)), file_(std::move(file)) {}

NewFile::NewFile(NewFile&& other) noexcept
    : disk_(other.disk_),
      path_(std::move(other.path_)),
      beside_(std::move(other.beside_)),
      file_(std::move(other.file_)),
      buffered_(std::move(other.buffered_)),
      written_(other.written_) {
  other.file_ = nullptr;
}

NewFile::~NewFile() {
  if (file_) (void)disk_.remove(beside_);
}

Result<> NewFile::append(std::string_view text) {
  buffered_ += text;
  return buffered_.size() < kBufferedBytes ? Result<>() : write_buffered();
}

Result<> NewFile::write_buffered() {
  if (auto written = disk_.write(*file_, written_, buffered_); !written) return written;
  written_ += buffered_.size();
  buffered_.clear();
  return {};
}

Result<> NewFile::place() {
  if (auto written = write_buffered(); !written) return written;
  if (auto synced = disk_.sync(*file_); !synced) return synced;
  if (auto renamed = disk_.rename(beside_, path_); !renamed) return renamed;
  file_ = nullptr;
  return disk_.sync_directory(path_.parent_path());
}

}  // namespace breakwater::routes
