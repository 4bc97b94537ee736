// Whole imports: the data folder of a docker-registry, or OCI image layouts, into a registry of our own.
//
// A second run takes over what came since, and nothing twice. An error ends it; what was taken over until
// then stays, and the report says what that is. May block; one thread.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "routes/transfer/import_report.h"
#include "store/base/disk.h"
#include "store/references/retention.h"
#include "store/store.h"

namespace breakwater::routes {

struct ImportSettings {
  std::filesystem::path from;
  std::string route;
  std::string repositories = "*";  // a pattern of their names
  // Untagged manifests are taken over where these keep such for some time; elsewhere they would soon be
  // collected.
  std::vector<store::RetentionPolicy> retention;
};

struct ImportParts {
  store::Store& store;
  store::Disk& disk;
  const store::Clock& clock;
};

[[nodiscard]] Result<> import_registry(const ImportParts& parts, const ImportSettings& settings,
                                       ImportReport& report);
// `from` is a layout itself, and `repositories` then the name of the repository that it becomes; or a folder
// of layouts, each named by its path below that.
[[nodiscard]] Result<> import_layouts(const ImportParts& parts, const ImportSettings& settings,
                                      ImportReport& report);

}  // namespace breakwater::routes
