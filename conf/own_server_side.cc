#include "conf/own_server_side.h"

#include <filesystem>
#include <utility>

#include "conf/options.h"
#include "conf/own_names.h"
#include "conf/part_settings.h"
#include "conf/warnings.h"
#include "store/references/broken.h"
#include "store/references/route_rules.h"

namespace breakwater::conf {
namespace {

routes::RouteDirectory::Kind kind_of(const RouteConfig& route) {
  if (route.registry) return routes::RouteDirectory::Kind::registry;
  return route.mirror ? routes::RouteDirectory::Kind::mirror : routes::RouteDirectory::Kind::any;
}

uint64_t bytes_left_by_others(const store::Store& store) {
  uint64_t bytes = 0;
  for (const auto& [route, use] : store.budget().routes()) {
    if (!route.empty() && !store.rules().is_configured(route)) bytes += use.stored;
  }
  return bytes;
}

}  // namespace

routes::RouteDirectory route_directory(const Config& config) {
  routes::RouteDirectory directory;
  for (const auto& route : config.routes) {
    routes::RouteDirectory::Entry entry;
    entry.name = route.name;
    entry.kind = kind_of(route);
    if (route.mirror) entry.registry = route.mirror->registry;
    if (route.mirror) entry.fresh_ms = route.mirror->freshness.fresh_ms;
    entry.is_tls = route.tls.has_value();
    for (const auto& address : route.listen) entry.ports.push_back(address.port());
    directory.routes.push_back(std::move(entry));
  }
  directory.registries = registry_names(config);
  directory.host = machine_name();
  return directory;
}

OwnServerSide::OwnServerSide(Parts parts)
    : parts_(std::move(parts)),
      directory_(route_directory(parts_.config)),
      started_at_(parts_.clock.wall()),
      warnings_(unnamed_changes(parts_.config)) {}

routes::ServerState OwnServerSide::state() {
  routes::ServerState state;
  state.version = version();
  state.folder = std::filesystem::absolute(parts_.config.data).string();
  state.now = parts_.clock.wall();
  state.started_at = started_at_;
  state.warnings = warnings_;
  const auto broken = parts_.store.broken().by_route();
  const auto evicted = parts_.store.blobs().evicted();
  const auto oldest = parts_.store.oldest_uses();
  for (const auto& known : directory_.routes) {
    routes::ServerState::Route route;
    route.name = known.name;
    route.kind = known.kind;
    route.registry = known.registry;
    route.use = parts_.store.budget().of(known.name);
    const auto found = broken.find(known.name);
    route.broken = found == broken.end() ? 0 : found->second;
    if (const auto gone = evicted.find(known.name); gone != evicted.end()) route.evicted = gone->second;
    if (const auto used = oldest.find(known.name); used != oldest.end())
      route.oldest_used_at = parts_.store.clock().to_wall(used->second);
    parts_.add_route(route);
    state.routes.push_back(std::move(route));
  }
  state.whole = parts_.store.budget().whole();
  state.disk = parts_.store.disk_space();
  state.buffer_bytes = parts_.buffers.units();
  state.buffer_bytes_max = parts_.buffers.units_max();
  state.fills = parts_.fills.in_progress(routes::ServerState::kFillsMax);
  state.fills_count = parts_.fills.size();
  const auto scrubbed = parts_.scrub.stats();
  state.passed_at = scrubbed.passed_at;
  state.scrubbed_bytes = scrubbed.bytes_total;
  state.pass_share = scrubbed.pass_share;
  state.broken = parts_.store.broken().things(routes::ServerState::kBrokenMax);
  state.left_bytes = bytes_left_by_others(parts_.store);
  parts_.add_whole(state);
  return state;
}

routes::ServerSide::Answering OwnServerSide::answering(const routes::ImageName& image) {
  const auto found = parts_.registries.holder(image.route, image.repository);
  return {found.registry, found.mirror, found.name};
}

}  // namespace breakwater::conf
