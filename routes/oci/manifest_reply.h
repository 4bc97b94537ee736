// A manifest that is served, and the only code that replies with one. Belongs to the loop's thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "proxy/http/exchange.h"
#include "routes/oci/reply_room.h"
#include "routes/oci/request_context.h"
#include "store/base/clock.h"
#include "store/base/digest.h"

namespace breakwater::routes {

struct ServedManifest {
  store::Digest digest;
  std::string media_type;
  Body bytes;
  CacheResult cache = CacheResult::hit;
  std::optional<store::Time> checked_at;  // when the tag was confirmed, for Age; empty if just now
  std::string stale_reason;               // why an old answer is served; "" if it is not known to be old
  std::string held_back = {};             // what min_age holds back, or why it does not; "" if nothing
  ReplyRoom::Place place = {};            // of the bytes, if it is reserved already
};

// Replies 200, 304 for If-None-Match, 206 or 416 for Range (containerd asks for manifests with `bytes=0-`
// too). For HEAD only the head is sent. An error comes before anything was sent: there is no room in
// `replies`.
proxy::Task<Result<>> reply_manifest(proxy::Exchange& exchange, RequestContext& context,
                                     ServedManifest manifest, ReplyRoom& replies, store::Time now);

}  // namespace breakwater::routes
