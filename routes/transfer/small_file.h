// A file that is read whole, or written whole under its name: manifests, links, an index. May block; any
// thread.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "store/base/disk.h"

namespace breakwater::routes {

// `too_large` if it holds more than `bytes_max`.
[[nodiscard]] Result<std::string> read_small_file(store::Disk& disk, const std::filesystem::path& path,
                                                  size_t bytes_max);
// Replaces what is there, durably.
[[nodiscard]] Result<> write_small_file(store::Disk& disk, const std::filesystem::path& path,
                                        std::string_view text);

}  // namespace breakwater::routes
