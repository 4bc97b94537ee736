// Takes events to the endpoints that the configuration names, each by itself: one request at a time, in the
// order of the events. What is not taken is tried again, from the catalog, also after a restart:
//
//   2xx                                      it is taken; the next one goes
//   no answer, 408, 429, 5xx                 again after 1 s, 2 s, 4 s … 5 min, or when Retry-After says
//   another answer (redirects are not        the same, `refusals_max` times; then this event is given up, and
//   followed)                                the next one goes
//
// An endpoint that hangs has `timeout_ms` for each event, and keeps nobody else waiting. Belongs to the
// loop's thread. What it borrows outlives it, but for the workers, which are to end before the queue does.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/http/url.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"
#include "proxy/upstream/http_client.h"
#include "store/base/clock.h"
#include "store/base/log.h"
#include "store/history/event_queue.h"

namespace breakwater::routes {

struct WebhookSettings {
  proxy::Url url;
  std::string secret;
  store::EventQueue::Kinds kinds;
  std::string secret_file = {};  // where the secret comes from
  // By which the queue knows it: it has the URL's place, without what may be secret in it.
  std::string reader() const;
};

// All that the queue of events has to know of them.
std::map<std::string, store::EventQueue::Kinds> readers_of(const std::vector<WebhookSettings>& webhooks);

struct WebhookTiming {
  int64_t timeout_ms = 10'000;  // of one request
  int64_t retry_first_ms = 1'000;
  int64_t retry_max_ms = 300'000;
  uint32_t refusals_max = 10;
};

// How long to wait before the next try, after `failures` in a row, 1 or more. `random` in [0, 1) spreads it
// over its upper half. Pure.
int64_t webhook_delay_ms(const WebhookTiming& timing, uint32_t failures, double random,
                         std::optional<int64_t> retry_after_s);

struct WebhookState {
  std::string endpoint;  // "https://hooks.example/a", without its query
  bool is_well = true;
  store::Time failing_since{};                       // of the wall clock, unless it is well
  std::string error;                                 // why it takes nothing
  uint64_t delivered = 0, failed = 0, given_up = 0;  // since the start: events, tries, events
  store::EventQueue::ReaderStats queue;
};

class Webhooks {
 public:
  struct Parts {
    proxy::Loop& loop;
    proxy::Workers& workers;
    proxy::HttpClient& http_client;
    store::EventQueue& queue;
    const store::Clock& clock;
    store::Log& log;
    std::string machine = {};  // this one's name, for the envelope
  };
  Webhooks(const Parts& parts, const std::vector<WebhookSettings>& endpoints, const WebhookTiming& timing);
  ~Webhooks();

  void start(proxy::Tasks& tasks);
  void wake();  // there may be something new
  std::vector<WebhookState> states() const;

 private:
  class Endpoint;
  const Parts parts_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
};

}  // namespace breakwater::routes
