// An event as its receivers get it: the envelope of distribution's notifications, signed. Pure; any thread.
//
//   Content-Type:                application/vnd.docker.distribution.events.v2+json
//   X-Hub-Signature-256:         sha256=<HMAC-SHA256 of the body>, as GitHub's webhooks have it
//   X-Breakwater-Delivery:       the event's id: the same each time that it is tried
//   X-Breakwater-Timestamp:      when it was sent, in seconds since the epoch
//   X-Breakwater-Signature-256:  sha256=<HMAC-SHA256 of "<timestamp>.<delivery>.<body>">: who checks this one
//                                and the timestamp refuses replays
#pragma once

#include <string>

#include "proxy/http/http.h"
#include "store/base/clock.h"
#include "store/catalog/event_record.h"

namespace breakwater::routes {

// {"events": [{"id", "timestamp", "action", "target": {"mediaType", "digest", "size", "length", "repository",
// "url", "tag"}, "request": {"id", "addr", "host", "method", "useragent"}, "actor": {"name"}, "source":
// {"addr"}}]}, and in "breakwater" what the envelope has no place for: {"kind", "route", "reason"}. What is
// empty is left out.
std::string notification_body(const store::Event& event, const std::string& machine);

// The headers of a delivery at `now`, of the wall clock.
proxy::Headers notification_headers(const store::Event& event, const std::string& body,
                                    const std::string& secret, store::Time now);

// "push", "delete", "evict_cache_tag", "integrity", "upstream": as the configuration has it.
std::string_view name_of(store::Event::Kind kind);

// 32 random hexadecimal digits.
std::string new_event_id();

}  // namespace breakwater::routes
