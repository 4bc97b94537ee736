// A read-only mirror of one upstream registry, and the choice among mirrors by `?ns=`. Manifests, blobs and
// lists have a file each (mirror_*.h). Belongs to the loop's thread; destroy a Mirror after the servers that
// use it.
#pragma once

#include <map>
#include <string>

#include "routes/access/access.h"
#include "routes/mirror/mirror_blobs.h"
#include "routes/mirror/mirror_manifests.h"
#include "routes/mirror/mirror_parts.h"
#include "routes/mirror/mirror_referrers.h"
#include "routes/mirror/mirror_tags.h"
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
  MirrorTags tags_;
  MirrorReferrers referrers_;
};

// Routes a request with `?ns=` to the mirror of the registry that `ns` names, in whatever spelling
// (registry_name.h), on whichever listener the request arrived. A name without a mirror is answered 404, so
// that the client tries its next host and never gets another registry's image under that name. The client's
// address must be allowed on the target's route as well as on the listener's.
class Namespaces final : public Registry {
 public:
  struct Target {
    Mirror* mirror = nullptr;
    Networks allow;
  };
  using Targets = std::map<std::string, Target>;  // by registry name in normal form: "docker.io"

  // `own` answers requests without ns. Both outlive this object.
  Namespaces(Mirror& own, const Targets& targets) : own_(&own), targets_(targets) {}
  // Requests without ns are answered 404.
  explicit Namespaces(const Targets& targets) : targets_(targets) {}

  proxy::Task<> serve(proxy::Exchange& exchange, const OciPath& path, RequestContext& context) override;

 private:
  Mirror* own_ = nullptr;
  const Targets& targets_;
};

}  // namespace breakwater::routes
