// Asks upstream about a blob without downloading it: whether a repository has the blob, and how long it is.
// Clients that ask the same share one question, and what upstream does not have is remembered for a short
// time. Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/loop/single_flight.h"
#include "routes/mirror/mirror_parts.h"
#include "routes/mirror/negative_cache.h"

namespace breakwater::routes {

class BlobProbe {
 public:
  BlobProbe(const MirrorParts& parts, const MirrorSettings& settings);

  // Asks upstream whether this repository has the blob, and its size if the answer tells. A yes is recorded
  // as a link. `unavailable` after the deadline, while the question goes on.
  proxy::Task<Result<std::optional<uint64_t>>> ask(store::RepositoryKey key, store::Digest digest,
                                                   proxy::Moment deadline);
  // The size alone, for upstreams whose answer to HEAD does not tell it. `unavailable` as above.
  proxy::Task<Result<uint64_t>> size(store::RepositoryKey key, store::Digest digest, proxy::Moment deadline);

  // The error to answer with, if upstream said a short time ago that it does not have the blob.
  std::optional<Error> known_missing(const store::RepositoryKey& key, const store::Digest& digest);
  // Remembers `error` if it says that upstream does not have the blob.
  void remember(const store::RepositoryKey& key, const store::Digest& digest, const Error& error);

 private:
  proxy::Task<Result<std::optional<uint64_t>>> ask_upstream(store::RepositoryKey key, store::Digest digest);
  proxy::Task<Result<std::optional<uint64_t>>> ask_head(store::RepositoryKey key, store::Digest digest);
  proxy::Task<Result<uint64_t>> ask_size(store::RepositoryKey key, store::Digest digest);

  MirrorParts parts_;
  MirrorSettings settings_;
  NegativeCache negative_cache_;
  proxy::SingleFlight<Result<std::optional<uint64_t>>> questions_;
  proxy::SingleFlight<Result<uint64_t>> sizes_;
};

}  // namespace breakwater::routes
