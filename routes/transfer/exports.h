// Exports repositories as OCI image layouts, one layout for each repository, in the folder of its name
// (layout_folder()). Every blob is hashed on its way out, and every exported tag is complete. A tag that
// lacks content, as in a mirror from which nobody has pulled all platforms, is left out and reported. So is a
// repository whose folder cannot be written, and the export goes on with the others.
//
// What comes out is what was pushed, byte by byte and type by type: the layout's index says of each manifest
// which type it was pushed as, where what names it does not.
//
// An export into an existing layout keeps the layout's entries with other names. It also keeps the entry of a
// tag that is left out, if the layout has all of that image. A layout whose index.json cannot be understood
// is not changed, and its repository is left out. Symbolic links are not followed below the target.
//
// Where the file system allows, and the target is reached by the store's own disk, the exported files are
// hard links to the store's own: they may be read and deleted, but not changed. Memory: a repository's
// digests, and nothing for each tag. May block; one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "store/base/disk.h"
#include "store/store.h"

namespace breakwater::routes {

struct ExportSettings {
  std::string route;
  std::string repositories = "*";  // a pattern for repository names
  std::filesystem::path to;
  // The route's manifests were carried, not pushed: no size that they give, nor their form, was judged, and
  // they are exported as they are.
  bool is_mirror = false;
  bool is_lent = false;  // the target is, by whoever looks that it is outside of the data folder
  std::atomic<uint64_t>* bytes =
      nullptr;  // counts those of the blobs that were given, if anybody wants to know
  std::stop_token stop = {};
};

struct Exported {
  uint64_t repositories = 0, tags = 0, tags_skipped = 0, referrers = 0, referrers_skipped = 0;
  uint64_t repositories_skipped = 0;
  uint64_t left_out() const { return repositories_skipped + tags_skipped + referrers_skipped; }
};

// `say` gets a line for each image and repository that is left out and for each entry that is kept for one.
// An error ends the export: the target is in the data folder, is full or cannot be made, our own catalog
// fails, or it is told to stop. What was written until then stays, and another export goes on from there:
// what a layout has already is not written again. `disk` is where the target is, which may be another's than
// the store's own (proxy/server/lent_disk.h).
[[nodiscard]] Result<Exported> export_images(store::Store& store, store::Disk& disk,
                                             const ExportSettings& settings,
                                             const std::function<void(const std::string&)>& say);

}  // namespace breakwater::routes
