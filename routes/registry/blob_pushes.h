// Pushes of blobs to the private registry: upload sessions, monolithic uploads and mounts.
//
// Each 201 is sent after what it acknowledges is synced. Belongs to the loop's thread.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "proxy/http/exchange.h"
#include "proxy/loop/task.h"
#include "routes/oci/oci_path.h"
#include "routes/oci/request_context.h"
#include "routes/registry/registry_parts.h"
#include "routes/registry/uploads.h"
#include "store/store.h"

namespace breakwater::routes {

class BlobPushes {
 public:
  // `line`, as in all of these, is borrowed: who needs capacity on this route.
  BlobPushes(const RegistryParts& parts, std::string route, const UploadSettings& settings,
             CapacityLine& line)
      : parts_(parts), route_(std::move(route)), uploads_(parts, route_, settings, line) {}

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

  proxy::Task<Result<>> sweep() { return uploads_.sweep(); }
  size_t open_sessions() const { return uploads_.open_sessions(); }
  std::vector<OpenUpload> open_uploads(size_t most) const { return uploads_.open_uploads(most); }

 private:
  store::RepositoryKey key_of(const OciPath& path) const { return store::RepositoryKey(route_, path.name); }
  void note_refusal(const Error& error, const proxy::ClientKey& client, RequestContext& context);
  proxy::Task<Result<std::optional<uint64_t>>> mount(const OciPath& path, const RequestContext& context);
  proxy::Task<Result<>> upload_monolithic(proxy::Exchange& exchange, const OciPath& path,
                                          RequestContext& context);
  proxy::Task<Result<>> answer_repeated_closing(proxy::Exchange& exchange, const OciPath& path, Error error,
                                                RequestContext& context);

  RegistryParts parts_;
  std::string route_;
  Uploads uploads_;
};

}  // namespace breakwater::routes
