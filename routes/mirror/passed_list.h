// Passes one page of a list from upstream to one client as it comes, byte by byte and in bounded memory. Used
// for lists that are too long to be kept. A page that breaks off is cut off, so that no client takes it for
// the whole. Belongs to the loop's thread.
#pragma once

#include <string>

#include "proxy/http/exchange.h"
#include "routes/mirror/mirror_parts.h"
#include "routes/oci/request_context.h"

namespace breakwater::routes {

struct PassedList {
  std::string media_type;  // of the request and of the reply
  std::string path;        // as the client knows the list: "/v2/library/alpine/tags/list"
  std::string ns;          // of the client's request
  std::string mark;        // ends the link to the next page; see page_origin.h
};

// Sends the whole reply, or returns an error before anything was sent.
proxy::Task<Result<>> pass_list(proxy::Exchange& exchange, MirrorParts parts, int64_t first_byte_wait_ms,
                                proxy::AskedUpstream upstream, proxy::RegistryClientRequest request,
                                PassedList list, RequestContext& context);

}  // namespace breakwater::routes
