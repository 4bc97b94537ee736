#include "routes/ops/shown.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace breakwater::routes {
namespace {

using store::BrokenThing;
using store::RepositoryKey;

bool sees(const Sight& sight, const RepositoryKey& repository) {
  return sight.sees(repository.route, repository.repository);
}

// Of "private/team/app:1.2".
RepositoryKey repository_of(const std::string& tag) {
  const size_t slash = std::min(tag.find('/'), tag.size()), colon = std::min(tag.rfind(':'), tag.size());
  if (colon <= slash) return {tag.substr(0, slash), ""};
  return {tag.substr(0, slash), tag.substr(slash + 1, colon - slash - 1)};
}

// Whether anything of it is left. A blob is known by the tags that need it.
bool leave_out_unseen(BrokenThing& thing, const Sight& sight) {
  if (thing.tag && !sees(sight, thing.tag->repository)) return false;
  if (thing.edge && !sees(sight, thing.edge->repository)) return false;
  std::erase_if(thing.tags, [&](const std::string& tag) { return !sees(sight, repository_of(tag)); });
  if (thing.tags.empty() && !thing.tag && !thing.edge) return false;
  std::set<std::string> routes;
  for (const std::string& tag : thing.tags) routes.insert(repository_of(tag).route);
  if (thing.tag) routes.insert(thing.tag->repository.route);
  if (thing.edge) routes.insert(thing.edge->repository.route);
  thing.routes = std::move(routes);
  return true;
}

template <class List, class IsOf>
uint64_t count_of(const List& list, IsOf is_of) {
  return static_cast<uint64_t>(std::count_if(list.begin(), list.end(), is_of));
}

void leave_out_of_lists(ServerState& state, const Sight& sight) {
  std::erase_if(state.fills, [&](const proxy::RunningFill& fill) { return !sees(sight, fill.home); });
  std::erase_if(state.uploads, [&](const auto& one) { return !sees(sight, one.upload.repository); });
  std::erase_if(state.broken, [&](BrokenThing& thing) { return !leave_out_unseen(thing, sight); });
  state.fills_count = state.fills.size();
  state.uploads_count = state.uploads.size();
}

}  // namespace

Result<> check_seen(const Sight& sight, const RepositoryKey& repository) {
  if (sees(sight, repository)) return {};
  return failure(Error::Kind::not_found,
                 "there is no repository " + repository.route + "/" + repository.repository);
}

Result<> check_seen(const Sight& sight, const ImageName& image) {
  const RepositoryKey repository{image.route, image.repository};
  if (sees(sight, repository)) return {};
  const std::string name = image.route + "/" + image.repository;
  if (image.digest)
    return failure(Error::Kind::not_found, "there is no image " + name + "@" + image.digest->text());
  if (!image.tag.empty())
    return failure(Error::Kind::not_found, "there is no image " + name + ":" + image.tag);
  return check_seen(sight, repository);
}

Result<> check_seen(const Sight& sight, const store::ImagePattern& what) {
  if (sight.is_of_all()) return {};
  if (what.names_one_repository()) return check_seen(sight, RepositoryKey{what.route, what.repository});
  return failure(Error::Kind::denied, what.text() +
                                          " may be of repositories that you may not pull from: name one "
                                          "repository, or use the command on Breakwater's machine");
}

void leave_out_unseen(ServerState& state, const Sight& sight) {
  if (sight.is_of_all()) return;
  leave_out_of_lists(state, sight);
  std::erase_if(state.routes, [&](const ServerState::Route& route) { return !sight.sees_any(route.name); });
  for (auto& route : state.routes) {
    route.broken = count_of(state.broken, [&](const auto& one) { return one.routes.contains(route.name); });
    route.uploads_open =
        count_of(state.uploads, [&](const auto& one) { return one.upload.repository.route == route.name; });
  }
  state.folder.clear();
  state.warnings.clear();
  state.webhooks.clear();
  state.left_bytes = 0;
}

}  // namespace breakwater::routes
