// A read-only mirror of one registry, which has one upstream or several. Manifests, blobs and
// lists have a file each (mirror_*.h). Belongs to the loop's thread; destroy a Mirror after the servers that
// use it.
#pragma once

#include <string>
#include <utility>

#include "routes/mirror/mirror_blobs.h"
#include "routes/mirror/mirror_manifests.h"
#include "routes/mirror/mirror_parts.h"
#include "routes/mirror/mirror_referrers.h"
#include "routes/mirror/mirror_signatures.h"
#include "routes/mirror/mirror_tags.h"
#include "routes/oci/registry.h"
#include "routes/signatures/signature_gate.h"

namespace breakwater::routes {

class Mirror final : public Registry {
 public:
  Mirror(const MirrorParts& parts, const MirrorSettings& settings);
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  proxy::Task<> serve(proxy::Exchange& exchange, const OciPath& path, RequestContext& context) override;
  const MirrorSettings& settings() const { return settings_; }
  // As MirrorManifests::move_now(); `repository` is as the store calls it.
  proxy::Task<Result<ServedManifest>> move_now(std::string repository, std::string tag) {
    return manifests_.move_now(std::move(repository), std::move(tag));
  }

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
  MirrorSignatures signatures_;
  SignatureGate gate_;
};

}  // namespace breakwater::routes
