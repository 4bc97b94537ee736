#include "routes/transfer/small_file.h"

#include <algorithm>

namespace breakwater::routes {

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
  std::filesystem::path part = path;
  part += ".incomplete";
  const auto file = disk.open_for_writing(part);
  if (!file) return failure(file.error());
  if (auto cut = disk.truncate(**file, 0); !cut) return cut;
  if (auto written = disk.write(**file, 0, text); !written) return written;
  if (auto synced = disk.sync(**file); !synced) return synced;
  if (auto renamed = disk.rename(part, path); !renamed) return renamed;
  return disk.sync_directory(path.parent_path());
}

}  // namespace breakwater::routes
