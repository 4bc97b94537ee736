// Pushes of manifests to the private registry.
//
// A manifest is accepted only after everything that it names: its 201 says that the image can be pulled
// whole. The 201 is sent after the manifest is synced. Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/http/exchange.h"
#include "proxy/loop/task.h"
#include "routes/oci/oci_path.h"
#include "routes/oci/request_context.h"
#include "routes/registry/capacity_wait.h"
#include "routes/registry/manifest_bodies.h"
#include "routes/registry/registry_changes.h"
#include "routes/registry/registry_parts.h"
#include "store/capacity/capacity.h"
#include "store/references/manifest_content.h"
#include "store/store.h"

namespace breakwater::routes {

class ManifestPushes {
 public:
  // `line` is borrowed: the others of this route that need capacity.
  ManifestPushes(const RegistryParts& parts, std::string route, const ManifestBodySettings& bodies,
                 CapacityLine& line);

  // Answers PUT of a manifest. Sends the whole reply, or returns an error before anything was sent.
  proxy::Task<Result<>> put(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);

  // BuildKit cache configs that were pushed and that BuildKit's importers refuse.
  uint64_t unusable_caches_total() const { return unusable_caches_total_; }

 private:
  using Bytes = std::shared_ptr<const std::string>;
  struct Pushed {
    store::Digest digest;
    Bytes bytes;
    store::ManifestContent content;
  };
  store::RepositoryKey key_of(const OciPath& path) const { return store::RepositoryKey(route_, path.name); }
  static Result<std::vector<store::Digest>> push(const RegistryParts& parts, const store::RepositoryKey& key,
                                                 const Pushed& pushed, const std::vector<std::string>& tags,
                                                 const ChangingRequest& request,
                                                 store::Capacity::Effort effort);
  proxy::Task<Result<Pushed>> verify_and_parse(Bytes bytes, std::string content_type,
                                               std::optional<store::Digest> asked);
  proxy::Task<Result<>> store_manifest(proxy::Exchange& exchange, const OciPath& path, Pushed pushed,
                                       RequestContext& context);
  void reply_pushed(proxy::Exchange& exchange, const OciPath& path, const Pushed& pushed,
                    const RequestContext& context);

  RegistryParts parts_;
  std::string route_;
  ManifestBodies bodies_;
  CapacityLine& line_;
  uint64_t unusable_caches_total_ = 0;
};

}  // namespace breakwater::routes
