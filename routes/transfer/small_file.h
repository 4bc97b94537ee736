// Reads whole small files, and writes files that take their place when they are complete. May block; any
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "store/base/disk.h"

namespace breakwater::routes {

// `too_large` if the file has more than `bytes_max` bytes, `invalid` if it is no regular file.
[[nodiscard]] Result<std::string> read_small_file(store::Disk& disk, const std::filesystem::path& path,
                                                  size_t bytes_max);
// Replaces the file atomically and durably.
[[nodiscard]] Result<> write_small_file(store::Disk& disk, const std::filesystem::path& path,
                                        std::string_view text);

// A file of any length, written from its start to its end beside the place that it takes at last. What has
// its name until then, a symbolic link too, is replaced and never written through.
class NewFile {
 public:
  [[nodiscard]] static Result<NewFile> begin(store::Disk& disk, const std::filesystem::path& path);
  ~NewFile();  // removes it, unless it was placed
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;

  [[nodiscard]] Result<> append(std::string_view text);
  // Atomically and durably. Call it once, last.
  [[nodiscard]] Result<> place();

 private:
  NewFile(store::Disk& disk, std::filesystem::path path, std::filesystem::path beside,
          store::SharedFile file);
  Result<> write_buffered();

  store::Disk& disk_;
  std::filesystem::path path_;
  std::filesystem::path beside_;
  store::SharedFile file_;  // null: it was placed or moved from
  std::string buffered_;
  uint64_t written_ = 0;
};

}  // namespace breakwater::routes
