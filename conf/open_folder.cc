#include "conf/open_folder.h"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "conf/part_settings.h"
#include "routes/ops/webhooks.h"
#include "store/blobs/parts.h"

namespace breakwater::conf {
namespace {

// What a data folder without a catalog may have: a start that was killed leaves some, a file system the
// first.
constexpr std::array<std::string_view, 6> kOfEmptyFolder = {"lost+found", "format",   "lock",
                                                            "blobs",      "incoming", "trash"};

std::string folder_words(const Config& config) {
  return "the data folder " + std::filesystem::absolute(config.data).string() + " (" + config.data_from + ")";
}

}  // namespace

Result<> check_folder(const Config& config) {
  std::error_code none;
  if (std::filesystem::exists(config.data / "catalog", none)) return {};
  return failure(Error::Kind::unavailable,
                 folder_words(config) +
                     (std::filesystem::exists(config.data, none) ? " is no data folder"
                                                                 : " is not there, and is not made unasked") +
                     ": name the one that is served, by --data DIR or --config "
                     "FILE");
}

Result<> check_place(const Config& config) {
  std::error_code none;
  if (std::filesystem::exists(config.data / "catalog", none)) return {};
  const auto above = std::filesystem::absolute(config.data).lexically_normal().parent_path();
  if (!std::filesystem::is_directory(above, none))
    return failure(Error::Kind::unavailable, folder_words(config) + " would be in " + above.string() +
                                                 ", which is no folder: make that one first");
  for (auto one = std::filesystem::directory_iterator(config.data, none);
       one != std::filesystem::directory_iterator(); one.increment(none)) {
    const auto name = one->path().filename().string();
    if (std::find(kOfEmptyFolder.begin(), kOfEmptyFolder.end(), name) != kOfEmptyFolder.end()) continue;
    return failure(Error::Kind::conflict, folder_words(config) + " is no data folder and has " +
                                              one->path().filename().string() +
                                              " in it: name an empty folder, or one that is not there");
  }
  return {};
}

Result<> become_owner(Config& config) {
  struct stat found {};
  if (::geteuid() != 0 || ::stat((config.data / "catalog").c_str(), &found) != 0 || found.st_uid == 0)
    return {};
  if (::chdir(config.data.c_str()) == 0 && ::setgroups(0, nullptr) == 0 && ::setgid(found.st_gid) == 0 &&
      ::setuid(found.st_uid) == 0) {
    config.data = ".";
    return {};
  }
  return failure(Error::Kind::internal, "become the owner of " + config.data.string() + ": " +
                                            std::generic_category().message(errno));
}

std::optional<store::FolderOwner> owner_of(const Config& config) {
  struct stat found {};
  // A folder in which nothing is yet belongs to who made it, and one that is not there to who has the place.
  const auto above = std::filesystem::absolute(config.data).lexically_normal().parent_path();
  const bool is_there = ::stat((config.data / "catalog").c_str(), &found) == 0 ||
                        ::stat(config.data.c_str(), &found) == 0 || ::stat(above.c_str(), &found) == 0;
  if (::geteuid() != 0 || !is_there || found.st_uid == 0) return std::nullopt;
  return store::FolderOwner{config.data, found.st_uid, found.st_gid};
}

Result<> open_folder(const Config& config, OpenFolder& folder, Bounds bounds) {
  // Only warnings: what a server logs at its start is not what the operator asked for.
  store::LogSettings log_settings = config.log;
  log_settings.level = store::Log::Level::warning;
  folder.log = store::make_log(log_settings);
  folder.disk = store::make_posix_disk(owner_of(config));
  store::StoreSettings settings = store_settings(config);
  settings.keeps_bounds = bounds == Bounds::kept;
  folder.logged = std::make_unique<routes::LoggedEvents>(*folder.log, folder.clock);
  auto opened = store::Store::open(settings, *folder.disk, folder.clock, *folder.logged);
  if (!opened) return failure(opened.error());
  folder.store = *std::move(opened);
  folder.events = std::make_unique<store::EventQueue>(folder.store->parts().catalog,
                                                      routes::readers_of(config.webhooks));
  // The configuration of a verb may be another one than the server's: the server knows who is gone.
  return folder.events->load(store::EventQueue::Others::kept);
}

Result<> OpenFolder::queue_logged() {
  const auto queued = events->note(logged->take(), store::Durability::synced);
  if (const uint64_t lost = logged->lost(); lost > 0)
    log->warning("events_lost", {{"events", static_cast<int64_t>(lost)}});
  return queued;
}

}  // namespace breakwater::conf
