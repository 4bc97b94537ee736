// The tags of a mirror's repository, as upstream lists them. An upstream that ignores `n` and `last` is paged
// here. A list of any length is passed on; what is longer than 4 MiB is not understood and so not paged. Of
// several upstreams the first that has the list gives all of its pages (page_origin.h).
//
// Only while upstream cannot be reached, or throttles, is the list made of the tags that were pulled here,
// and it says so. A refusal, or an answer that is of no use, is an error: whoever took a few tags for all of
// them would roll back what runs. Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/http/exchange.h"
#include "routes/mirror/kept_lists.h"
#include "routes/mirror/mirror_parts.h"
#include "routes/mirror/page_origin.h"
#include "routes/oci/oci_path.h"
#include "routes/oci/request_context.h"

namespace breakwater::routes {

class MirrorTags {
 public:
  MirrorTags(const MirrorParts& parts, const MirrorSettings& settings)
      : parts_(parts), settings_(settings), lists_(parts, settings) {}

  // Sends the whole reply, or returns an error before anything was sent.
  proxy::Task<Result<>> serve(proxy::Exchange& exchange, std::string repository, const OciPath& path,
                              RequestContext& context);

 private:
  using Answer = KeptLists::Answer;
  // What a client asks for.
  struct Asked {
    std::string repository;
    OciQuery query;  // its `forwarded` without what names the upstream
    proxy::Asker asker;
    proxy::RegistryClient* upstream = nullptr;
  };
  struct Page {
    std::vector<std::string> tags;
    size_t bytes = 0;  // of the text that they came in
    std::string link;  // upstream's
    bool is_too_long = false;
    ReplyRoom::Place place;  // of the text
    proxy::RegistryClient* upstream = nullptr;
  };

  proxy::RegistryClientRequest request_for(const std::string& repository, const std::string& query) const;
  proxy::Task<Answer> list_for(Asked asked);
  proxy::Task<Answer> fetch(Asked asked);
  proxy::Task<Result<Page>> fetch_first(Asked asked);
  proxy::Task<Result<Page>> fetch_page(proxy::AskedUpstream upstream, std::string repository,
                                       std::string query);
  proxy::Task<Answer> page_of_whole(Asked asked);
  proxy::Task<Answer> fetch_whole(std::string repository, proxy::Hops hops);
  proxy::Task<Answer> fetch_whole_of(proxy::AskedUpstream upstream, std::string repository);
  proxy::Task<Answer> stored(std::string repository, OciQuery query, Error reason);

  MirrorParts parts_;
  MirrorSettings settings_;
  KeptLists lists_;
};

}  // namespace breakwater::routes
