// The choice among all routes by `?ns=`, which names the registry that a client means (containerd sends it to
// its mirrors).
//
//   ns  a mirror's registry -----------> that mirror
//       a name of our own registry ----> that registry, to read
//       in the list of an any route ---> a mirror of that registry, made when it is asked for first
//       anything else -----------------> 404, so that the client tries its next host and never gets another
//                                        registry's image under that name
//
// Names are taken in whatever spelling (registry_name.h), and on whichever listener the request arrived. What
// a client may is for the Router to decide, between choosing who answers and asking it. Belongs to the loop's
// thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "routes/access/authorize.h"
#include "routes/mirror/mirror.h"
#include "routes/mirror/registry_name.h"
#include "routes/oci/registry.h"

namespace breakwater::routes {

using SharedAccess = std::shared_ptr<const RouteAccess>;

// Who answers a request, as far as that is known without asking it.
struct Answerer {
  SharedAccess access;                 // of its route
  std::string registry;                // that is mirrored; "" for one of our own
  std::optional<NamedRegistry> named;  // by ?ns=; nothing: the listener's own
  // As the store calls a repository that clients call `name`.
  std::string kept_as(std::string_view name) const;
};

// Who answers for which registry. Filled at the start; outlives the servers.
class RegistryDirectory {
 public:
  // A mirror of the registry, which is in normal form, for as long as the process lives.
  using MakeMirror = std::function<std::unique_ptr<Mirror>(const std::string& registry)>;

  void set_names(RegistryNames names) { names_ = std::move(names); }
  // A mirror, or a registry of our own, that answers for what set_names() says of the route.
  void add(Registry& registry, SharedAccess access);
  void add(Mirror& mirror, SharedAccess access);
  // A route that mirrors the registries that clients ask for.
  void add_any(MakeMirror make, SharedAccess access);

  // `not_found` if nobody answers for it.
  [[nodiscard]] Result<Answerer> find(const std::string& ns) const;
  // Makes the mirror of a registry that is asked for first, so this is for whoever may ask it. `unavailable`
  // if clients have asked for more registries of a pattern than are mirrored.
  [[nodiscard]] Result<Registry*> registry(const NamedRegistry& named);

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
    SharedAccess access;
  };
  Result<Mirror*> mirror_of_any(const NamedRegistry& named);

  RegistryNames names_;
  std::map<std::string, Known> routes_;                     // by name
  std::map<std::string, std::unique_ptr<Mirror>> mirrors_;  // of any routes, by registry
  size_t mirrors_by_pattern_ = 0;
};

// What a listener serves.
class Namespaces {
 public:
  // `own` answers requests without ns; null: nobody does. Without a directory it answers all of them: a
  // registry of our own is written to at its own address. `self` is what is known of it. All outlive this
  // object.
  Namespaces(Registry* own, Answerer self, RegistryDirectory* directory)
      : own_(own), self_(std::move(self)), directory_(directory) {}

  const Answerer& self() const { return self_; }  // the listener's own

  // `not_found` as of RegistryDirectory.
  [[nodiscard]] Result<Answerer> choose(const std::string& ns) const;
  // The one that was chosen, for whoever may ask it.
  [[nodiscard]] Result<Registry*> registry(const Answerer& chosen);

 private:
  Registry* const own_;
  const Answerer self_;
  RegistryDirectory* const directory_;
};

}  // namespace breakwater::routes
