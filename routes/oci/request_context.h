// What is known of a request beside its Exchange: who it is in the logs, and how its answer came about. It
// lives in the frame of the Router's Task, so it outlives the registry's Task that borrows it. Belongs to the
// loop's thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/http.h"

namespace breakwater::routes {

// Where the answer's bytes came from, as the access log and the metrics name it.
enum class CacheResult : uint8_t {
  none,         // nothing was looked up
  hit,          // the store, without asking upstream
  miss,         // upstream: this request began the fill
  follow,       // upstream: the fill was running already
  stale,        // the store, though upstream could not confirm it
  revalidated,  // the store, confirmed by upstream just now
  pass          // upstream, not stored
};
std::string_view name_of(CacheResult result);

struct RequestContext {
  std::string trace;          // of this request, in its log lines and in the detail of its error
  std::string route;          // whose answer it is: the listener's route, or the one that ?ns= named
  std::string oci_namespace;  // the value of OCI-Namespace, if ?ns= chose the route
  CacheResult cache = CacheResult::none;
};

// On every reply: X-Content-Type-Options and Docker-Distribution-Api-Version.
proxy::Headers base_headers();
// These, and OCI-Namespace if the request has one.
proxy::Headers base_headers(const RequestContext& context);

}  // namespace breakwater::routes
