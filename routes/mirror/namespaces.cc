#include "routes/mirror/namespaces.h"

#include <utility>

#include "routes/oci/oci_error.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Task;

namespace {

// A mirror is small, and stays for its downloads; but where a pattern allows it clients name any number.
constexpr size_t kAnyMirrorsMax = 256;

}  // namespace

void RegistryDirectory::add(const std::string& route, Registry& registry, Networks allow) {
  routes_[route] = Known{&registry, nullptr, nullptr, std::move(allow)};
}

void RegistryDirectory::add(const std::string& route, Mirror& mirror, Networks allow) {
  routes_[route] = Known{&mirror, &mirror, nullptr, std::move(allow)};
}

void RegistryDirectory::add_any(const std::string& route, MakeMirror make, Networks allow) {
  routes_[route] = Known{nullptr, nullptr, std::move(make), std::move(allow)};
}

Result<RegistryDirectory::Found> RegistryDirectory::find(const std::string& ns, const proxy::Peer& client) {
  const auto named = registry_named(names_, ns);
  const auto known = named ? routes_.find(named->route) : routes_.end();
  if (known == routes_.end())
    return failure(Error(Error::Kind::not_found, "no mirror of " + ns + " here", 0,
                         "add a route that mirrors it, or ask that registry itself"));
  const Known& route = known->second;
  if (!route.allow.allows(client))
    return failure(Error::Kind::denied, not_allowed_text(client, "allow", named->route));
  if (!named->by_any) return Found{route.registry, named->route};
  auto mirror = mirror_of_any(*named);
  if (!mirror) return failure(mirror.error());
  return Found{*mirror, named->route};
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

Task<> Namespaces::serve(Exchange& exchange, const OciPath& path, RequestContext& context) {
  const std::string& ns = path.query.ns;
  if (ns.empty() && own_ != nullptr) co_return co_await own_->serve(exchange, path, context);
  if (ns.empty()) {
    const Error error(Error::Kind::not_found, "which registry is meant is not said", 0,
                      "ask with ?ns=, as containerd does");
    co_return reply_error(exchange, error, OciSubject::name, context);
  }
  const auto found = directory_.find(ns, exchange.peer());
  if (!found && found.error().kind == Error::Kind::denied)
    co_return reply_denied(exchange, found.error().message, context);
  if (!found) co_return reply_error(exchange, found.error(), OciSubject::name, context);
  // Our own registry is written to at its own address.
  const std::string& method = exchange.request().method;
  if (method != "GET" && method != "HEAD")
    co_return reply_not_allowed(exchange, "GET, HEAD",
                                "with ?ns= a registry is only read; push to its own address", context);
  context.oci_namespace = ns;
  context.route = found->route;
  co_await found->registry->serve(exchange, path, context);
}

}  // namespace breakwater::routes
