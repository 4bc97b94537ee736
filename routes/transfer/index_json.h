// Reads the index.json of an image layout, however long it is, in bounded memory. May block; any thread.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "store/base/disk.h"

namespace breakwater::routes {

// Called with the JSON of one entry of `manifests`, "" if that is larger than kEntryBytesMax. An error ends
// the reading.
using EachEntry = std::function<Result<>(const std::string& json)>;

// Of one entry's texts together. What is read within this bound is so when it is written and read again.
inline constexpr size_t kEntryBytesMax = size_t{1} << 20;

// `invalid` if it is no JSON object with one list `manifests`; `each` was called for what comes before the
// fault then.
[[nodiscard]] Result<> read_index_json(store::Disk& disk, const std::filesystem::path& path,
                                       const EachEntry& each);

}  // namespace breakwater::routes
