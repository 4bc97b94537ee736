// The reads of the private registry, from the store alone. What they answer is leased: a manifest that was
// read keeps what it names for a while, so that a client that was told what there is finds it. Belongs to the
// loop's thread.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "proxy/http/exchange.h"
#include "proxy/loop/task.h"
#include "routes/oci/oci_path.h"
#include "routes/oci/request_context.h"
#include "routes/registry/registry_parts.h"

namespace breakwater::routes {

class RegistryReads {
 public:
  RegistryReads(const RegistryParts& parts, std::string route) : parts_(parts), route_(std::move(route)) {}

  // Each is the whole reply; an error is returned only while nothing was sent.
  proxy::Task<Result<>> manifest(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);
  proxy::Task<Result<>> blob(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);
  proxy::Task<Result<>> tags(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);
  proxy::Task<Result<>> catalog(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);
  proxy::Task<Result<>> referrers(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);

 private:
  store::RepositoryKey key_of(const OciPath& path) const { return store::RepositoryKey(route_, path.name); }
  proxy::Task<Result<store::References::LeasedManifest>> hold(const proxy::Exchange& exchange, const OciPath& path);
  proxy::Task<Result<std::shared_ptr<const std::string>>> bytes_of(store::RepositoryKey key,
                                                                   store::References::LeasedManifest held);

  RegistryParts parts_;
  std::string route_;
};

}  // namespace breakwater::routes
