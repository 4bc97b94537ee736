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
  std::optional<uint64_t> after;  // those behind this number, the oldest first; absent: the last ones
  size_t limit = kRequestsMax;    // at most that
};

// {"number": 7, "at": "2026-…Z", "route", "client", "method", "repository", "reference", "status", "bytes",
//  "seconds", "cache", "reason", "user_agent", "trace"}; texts that are empty are left out.
nlohmann::ordered_json json_of(const PastRequest& request);

// {"requests": […], "next": 8, "newest": 8, "missed": 0}. `next` is what to ask `after` to go on, and there
// is more if it is less than `newest`. `missed` were behind `after`, and are not in the ring any more.
nlohmann::ordered_json requests_json(const RequestRing& ring, const RequestsQuestion& question);

}  // namespace breakwater::routes
