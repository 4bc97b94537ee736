// The lists of a mirror: the tags of a repository, and the referrers of a manifest. Upstream's answers are
// kept in memory for a short time. When upstream is unwell, an older answer is served with a Warning, and
// without one, the entries that the store knows.
//
// If upstream has no referrers API (404, or ghcr.io's redirect to a web page), the fallback tag sha256-<hex>
// is asked for, as the distribution specification has clients do. Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "proxy/http/exchange.h"
#include "proxy/loop/single_flight.h"
#include "routes/mirror/mirror_manifests.h"
#include "routes/mirror/mirror_parts.h"
#include "routes/oci/oci_path.h"
#include "routes/oci/request_context.h"

namespace breakwater::routes {

class MirrorLists {
 public:
  MirrorLists(const MirrorParts& parts, const MirrorSettings& settings, MirrorManifests& manifests);

  // Each of these sends the whole reply, or returns an error before anything was sent.
  proxy::Task<Result<>> serve_tags(proxy::Exchange& exchange, std::string repository, const OciPath& path,
                                   RequestContext& context);
  proxy::Task<Result<>> serve_referrers(proxy::Exchange& exchange, std::string repository,
                                        const OciPath& path, RequestContext& context);

 private:
  struct List {
    std::shared_ptr<const std::string> body;
    std::string link;  // to the next page: upstream's, or ours if the list is from the store
    store::Time at{};
    std::string stale_reason;  // "" unless the list is known to be old, or is from the store
    CacheResult cache = CacheResult::miss;
  };
  using Answer = Result<List>;

  proxy::Task<Answer> list(std::string key, proxy::SingleFlight<Answer>::Begin fetch);
  proxy::Task<Answer> renew(std::string key, proxy::SingleFlight<Answer>::Begin fetch);
  proxy::Task<Answer> fetch_tags(std::string repository, std::string query);
  proxy::Task<Answer> fetch_referrers(std::string repository, store::Digest digest);
  proxy::Task<Result<proxy::Reply>> fetch_referrers_page(std::string repository, store::Digest digest,
                                                         std::string query);
  proxy::Task<Answer> fetch_further_referrers(std::string repository, store::Digest digest,
                                              proxy::Reply first);
  proxy::Task<Answer> fetch_fallback(std::string repository, store::Digest digest);
  proxy::Task<Answer> stored_tags(std::string repository, std::string last, uint64_t n, Error reason);
  proxy::Task<Answer> stored_referrers(std::string repository, store::Digest digest, Error reason);
  void keep(const std::string& key, const List& list);

  MirrorParts parts_;
  MirrorSettings settings_;
  MirrorManifests& manifests_;
  std::map<std::string, List> kept_;
  uint64_t kept_bytes_ = 0;
  proxy::SingleFlight<Answer> flights_;
};

}  // namespace breakwater::routes
