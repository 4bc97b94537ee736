// The bound of a store for which the configuration gives none: 90 % of the size of its file system, so that
// neither a disk of its own is filled to the last byte, nor what else must be written there fails. What
// others have on the file system is beside that: the disk itself is a bound too
// (store/capacity/disk_bound.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace breakwater::conf {

inline constexpr uint64_t kDefaultBoundPercent = 90;

// Of the file system that the folder is on, or will be once it is made. Nothing if that cannot be told.
std::optional<uint64_t> default_bound(const std::filesystem::path& data);

}  // namespace breakwater::conf
