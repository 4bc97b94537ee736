// The choice among all routes by `?ns=`, which names the registry that a client means (containerd sends it to
// its mirrors).
//
//   ns  a mirror's registry -----------> that mirror
//       a name of our own registry ----> that registry, to read
//       in the list of an any route ---> a mirror of that registry, made when it is asked for first
//       anything else -----------------> 404, so that the client tries its next host and never gets another
//                                        registry's image under that name
//
// Names are taken in whatever spelling (registry_name.h), and on whichever listener the request arrived. The
// client's address must be allowed on the route that answers as well as on the listener's. Belongs to the
// loop's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "routes/access/access.h"
#include "routes/mirror/mirror.h"
#include "routes/mirror/registry_name.h"
#include "routes/oci/registry.h"

namespace breakwater::routes {

// Who answers for which registry. Filled at the start; outlives the servers.
class RegistryDirectory {
 public:
  // A mirror of the registry, which is in normal form, for as long as the process lives.
  using MakeMirror = std::function<std::unique_ptr<Mirror>(const std::string& registry)>;

  void set_names(RegistryNames names) { names_ = std::move(names); }
  // A mirror, or a registry of our own, that answers for what set_names() says of its route.
  void add(const std::string& route, Registry& registry, Networks allow);
  void add(const std::string& route, Mirror& mirror, Networks allow);
  // A route that mirrors the registries that clients ask for.
  void add_any(const std::string& route, MakeMirror make, Networks allow);

  struct Found {
    Registry* registry = nullptr;
    std::string route;
  };
  // `not_found` if nobody answers for it, `denied` if its route does not allow the client, `unavailable` if
  // clients have asked for more registries of a pattern than are mirrored.
  [[nodiscard]] Result<Found> find(const std::string& ns, const proxy::Peer& client);

  // Who has a repository of the route, as the store calls it, whoever asks. `registry` is null if nobody has.
  struct Holder {
    Registry* registry = nullptr;
    Mirror* mirror = nullptr;  // if it is one
    std::string name;          // of the repository, in its paths
  };
  Holder holder(const std::string& route, const std::string& repository);

 private:
  struct Known {
    Registry* registry = nullptr;
    Mirror* mirror = nullptr;  // if it is one
    MakeMirror make;
    Networks allow;
  };
  Result<Mirror*> mirror_of_any(const NamedRegistry& named);

  RegistryNames names_;
  std::map<std::string, Known> routes_;                     // by name
  std::map<std::string, std::unique_ptr<Mirror>> mirrors_;  // of any routes, by registry
  size_t mirrors_by_pattern_ = 0;
};

// What a listener of a mirror serves.
class Namespaces final : public Registry {
 public:
  // `own` answers requests without ns; null: they are answered 404. Both outlive this object.
  Namespaces(Registry* own, RegistryDirectory& directory) : own_(own), directory_(directory) {}

  proxy::Task<> serve(proxy::Exchange& exchange, const OciPath& path, RequestContext& context) override;

 private:
  Registry* own_;
  RegistryDirectory& directory_;
};

}  // namespace breakwater::routes
