// What happens, on its way to whoever wants to hear of it: what clients change comes by queue(), which is in
// the catalog when the client has its answer; what upkeep and upstreams do is taken from the log. Webhooks
// take it to the endpoints, and the last of it is in ring().
//
// Belongs to the loop's thread, but for queue() and ring(). What it borrows outlives it, but for the
// workers, which end before it: what they are at uses it. The client is used by the tasks only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"
#include "proxy/upstream/http_client.h"
#include "routes/ops/event_ring.h"
#include "routes/ops/logged_events.h"
#include "routes/ops/webhooks.h"
#include "store/base/clock.h"
#include "store/base/log.h"
#include "store/history/event_queue.h"

namespace breakwater::store {
class Catalog;
}

namespace breakwater::routes {

class Events {
 public:
  struct Parts {
    proxy::Loop& loop;
    proxy::Workers& workers;  // for what no client waits for
    proxy::HttpClient& http_client;
    store::Catalog& catalog;
    LoggedEvents& logged;
    const store::Clock& clock;
    store::Log& log;
    std::string machine = {};  // this one's name
  };
  Events(const Parts& parts, const std::vector<WebhookSettings>& webhooks, const WebhookTiming& timing = {});
  ~Events();
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  [[nodiscard]] Result<> load() { return queue_.load(); }  // first; may block
  void start(proxy::Tasks& tasks);

  store::EventQueue& queue() { return queue_; }
  const EventRing& ring() const { return ring_; }
  std::vector<WebhookState> webhooks() const { return webhooks_.states(); }

 private:
  proxy::Task<> take_logged();
  proxy::Task<> until_more_are_logged();
  void on_loop(std::function<void()> job);

  const Parts parts_;
  EventRing ring_;
  store::EventQueue queue_;
  Webhooks webhooks_;
  proxy::Signal came_;
  const std::shared_ptr<bool> is_there_ = std::make_shared<bool>(true);  // shared with nobody who keeps it
};

}  // namespace breakwater::routes
