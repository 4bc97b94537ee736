// Asks upstream about a blob without downloading it: whether a repository has the blob, and how long it is.
// Clients that ask the same share one question, and what upstream does not have is remembered for a short
// time.
//
// A HEAD is asked first. Its refusal is not one of GET, and a redirect says nothing: many registries send one
// for any digest. In both cases one byte is asked for by GET, through the redirects, and its answer counts.
// Of several upstreams the next is asked if one does not have the blob, and the blob is missing if none has.
// Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/clients/clients.h"
#include "proxy/loop/single_flight.h"
#include "routes/mirror/mirror_parts.h"
#include "routes/mirror/negative_cache.h"

namespace breakwater::routes {

class BlobProbe {
 public:
  // That upstream has the blob.
  struct Held {
    std::optional<uint64_t> size;  // if it was told
    bool by_get = false;           // whether a GET told it, not a HEAD alone
  };

  BlobProbe(const MirrorParts& parts, const MirrorSettings& settings);

  // Asks upstream whether this repository has the blob. A yes is recorded as a link. `size` is that of the
  // blob if it is known by its digest: an upstream that tells another has something else. `unavailable` after
  // the deadline, while the question goes on. `asker` is who asks.
  proxy::Task<Result<Held>> ask(store::RepositoryKey key, store::Digest digest, proxy::Asker asker,
                                proxy::Moment deadline, std::optional<uint64_t> size = std::nullopt);
  // Asks by GET alone, for who does not believe a HEAD. Records nothing.
  proxy::Task<Result<Held>> ask_get(store::RepositoryKey key, store::Digest digest, proxy::Asker asker,
                                    proxy::Moment deadline);

  // The error to answer with, if upstream said to a GET a short time ago that it does not have the blob.
  std::optional<Error> known_missing(const store::RepositoryKey& key, const store::Digest& digest);
  // Remembers what upstream said to a GET, if it is that it does not have the blob.
  void remember(const store::RepositoryKey& key, const store::Digest& digest, const Error& error);

 private:
  // These run in a flight.
  proxy::Task<Result<Held>> find(store::RepositoryKey key, store::Digest digest, proxy::Hops hops,
                                 std::optional<uint64_t> size);
  proxy::Task<Result<Held>> find_byte(store::RepositoryKey key, store::Digest digest, proxy::Hops hops);

  proxy::Task<Result<Held>> ask_upstream(proxy::AskedUpstream upstream, store::RepositoryKey key,
                                         store::Digest digest, std::optional<uint64_t> size,
                                         bool& has_another);
  proxy::Task<Result<Held>> ask_head(proxy::AskedUpstream upstream, store::RepositoryKey key,
                                     store::Digest digest);
  proxy::Task<Result<Held>> ask_byte(proxy::AskedUpstream upstream, store::RepositoryKey key,
                                     store::Digest digest, std::optional<uint64_t> size);

  MirrorParts parts_;
  MirrorSettings settings_;
  NegativeCache negative_cache_;
  proxy::SingleFlight<Result<Held>> questions_;
  proxy::SingleFlight<Result<Held>> bytes_;
};

}  // namespace breakwater::routes
