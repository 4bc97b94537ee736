// The pushes of the private registry: upload sessions, mounts and manifests.
//
// A manifest is accepted only after everything that it names: its 201 says that the image can be pulled
// whole. Each 201 is sent after what it acknowledges is synced. Belongs to the loop's thread.
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
  uint64_t uploads_open = 0;           // upload sessions whose file is open
  uint64_t unusable_caches_total = 0;  // cache configs that BuildKit's importers refuse
};

class RegistryPushes {
 public:
  RegistryPushes(const RegistryParts& parts, std::string route, const UploadSettings& settings);

  // Each of these sends the whole reply, or returns an error before anything was sent.
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
  proxy::Task<Result<>> upload_monolithic(proxy::Exchange& exchange, const OciPath& path,
                                          RequestContext& context);
  proxy::Task<Result<>> answer_repeated_closing(proxy::Exchange& exchange, const OciPath& path, Error error,
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
  // Limits on the manifests that are being received; each is held whole in memory. They are apart from the
  // common limit, because a request that waited for bytes of a limit of which it already holds some could
  // wait for ever. Small manifests have a limit to themselves, so that they do not wait behind large ones
  // from slow clients.
  proxy::Buffers bodies_;
  proxy::Buffers small_bodies_;
  uint64_t unusable_caches_total_ = 0;
};

}  // namespace breakwater::routes
