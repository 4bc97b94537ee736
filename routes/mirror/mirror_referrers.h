// The referrers of a manifest, as upstream lists them: signatures, attestations and what else refers to it.
//
//   referrers API  200, an index -------> all its pages, joined; filtered here
//        |-------  longer than 4 MiB ---> passed on page by page, unfiltered
//        |-------  404, 405, 501, 3xx --> there is no API: the fallback tag sha256-<hex>, else there are none
//        |-------  refused, unusable ---> the fallback tag, if it is there, and it says so; else that error
//        `-------  no answer, 429 ------> an older answer, or what was pulled here, and it says so; else 503
//
// A list that is not whole is an error, because a client would take a missing entry for a missing signature.
// Of several upstreams the first that lists any referrers gives all of its pages (page_origin.h): one that
// does not have the subject answers with an empty list too. Belongs to the loop's thread.
#pragma once

#include <optional>
#include <string>

#include "proxy/http/exchange.h"
#include "routes/mirror/kept_lists.h"
#include "routes/mirror/mirror_manifests.h"
#include "routes/mirror/mirror_parts.h"
#include "routes/mirror/page_origin.h"
#include "routes/oci/oci_path.h"
#include "routes/oci/request_context.h"

namespace breakwater::routes {

class MirrorReferrers {
 public:
  MirrorReferrers(const MirrorParts& parts, const MirrorSettings& settings, MirrorManifests& manifests)
      : parts_(parts), settings_(settings), manifests_(manifests), lists_(parts, settings) {}

  // Sends the whole reply, or returns an error before anything was sent.
  proxy::Task<Result<>> serve(proxy::Exchange& exchange, std::string repository, const OciPath& path,
                              RequestContext& context);
  // What serve() answers with, unfiltered. One that is longer than what is kept has no body.
  proxy::Task<Result<KeptList>> list(std::string repository, store::Digest digest, proxy::Asker asker);

 private:
  using Answer = KeptLists::Answer;
  // What came of the upstreams that gave no list; of several, the last of these.
  enum class Obstacle { none_listed, refused, broke_off };
  struct Page {
    bool is_index = false;  // else there is no API
    bool is_too_long = false;
    std::string body;
    std::string next;        // the query of the next page
    ReplyRoom::Place place;  // of the body
  };

  proxy::RegistryClientRequest request_for(const std::string& repository, const store::Digest& digest,
                                           const std::string& query) const;
  proxy::Task<Result<Body>> filtered(proxy::Exchange& exchange, KeptList list, std::string type);
  proxy::Task<Answer> fetch(std::string repository, store::Digest digest, proxy::Hops hops);
  proxy::Task<Answer> fetch_from(proxy::AskedUpstream upstream, std::string repository, store::Digest digest,
                                 Obstacle& obstacle);
  proxy::Task<Result<Page>> fetch_page(proxy::AskedUpstream upstream, std::string repository,
                                       store::Digest digest, std::string query);
  proxy::Task<Answer> fetch_further(proxy::AskedUpstream upstream, std::string repository,
                                    store::Digest digest, Page first);
  proxy::Task<Answer> fetch_fallback(std::string repository, store::Digest digest,
                                     std::optional<Error> refusal, proxy::Hops hops);
  proxy::Task<Answer> stored(std::string repository, store::Digest digest, Error reason);

  MirrorParts parts_;
  MirrorSettings settings_;
  MirrorManifests& manifests_;
  KeptLists lists_;
};

}  // namespace breakwater::routes
