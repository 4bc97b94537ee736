#include "conf/open_folder.h"

#include <utility>

#include "conf/appliance.h"

namespace breakwater::conf {

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
