// The metrics listener: /metrics, /livez (200 as long as the loop runs) and /readyz (503 while starting or
// draining, or while the store is in trouble, which its body says, without paths). Belongs to the loop's
// thread. Must outlive the server that uses it.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "proxy/http/exchange.h"
#include "proxy/loop/task.h"
#include "routes/access/authorize.h"
#include "routes/access/hosts.h"
#include "routes/ops/metrics.h"

namespace breakwater::routes {

enum class Readiness { starting, ready, draining };

class Health {
 public:
  // Why it is not ready although it runs; empty if it is. It must not block.
  using Trouble = std::function<std::string()>;
  // Only clients in `allow` are answered, and no page of another site.
  Health(
      Metrics& metrics, Networks allow, Trouble trouble = [] { return std::string(); },
      HostSettings hosts = {})
      : metrics_(metrics),
        access_{"", {"metrics.allow", std::move(allow)}, {}, std::nullopt},
        trouble_(std::move(trouble)),
        hosts_(std::move(hosts)) {}

  void set(Readiness readiness) { readiness_ = readiness; }
  Readiness readiness() const { return readiness_; }

  proxy::Route route();  // for HttpServer
  proxy::Task<> serve(proxy::Exchange& exchange);

 private:
  void answer(proxy::Exchange& exchange, std::string_view path);
  void answer_ready(proxy::Exchange& exchange);

  Metrics& metrics_;
  const RouteAccess access_;
  Trouble trouble_;
  HostSettings hosts_;
  Readiness readiness_ = Readiness::starting;
};

}  // namespace breakwater::routes
