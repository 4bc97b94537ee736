// Reads and writes whole small files: manifests, links, an index. May block; any thread.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "store/base/disk.h"

namespace breakwater::routes {

// `too_large` if the file has more than `bytes_max` bytes.
[[nodiscard]] Result<std::string> read_small_file(store::Disk& disk, const std::filesystem::path& path,
                                                  size_t bytes_max);
// Replaces the file atomically and durably.
[[nodiscard]] Result<> write_small_file(store::Disk& disk, const std::filesystem::path& path,
                                        std::string_view text);

}  // namespace breakwater::routes
