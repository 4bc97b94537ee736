// The answer to `log`, and to `requests` of the API: the last requests, from the ring (request_ring.h).
// Belongs to the loop's thread: an answer has so few requests that it does not hold the loop.
//
//   // --follow, or an SSE stream:
//   for (uint64_t seen = number;;) {
//     while (ring.newest() <= seen) co_await ring.more().wait();
//     const auto page = ring.after(seen, filter, kRequestsMax);
//     for (const auto& request : page.requests) …json_of(request)…
//     seen = page.next;
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <nlohmann/json_fwd.hpp>

#include "routes/ops/request_ring.h"

namespace breakwater::routes {

inline constexpr size_t kRequestsMax = 100;  // in one answer

struct RequestsQuestion {
  RequestFilter filter;
  // Those behind this number, the oldest first; or the last ones before this one; or the last of all.
  std::optional<uint64_t> after, before;
  size_t limit = kRequestsMax;  // at most that
};

// {"number": 7, "at": "2026-…Z", "route", "client", "method", "repository", "reference", "status", "bytes",
//  "seconds", "cache", "reason", "user_agent", "range", "upstream_status", "upstream_seconds", "trace"}; what
//  is empty is left out, and so is what upstream did if it was not asked.
nlohmann::ordered_json json_of(const PastRequest& request);

// {"requests": […], "next": 8, "newest": 8, "missed": 0, "previous": 3}, the oldest first. `next` is what to
// ask `after` to go on, and there is more if it is less than `newest`. `missed` were behind `after`, and are
// not in the ring any more. `previous` is what to ask `before` to go back, and is there if there may be more,
// but not in an answer to `after`. An answer looks at no more than RequestRing::kLookedAtMax requests: with a
// filter it may have few or none although there are more.
nlohmann::ordered_json requests_json(const RequestRing& ring, const RequestsQuestion& question);

}  // namespace breakwater::routes
