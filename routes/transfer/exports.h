// Repositories as OCI image layouts: one layout for each, in the folder of its name. What is written is
// whole: a tag of which something is missing, as in mirrors that nobody has pulled all platforms from, is
// left out and told. Each blob is hashed on its way. Into a layout that is there already: what it has of
// other names stays in it, and so does a tag that is left out, as it was there, if that is whole. One whose
// index.json cannot be understood is an error, and stays as it is.
//
// The files are the store's own under a second name where the file system allows: they are to be read and
// removed, not changed. May block; one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "store/base/disk.h"
#include "store/store.h"

namespace breakwater::routes {

struct ExportSettings {
  std::string route;
  std::string repositories = "*";  // a pattern of their names
  std::filesystem::path to;
};

struct Exported {
  uint64_t repositories = 0, tags = 0, tags_skipped = 0, referrers = 0;
};

// `say` is told each image that is left out, and what of a layout stays for it. An error ends it: no room
// there, or our own disk.
[[nodiscard]] Result<Exported> export_images(store::Store& store, store::Disk& disk,
                                             const ExportSettings& settings,
                                             const std::function<void(const std::string&)>& say);

}  // namespace breakwater::routes
