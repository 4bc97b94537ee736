#include "conf/open_folder.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "conf/appliance.h"

namespace breakwater::conf {

Result<> check_folder(const Config& config) {
  std::error_code none;
  if (std::filesystem::exists(config.data / "catalog", none)) return {};
  return failure(Error::Kind::not_found, config.data.string() + " is no data folder");
}

Result<> open_folder(const Config& config, OpenFolder& folder) {
  // What a server would say of its start is not what was asked for.
  store::LogSettings settings = config.log;
  settings.level = "warning";
  auto log = store::make_log(settings);
  if (!log) return failure(log.error());
  folder.log = *std::move(log);
  auto opened = store::Store::open(store_settings(config), *folder.disk, folder.clock, *folder.log);
  if (!opened) return failure(opened.error());
  folder.store = *std::move(opened);
  return {};
}

}  // namespace breakwater::conf
