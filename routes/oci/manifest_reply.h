// A manifest as it is answered, and the one way to answer it. Belongs to the loop's thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "proxy/http/exchange.h"
#include "routes/oci/request_context.h"
#include "store/base/clock.h"
#include "store/base/digest.h"

namespace breakwater::routes {

struct ServedManifest {
  store::Digest digest;
  std::string media_type;
  std::shared_ptr<const std::string> bytes;
  CacheResult cache = CacheResult::hit;
  std::optional<store::Time> checked_at;  // of a tag that was not confirmed just now: its Age
  std::string stale_reason;               // "" unless the answer is known to be old
};

// 200, 304 for If-None-Match, 206 or 416 for Range (containerd asks manifests with `bytes=0-` too). HEAD
// sends the head alone.
void reply_manifest(proxy::Exchange& exchange, RequestContext& context, const ServedManifest& manifest,
                    store::Time now);

}  // namespace breakwater::routes
