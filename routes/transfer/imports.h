// Imports the data folder of a docker-registry, or OCI image layouts, into a registry of our own or a mirror.
//
// A second run imports only what is new since the first. An error ends the import; what was imported until
// then stays, and the report says what that is. What is left out without ending it is in the report:
// ImportReport::left_out(). May block; one thread.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "routes/transfer/import_parts.h"
#include "routes/transfer/import_report.h"
#include "store/references/retention.h"

namespace breakwater::routes {

struct ImportSettings {
  std::filesystem::path from;
  std::string route;
  std::string repositories = "*";  // a pattern for repository names
  std::string tag = {};  // of layouts: names the one image of each that has no name; "": those stay without
  // Untagged manifests are imported into repositories whose policy keeps untagged manifests for some time;
  // elsewhere they would soon be collected.
  std::vector<store::RetentionPolicy> retention;
  // Into a mirror: see mirror_importer.h. `fresh` is for how long it does not ask again about a tag.
  bool is_mirror = false;
  store::Time::duration fresh = {};
};

[[nodiscard]] Result<> import_registry(const ImportParts& parts, const ImportSettings& settings,
                                       ImportReport& report);
// `from` is one layout, and `repositories` is then the name of its repository here; or `from` is a folder of
// layouts, whose paths below it are the names of their repositories.
[[nodiscard]] Result<> import_layouts(const ImportParts& parts, const ImportSettings& settings,
                                      ImportReport& report);

}  // namespace breakwater::routes
