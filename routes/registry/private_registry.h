// The private registry: an OCI distribution 1.1 registry over the local store, for BuildKit cache and images.
//
//   reads      registry_reads.h: manifests, blobs, tag lists, the catalog, referrers, from the store alone
//   pushes     blob_pushes.h: upload sessions, mounts; manifest_pushes.h: manifests
//   removal    here: tags, manifests and blobs. What something else needs is refused with 405, naming that
//
// Blobs and manifests are synced before they are acknowledged. Belongs to the loop's thread; destroy it after
// the server that uses it.
#pragma once

#include <string>

#include "routes/oci/registry.h"
#include "routes/registry/blob_pushes.h"
#include "routes/registry/capacity_wait.h"
#include "routes/registry/manifest_pushes.h"
#include "routes/registry/registry_parts.h"
#include "routes/registry/registry_reads.h"

namespace breakwater::routes {

struct PrivateRegistrySettings {
  std::string route;  // "private"
  // Where images of docker.io are pulled here, for who asks for one of them: "route dockerhub, port 5000"; ""
  // for nowhere.
  std::string hub_at = {};
  SharedSignaturePolicy require_signature;  // of what clients pull
  bool removal = true;  // whether DELETE of tags, manifests and blobs is allowed; of uploads it always is
  UploadSettings uploads;
  ManifestBodySettings manifest_bodies;
};

struct PushStats {
  uint64_t uploads_open = 0;           // upload sessions whose file is open
  uint64_t unusable_caches_total = 0;  // cache configs that BuildKit's importers refuse
};

class PrivateRegistry final : public Registry {
 public:
  PrivateRegistry(const RegistryParts& parts, const PrivateRegistrySettings& settings);

  proxy::Task<> serve(proxy::Exchange& exchange, const OciPath& path, RequestContext& context) override;
  proxy::Task<Result<>> sweep() { return blob_pushes_.sweep(); }  // called periodically, by the upkeep
  PushStats push_stats() const;
  std::vector<OpenUpload> open_uploads(size_t most) const { return blob_pushes_.open_uploads(most); }

 private:
  proxy::Task<Result<>> answer(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);
  proxy::Task<Result<>> read(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);
  proxy::Task<Result<>> push(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);
  proxy::Task<Result<>> remove(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);

  RegistryParts parts_;
  PrivateRegistrySettings settings_;
  RegistryReads reads_;
  CapacityLine line_;
  BlobPushes blob_pushes_;
  ManifestPushes manifest_pushes_;
};

}  // namespace breakwater::routes
