// The reads of the private registry, from the store alone. What a reply names is leased: a client that was
// told of a manifest or a blob finds it for a while, and finds what a manifest names too. Belongs to the
// loop's thread.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "proxy/http/exchange.h"
#include "proxy/loop/task.h"
#include "routes/oci/manifest_reply.h"
#include "routes/oci/oci_path.h"
#include "routes/oci/request_context.h"
#include "routes/registry/list_page.h"
#include "routes/registry/registry_parts.h"
#include "routes/registry/stored_signatures.h"
#include "routes/signatures/signature_gate.h"
#include "store/references/references.h"

namespace breakwater::routes {

class RegistryReads {
 public:
  RegistryReads(const RegistryParts& parts, const std::string& route, SharedSignaturePolicy policy)
      : parts_(parts),
        route_(route),
        signatures_(parts),
        gate_({parts.readers, parts.store, parts.clock},
              {route, "REGISTRY/", ", by a name that may \"sign\"", std::move(policy)}, signatures_) {}
  RegistryReads(const RegistryReads&) = delete;
  RegistryReads& operator=(const RegistryReads&) = delete;

  // Each of these sends the whole reply, or returns an error before anything was sent.
  proxy::Task<Result<>> manifest(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);
  proxy::Task<Result<>> blob(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);
  proxy::Task<Result<>> tags(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);
  proxy::Task<Result<>> catalog(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);
  proxy::Task<Result<>> referrers(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);

  // A manifest was, which may be the signature that another one lacked.
  void pushed_to(const std::string& repository) { gate_.pushed_to(repository); }

 private:
  store::RepositoryKey key_of(const OciPath& path) const { return store::RepositoryKey(route_, path.name); }
  proxy::Task<Result<store::References::LeasedManifest>> lease(const proxy::Exchange& exchange,
                                                               const OciPath& path);
  proxy::Task<Result<ServedManifest>> read(const proxy::Exchange& exchange, store::RepositoryKey key,
                                           store::References::LeasedManifest held);

  proxy::Task<Result<>> send(proxy::Exchange& exchange, RequestContext& context, proxy::Headers headers,
                             std::shared_ptr<ListPage> page);
  proxy::Task<Result<>> send_rest(proxy::Exchange& exchange, proxy::JobOf of, std::shared_ptr<ListPage> page);

  RegistryParts parts_;
  std::string route_;
  StoredSignatures signatures_;
  SignatureGate gate_;
};

}  // namespace breakwater::routes
