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
  // All bytes of a blob of at most `bytes_max`, which is stored by then if there is room; `too_large` if it
  // is longer. `unavailable` if upstream has not brought it in time.
  proxy::Task<Result<std::string>> small(store::RepositoryKey key, store::Digest digest, size_t bytes_max,
                                         proxy::Asker asker);

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
  proxy::Task<Result<>> fill(store::RepositoryKey key, store::Digest digest, proxy::Asker asker);
  proxy::Task<Result<std::string>> stored_small(store::Digest digest, size_t bytes_max);
  proxy::Task<Result<std::string>> passed_small(proxy::AskedUpstream upstream, store::RepositoryKey key,
                                                store::Digest digest, size_t bytes_max);
  proxy::FillRequest fill_request(const store::RepositoryKey& key, const store::Digest& digest,
                                  const proxy::Hops& hops, std::optional<uint64_t> size) const;
  proxy::Moment deadline() const;

  MirrorParts parts_;
  MirrorSettings settings_;
  BlobProbe probe_;
};

}  // namespace breakwater::routes
