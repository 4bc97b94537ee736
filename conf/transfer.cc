#include "conf/transfer.h"

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "conf/exit_status.h"
#include "conf/open_folder.h"
#include "conf/part_settings.h"
#include "routes/oci/oci_path.h"
#include "routes/transfer/exports.h"
#include "routes/transfer/imports.h"
#include "store/base/printable.h"
#include "store/files/outside.h"
#include "store/store.h"

namespace breakwater::conf {
namespace {

int fail(const Error& error) {
  std::cerr << store::printable(error.message) << "\n";
  return status_of(error);
}

// Most of a line is what others have called their folders, tags and types.
void say(const std::string& line) { std::cout << store::printable(line) << "\n"; }

const RouteConfig* route_called(const Config& config, const std::string& name) {
  const auto found = std::find_if(config.routes.begin(), config.routes.end(),
                                  [&](const RouteConfig& route) { return route.name == name; });
  return found == config.routes.end() ? nullptr : &*found;
}

// With the way to have one made.
Result<> may_be_made(Result<> there) {
  if (!there) there.error().message += "; or make one here, before its first start, by --init";
  return there;
}

}  // namespace

int import_images(const Config& config, const Options& options) {
  if (!options.tag.empty() && !routes::is_oci_tag(options.tag))
    return fail({Error::Kind::invalid, "no tag can be called " + options.tag, 0});
  const RouteConfig* route = route_called(config, options.route);
  if (route == nullptr || !route->registry)
    return fail({Error::Kind::invalid, "no registry of the configuration is called " + options.route, 0});
  if (auto right = options.init ? check_place(config) : may_be_made(check_folder(config)); !right)
    return fail(right.error());
  OpenFolder folder;
  if (auto opened = open_folder(config, folder, Bounds::kept); !opened) return fail(opened.error());
  const auto from = options.layout ? *options.layout : options.from;
  if (auto outside = store::check_outside(*folder.disk, config.data, from); !outside)
    return fail(outside.error());
  routes::ImportReport report(say);
  const auto settings = store_settings(config);
  const auto retention = settings.retention.find(route->name);
  routes::ImportSettings wanted;
  wanted.from = from;
  wanted.route = route->name;
  wanted.repositories = options.repository;
  wanted.tag = options.tag;
  if (retention != settings.retention.end()) wanted.retention = retention->second;
  const auto import = options.layout ? routes::import_layouts : routes::import_registry;
  const auto done = import({*folder.store, *folder.disk, folder.clock}, wanted, report);
  if (done || report.has_anything()) std::cout << report.summary();
  if (!done) return fail(done.error());
  return report.left_out() == 0 && !report.is_empty() ? 0 : 1;
}

int export_images(const Config& config, const Options& options) {
  const RouteConfig* route = route_called(config, options.route);
  if (route == nullptr)
    return fail({Error::Kind::invalid, "no route of the configuration is called " + options.route, 0});
  if (auto there = check_folder(config); !there) return fail(there.error());
  OpenFolder folder;
  if (auto opened = open_folder(config, folder, Bounds::kept); !opened) return fail(opened.error());
  routes::ExportSettings wanted;
  wanted.route = route->name;
  wanted.repositories = options.repository;
  wanted.to = std::filesystem::absolute(options.to);
  wanted.is_mirror = !route->registry;
  const auto done = routes::export_images(*folder.store, *folder.disk, wanted, say);
  if (!done) return fail(done.error());
  std::cout << "exported: " << done->tags << " tags of " << done->repositories << " repositories, "
            << done->referrers << " referrers; left out: " << done->tags_skipped
            << " tags that are not whole";
  if (done->referrers_skipped > 0) std::cout << ", " << done->referrers_skipped << " referrers";
  if (done->repositories_skipped > 0) std::cout << ", " << done->repositories_skipped << " repositories";
  std::cout << "\n";
  return done->left_out() == 0 ? 0 : 1;
}

}  // namespace breakwater::conf
