// GET /api/v1/events: what happens, as it happens, as server-sent events (HTML, "Server-sent events"):
//
//   id: 17.3
//   event: request                     each request that has ended, as `log` tells it (request_log.h)
//   data: {"number": 17, …}
//
//   id: 17.4
//   event: event                       what webhooks are told too, wanted by one or not
//   data: {"at", "kind", "action", "route", "repository", "tag", "digest", "reason", "client", "trace"}
//
// It begins with what comes next, or behind the `Last-Event-ID` of the request, as far as the rings of
// requests and events go back; how many are missing then is the first event, `missed`. A comment comes every
// 15 s. At most kStreamsMax are open at once; one that reads so slowly that it would miss something is ended,
// and may come again with its last id. Belongs to the loop's thread; what it borrows outlives it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/exchange.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "routes/ops/event_ring.h"
#include "routes/ops/request_ring.h"

namespace breakwater::routes {

inline constexpr std::string_view kEventsPath = "/api/v1/events";

class EventStream {
 public:
  static constexpr uint32_t kStreamsMax = 4;

  EventStream(proxy::Loop& loop, const RequestRing& requests, const EventRing& events)
      : loop_(loop), requests_(requests), events_(events) {}

  proxy::Task<> serve(proxy::Exchange& exchange);

 private:
  // How far a stream is.
  struct Position {
    uint64_t requests = 0, events = 0;
    std::string text() const;
  };
  class Open;
  Position begin_of(std::string_view last_id) const;
  // What is behind `position`, which moves on, some at a time; and how many it has missed.
  std::string more(Position& position, uint64_t& missed) const;

  proxy::Loop& loop_;
  const RequestRing& requests_;
  const EventRing& events_;
  uint32_t open_ = 0;
};

}  // namespace breakwater::routes
