#include "conf/open_folder.h"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "conf/part_settings.h"

namespace breakwater::conf {

Result<> check_folder(const Config& config) {
  std::error_code none;
  if (std::filesystem::exists(config.data / "catalog", none)) return {};
  return failure(Error::Kind::not_found, config.data.string() + " is no data folder");
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
  // A folder in which nothing is yet belongs to who made it.
  const bool is_there =
      ::stat((config.data / "catalog").c_str(), &found) == 0 || ::stat(config.data.c_str(), &found) == 0;
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
  auto opened = store::Store::open(settings, *folder.disk, folder.clock, *folder.log);
  if (!opened) return failure(opened.error());
  folder.store = *std::move(opened);
  return {};
}

}  // namespace breakwater::conf
