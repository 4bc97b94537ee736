#include "routes/mirror/namespaces.h"

#include <utility>

namespace breakwater::routes {

namespace {

// A mirror is small, and stays for its downloads; but where a pattern allows it clients name any number.
constexpr size_t kAnyMirrorsMax = 256;

}  // namespace

std::string Answerer::kept_as(std::string_view name) const {
  return (named && named->by_any ? registry + "/" : "") + whole_name(registry, name);
}

void RegistryDirectory::add(Registry& registry, SharedAccess access) {
  auto& known = routes_[access->route];
  known = Known{&registry, nullptr, nullptr, std::move(access)};
}

void RegistryDirectory::add(Mirror& mirror, SharedAccess access) {
  auto& known = routes_[access->route];
  known = Known{&mirror, &mirror, nullptr, std::move(access)};
}

void RegistryDirectory::add_any(MakeMirror make, SharedAccess access) {
  auto& known = routes_[access->route];
  known = Known{nullptr, nullptr, std::move(make), std::move(access)};
}

Result<Answerer> RegistryDirectory::find(const std::string& ns) const {
  auto named = registry_named(names_, ns);
  const auto known = named ? routes_.find(named->route) : routes_.end();
  if (known == routes_.end())
    return failure(Error(Error::Kind::not_found, "no mirror of " + ns + " here", 0,
                         "add a route that mirrors it, or ask that registry itself"));
  return Answerer{known->second.access, named->registry, std::move(named)};
}

Result<Registry*> RegistryDirectory::registry(const NamedRegistry& named) {
  if (!named.by_any) return routes_.at(named.route).registry;
  auto mirror = mirror_of_any(named);
  if (!mirror) return failure(mirror.error());
  return *mirror;
}

Result<Mirror*> RegistryDirectory::mirror_of_any(const NamedRegistry& named) {
  auto mirror = mirrors_.find(named.registry);
  if (mirror == mirrors_.end()) {
    if (!named.by_name && mirrors_by_pattern_ >= kAnyMirrorsMax)
      return failure(Error::Kind::unavailable, "route " + named.route + " mirrors " +
                                                   std::to_string(kAnyMirrorsMax) +
                                                   " registries already; a restart forgets them");
    if (!named.by_name) ++mirrors_by_pattern_;
    mirror = mirrors_.emplace(named.registry, routes_.at(named.route).make(named.registry)).first;
  }
  return mirror->second.get();
}

RegistryDirectory::Holder RegistryDirectory::holder(const std::string& route, const std::string& repository) {
  const auto known = routes_.find(route);
  if (known == routes_.end()) return {};
  if (known->second.registry != nullptr) return {known->second.registry, known->second.mirror, repository};
  const size_t slash = repository.find('/');
  const auto named = registry_named(names_, repository.substr(0, slash));
  if (!named || named->route != route || slash == std::string::npos) return {};
  const auto mirror = mirror_of_any(*named);
  if (!mirror) return {};
  return {*mirror, *mirror, repository.substr(slash + 1)};
}

Result<Answerer> Namespaces::choose(const std::string& ns) const {
  if (!ns.empty() && directory_ != nullptr) return directory_->find(ns);
  if (own_ != nullptr) return self_;
  return failure(Error(Error::Kind::not_found, "which registry is meant is not said", 0,
                       "ask with ?ns=, as containerd does"));
}

Result<Registry*> Namespaces::registry(const Answerer& chosen) {
  if (chosen.named) return directory_->registry(*chosen.named);
  return own_;
}

}  // namespace breakwater::routes
