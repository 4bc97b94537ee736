// The metrics listener: /metrics, /livez (200 as long as the loop runs) and /readyz (503 while starting or
// draining). Belongs to the loop's thread. Must outlive the server that uses it.
#pragma once

#include "proxy/http/exchange.h"
#include "proxy/loop/task.h"
#include "routes/access/access.h"
#include "routes/ops/metrics.h"

namespace breakwater::routes {

enum class Readiness { starting, ready, draining };

class Health {
 public:
  // Only clients in `allow` are answered.
  Health(Metrics& metrics, Networks allow) : metrics_(metrics), allow_(std::move(allow)) {}

  void set(Readiness readiness) { readiness_ = readiness; }
  Readiness readiness() const { return readiness_; }

  proxy::Route route();  // for HttpServer
  proxy::Task<> serve(proxy::Exchange& exchange);

 private:
  void answer(proxy::Exchange& exchange, std::string_view path);

  Metrics& metrics_;
  Networks allow_;
  Readiness readiness_ = Readiness::starting;
};

}  // namespace breakwater::routes
