// What is known of a request beside its Exchange: what it asks for and its route, and where its answer came
// from. A RequestContext lives in the frame of the Router's Task, so it outlives the registry's Task that
// borrows it. Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/clients/clients.h"
#include "proxy/http/http.h"
#include "routes/oci/oci_path.h"

namespace breakwater::routes {

// Where the bytes of the answer came from, as the access log and the metrics name it.
enum class CacheResult : uint8_t {
  none,         // the store was not asked
  hit,          // the store; upstream was not asked
  miss,         // upstream; this request began the fill
  follow,       // upstream; the fill was running already
  stale,        // the store; upstream could not confirm it
  revalidated,  // the store; upstream confirmed it just now
  pass          // upstream; not stored
};
std::string_view name_of(CacheResult result);

struct RequestContext {
  std::string_view trace;  // the Exchange's id(): in the request's log lines and in its error
  std::string route;       // the route that answers: the listener's, or the one that ?ns= names
  OciPath path;            // what is asked for, once that is known
  proxy::Asker asker;      // the appliances that the request came through, and its client
  std::shared_ptr<const proxy::UpstreamNote> upstream;  // what was asked for it; null: nothing can have been
  std::string oci_namespace;                            // the value of OCI-Namespace, if ?ns= chose the route
  std::string repository;                               // as the store calls it; "" until that is known
  std::string user;                                     // the name that the caller has proved; "" for none
  // Whether the caller may pull from another repository of the route, as ls prints it; any thread. Empty:
  // from all of them.
  std::function<bool(const std::string& repository)> may_pull_from;
  // Whether the caller may have what is not signed yet, because it is his to sign it.
  bool may_sign = false;
  // Whether the operator asks, to have it here: no client gets the answer.
  bool is_of_operator = false;
  CacheResult cache = CacheResult::none;
  std::string error;    // what went wrong and what to do, for the operator: a client is told no paths of ours
  std::string refused;  // why the request was refused, in a word, as the metrics count it
  // Of blobs and manifests: what this request has pushed, and what it made a client not push, because it was
  // mounted or there already.
  uint64_t pushed_bytes = 0;
  uint64_t reused_bytes = 0;
};

// The headers of every reply: X-Content-Type-Options and Docker-Distribution-Api-Version.
proxy::Headers base_headers();
// The same, with OCI-Namespace if the request has one.
proxy::Headers base_headers(const RequestContext& context);

}  // namespace breakwater::routes
