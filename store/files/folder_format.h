// <data>/format says which data folder this is, and in which format its files are:
//
//   version 1
//   id 0123456789abcdef0123456789abcdef
//
// A folder without it was made by a version before there was one, and is taken along: its id is made at the
// next start. The id is also in the catalog, so that a catalog and blobs that do not belong together are not
// taken for a store in which everything is lost. The number grows when a version before could not read, or
// would not keep, what is written; fields that are added at the end of records do not count.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "store/base/disk.h"
#include "store/base/result.h"

namespace breakwater::store {

inline constexpr unsigned kFolderVersion = 1;

// The id of the folder; empty if there is no such file. `conflict`, with what to do about it, if the folder
// was written by a newer version, or if the file cannot be understood. Nothing is touched.
[[nodiscard]] Result<std::optional<std::string>> read_folder_id(Disk& disk,
                                                                const std::filesystem::path& data);
// Writes the file durably, or not at all.
[[nodiscard]] Result<> write_folder_id(Disk& disk, const std::filesystem::path& data, const std::string& id);
std::string new_folder_id();

}  // namespace breakwater::store
