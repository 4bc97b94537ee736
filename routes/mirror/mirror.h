// A read-only mirror of one upstream registry: manifests, blobs, tag lists and referrers, each in a file of
// its own (mirror_*.h); and the choice among mirrors by `?ns=`. Belongs to the loop's thread; destroy it
// after the servers that it is given to.
#pragma once

#include <map>
#include <string>

#include "routes/access/access.h"
#include "routes/mirror/mirror_blobs.h"
#include "routes/mirror/mirror_lists.h"
#include "routes/mirror/mirror_manifests.h"
#include "routes/mirror/mirror_parts.h"
#include "routes/oci/registry.h"

namespace breakwater::routes {

class Mirror final : public Registry {
 public:
  Mirror(const MirrorParts& parts, const MirrorSettings& settings);

  proxy::Task<> serve(proxy::Exchange& exchange, const OciPath& path, RequestContext& context) override;
  const MirrorSettings& settings() const { return settings_; }

 private:
  proxy::Task<Result<>> answer(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);
  proxy::Task<Result<>> serve_manifest(proxy::Exchange& exchange, std::string repository, const OciPath& path,
                                       RequestContext& context);
  std::string repository_of(const OciPath& path) const;

  MirrorParts parts_;
  MirrorSettings settings_;
  MirrorManifests manifests_;
  MirrorBlobs blobs_;
  MirrorLists lists_;
};

// A listener's registry as clients with `?ns=` see it: the mirror of the registry that they name, wherever
// they knock. A name that no mirror has is not found here: the client goes on to its next host, and never
// gets another registry's image under that name. Whoever comes this way must be allowed on the route that he
// is led to, as well as on the one where he knocked.
class Namespaces final : public Registry {
 public:
  struct Target {
    Mirror* mirror = nullptr;
    Networks allow;
  };
  using Targets = std::map<std::string, Target>;  // by registry name: "docker.io"

  // `own` answers requests without ns. Both outlive this object.
  Namespaces(Mirror& own, const Targets& targets) : own_(own), targets_(targets) {}

  proxy::Task<> serve(proxy::Exchange& exchange, const OciPath& path, RequestContext& context) override;

 private:
  Mirror& own_;
  const Targets& targets_;
};

}  // namespace breakwater::routes
