// The blobs of a mirror: from the store, else from the fill that downloads the blob, else, if there is no
// capacity to store it, passed through from upstream.
//
// A blob is served to a repository if one of its stored manifests names the blob, or upstream confirms that
// the repository has it. A blob that is held for another repository, or that another's source is sending, is
// not downloaded again: upstream is only asked. Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proxy/fill/fill_reader.h"
#include "proxy/http/exchange.h"
#include "routes/mirror/blob_probe.h"
#include "routes/mirror/mirror_parts.h"
#include "routes/oci/blob_reply.h"
#include "routes/oci/request_context.h"

namespace breakwater::routes {

class MirrorBlobs {
 public:
  MirrorBlobs(const MirrorParts& parts, const MirrorSettings& settings);

  // Sends the whole reply to GET or HEAD, or returns an error before anything was sent.
  proxy::Task<Result<>> serve(proxy::Exchange& exchange, std::string repository, store::Digest digest,
                              RequestContext& context);

 private:
  struct Known {
    bool permitted = false;
    std::optional<uint64_t> size;  // as the descriptor in a stored manifest says
  };

  proxy::Task<Result<Known>> look_up(store::RepositoryKey key, store::Digest digest);
  proxy::Task<Result<store::Blob>> open(store::Digest digest);
  proxy::Task<Result<>> serve_head(proxy::Exchange& exchange, store::RepositoryKey key, store::Digest digest,
                                   RequestContext& context, Known known);
  proxy::Task<Result<>> serve_fill(proxy::Exchange& exchange, store::RepositoryKey key, store::Digest digest,
                                   RequestContext& context, Known known);
  proxy::Task<Result<>> follow(proxy::Exchange& exchange, proxy::FillReader& reader, store::RepositoryKey key,
                               store::Digest digest, RequestContext& context, bool& permitted);
  proxy::Task<Result<>> pass(proxy::Exchange& exchange, proxy::FillRequest request, RequestContext& context);
  proxy::FillRequest fill_request(const store::RepositoryKey& key, const store::Digest& digest,
                                  const proxy::Hops& hops, std::optional<uint64_t> size) const;
  proxy::Moment deadline() const;

  MirrorParts parts_;
  MirrorSettings settings_;
  BlobProbe probe_;
};

}  // namespace breakwater::routes
