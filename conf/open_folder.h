// A data folder that this process has for itself, for verbs that run while nobody serves it.
#pragma once

#include <memory>

#include "conf/config.h"
#include "store/store.h"

namespace breakwater::conf {

struct OpenFolder {
  std::unique_ptr<store::Disk> disk = store::make_posix_disk();
  store::SystemClock clock;
  std::unique_ptr<store::Log> log;
  std::unique_ptr<store::Store> store;
};
// `not_found` if there is none: for verbs that have nothing to do with an empty one that opening would make.
[[nodiscard]] Result<> check_folder(const Config& config);
// Root becomes the folder's owner, for good: whoever opens a catalog writes files of his own in it, and the
// server must be able to read them. The folder is where we are then, since the way to it may be root's alone
// (systemd's /var/lib/private).
[[nodiscard]] Result<> become_owner(Config& config);
// `conflict` if a process has it.
[[nodiscard]] Result<> open_folder(const Config& config, OpenFolder& folder);

}  // namespace breakwater::conf
