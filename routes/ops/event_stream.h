// GET /api/v1/events: what happens, as it happens, as server-sent events (HTML, "Server-sent events"):
//
//   id: 6f1c09a2.17.3
//   event: status                      how it is, in short (status_summary() in status.h), when that changed
//   data: {"sentence", "well", …}
//
//   id: 6f1c09a2.17.3
//   event: request                     each request that has ended, as `log` tells it (request_log.h)
//   data: {"number": 17, …}
//
//   id: 6f1c09a2.17.4
//   event: event                       what webhooks are told too, wanted by one or not
//   data: {"at", "kind", "action", "route", "repository", "tag", "digest", "reason", "client", "trace"}
//
//   id: 6f1c09a2.5217.4
//   event: missed                      so many were left out before what comes next
//   data: {"requests": 5150, "events": 0}
//
// `of=status,request` chooses kinds; `client`, `image`, `route` and `result` choose requests, as in `log`.
//
// A stream is written to twice a second at most: what came since goes together. Of many requests at once the
// last ones are told, and how many others there were; `requests?after=` has these. It begins with what comes
// next, or behind the `Last-Event-ID` of the request; pages, which cannot send one with the first request of
// a stream, say `after=`. The first part of an id is the start of the process: an id of another start is
// behind nothing of this one, which is told as far as it is remembered. A comment
// comes every 15 s. At most kStreamsMax are open at once, kStreamsOfClientMax of one client, and
// kStreamsOfMachineMax over the control socket, so that verbs find it free: one more gets 503 with
// Retry-After.
//
// Who does not see all repositories (access/sight.h, in the filter) is told of requests and events of those
// that he sees, and a status of his own.
//
// All other streams share the status, which is made for them twice a second at most and only while one wants
// it, and the texts of requests. Belongs to the loop's thread; what it borrows outlives it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/exchange.h"
#include "proxy/http/peer.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "routes/ops/event_ring.h"
#include "routes/ops/operation.h"
#include "routes/ops/request_ring.h"

namespace breakwater::routes {

inline constexpr std::string_view kEventsPath = "/api/v1/events";

// What a stream tells.
struct EventsWanted {
  bool status = true, requests = true, events = true;
  RequestFilter filter;  // of requests
  std::string after;     // the last id that was heard; ""
  // Whether whoever asked may still hear it; asked before each write. Empty: he may.
  std::function<bool()> goes_on = {};

  // The error is `invalid` and says which parameter is wrong.
  [[nodiscard]] static Result<EventsWanted> of(const Arguments& arguments, const RouteDirectory& directory);
};

class EventStream {
 public:
  static constexpr uint32_t kStreamsMax = 64, kStreamsOfClientMax = 8, kStreamsOfMachineMax = 4;
  static constexpr proxy::Millis kWriteEvery{500};
  static constexpr size_t kToldTogether = 50;  // of each kind, in one write
  // Who is further behind than this goes on with the last ones.
  static constexpr uint64_t kBehindMax = 500;

  using Summary = std::function<Json(const Sight&)>;  // what `status` tells

  EventStream(proxy::Loop& loop, const RequestRing& requests, const EventRing& events, Summary summary,
              proxy::Millis write_every = kWriteEvery);

  proxy::Task<> serve(proxy::Exchange& exchange, EventsWanted wanted);
  // Ends the streams that are open, because their connections would be waited for. Whoever reads one comes
  // again.
  void end();

 private:
  // How far a stream is.
  struct Position {
    uint64_t requests = 0, events = 0;
  };
  struct Told {
    uint64_t number = 0;  // of the request; 0: none
    std::string data;
  };
  class Open;
  std::string id_of(const Position& position) const;
  Position begin_of(std::string_view last_id) const;
  // What a stream was told last.
  struct Heard {
    Position position;
    uint64_t status_changes = 0;
    std::string own_status;  // of who does not see everything
  };
  std::string more(const EventsWanted& wanted, Heard& heard);
  void add_status(std::string& text, const EventsWanted& wanted, Heard& heard);
  void add_requests(std::string& text, const EventsWanted& wanted, Position& position);
  void add_events(std::string& text, const Sight& sight, Position& position) const;
  void renew_status();
  uint64_t newest_told();
  const std::string& data_of(uint64_t request);
  bool is_too_many(const proxy::Peer& peer) const;

  proxy::Loop& loop_;
  const RequestRing& requests_;
  const EventRing& events_;
  const Summary summary_;
  const proxy::Millis write_every_;
  const std::string start_;
  std::map<proxy::ClientKey, uint32_t> open_;  // by client
  uint32_t open_count_ = 0;
  uint64_t ended_ = 0;  // how often end() was called
  proxy::Signal ending_;
  std::string status_;           // as it was told last
  uint64_t status_changes_ = 0;  // how often it has changed
  proxy::Moment status_at_;      // when that was looked at
  uint64_t newest_ = 0;          // of the requests, as the streams tell them
  proxy::Moment newest_at_{};    // when that was looked at
  std::vector<Told> told_;       // the texts of the last requests, by their number
};

}  // namespace breakwater::routes
