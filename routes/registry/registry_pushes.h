// The pushes of the private registry: upload sessions, mounts and manifests.
//
// Everything that a manifest names must be there before it: a 201 for a manifest says that it pulls whole. A
// 201 is sent when what it acknowledges is synced. Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "proxy/http/exchange.h"
#include "proxy/loop/buffers.h"
#include "proxy/loop/task.h"
#include "routes/oci/oci_path.h"
#include "routes/oci/request_context.h"
#include "routes/registry/registry_parts.h"
#include "routes/registry/uploads.h"
#include "store/store.h"

namespace breakwater::routes {

struct PushStats {
  uint64_t uploads_open = 0;           // sessions whose file is open
  uint64_t unusable_caches_total = 0;  // BuildKit cache configs that its importers refuse
};

class RegistryPushes {
 public:
  RegistryPushes(const RegistryParts& parts, std::string route, const UploadSettings& settings);

  // Each is the whole reply; an error is returned only while nothing was sent.
  // POST.
  proxy::Task<Result<>> start_upload(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);
  // GET.
  proxy::Task<Result<>> upload_status(proxy::Exchange& exchange, const OciPath& path,
                                      RequestContext& context);
  // PATCH.
  proxy::Task<Result<>> append(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);
  // PUT.
  proxy::Task<Result<>> finish(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);
  // DELETE.
  proxy::Task<Result<>> cancel(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);
  // PUT.
  proxy::Task<Result<>> put_manifest(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);

  proxy::Task<Result<>> sweep() { return uploads_.sweep(); }
  PushStats stats() const;

 private:
  using Bytes = std::shared_ptr<const std::string>;
  struct Pushed {
    store::Digest digest;
    Bytes bytes;
    store::ManifestContent content;
  };
  store::RepositoryKey key_of(const OciPath& path) const { return store::RepositoryKey(route_, path.name); }
  proxy::Task<Result<bool>> mount(const OciPath& path);
  proxy::Task<Result<>> upload_whole(proxy::Exchange& exchange, const OciPath& path, RequestContext& context);
  proxy::Task<Result<>> answer_again(proxy::Exchange& exchange, const OciPath& path, Error error,
                                     RequestContext& context);
  proxy::Task<Result<std::string>> read_manifest_body(proxy::Exchange& exchange);
  proxy::Task<Result<Pushed>> understand(Bytes bytes, std::string content_type,
                                         std::optional<store::Digest> asked);
  proxy::Task<Result<>> store_manifest(proxy::Exchange& exchange, const OciPath& path, Pushed pushed,
                                       RequestContext& context);
  void reply_pushed(proxy::Exchange& exchange, const OciPath& path, const Pushed& pushed,
                    const RequestContext& context);

  RegistryParts parts_;
  std::string route_;
  Uploads uploads_;
  // Of manifests, which are read whole. They have a limit of their own: a request that waited for bytes of
  // the common one while it holds some of it could wait for ever. The small ones have another: they need not
  // wait for clients that are slow to send large ones.
  proxy::Buffers bodies_;
  proxy::Buffers small_bodies_;
  uint64_t unusable_caches_total_ = 0;
};

}  // namespace breakwater::routes
