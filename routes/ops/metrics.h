// The metrics for Prometheus. Requests and upstream's answers are counted as they happen. Numbers that
// another part keeps already are read at a scrape, by a source (add_source); their names are in
// routes/ops/metrics_sources.h.
//
//   RouteMetrics& counts = metrics.of("dockerhub");    // once
//   counts.count_request({"GET", OciPath::Kind::manifest, 200, CacheResult::hit, 0.0004, 1638, 0});
//   metrics.add_source([&registry](MetricsSink& sink) { report(sink, "dockerhub", registry.stats()); });
//
// Labels are bounded: routes come from the configuration, methods are the known ones or "other". Belongs to
// the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "routes/oci/oci_path.h"
#include "routes/oci/request_context.h"

namespace breakwater::routes {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

// Receives values during a scrape. A name has one help text and one type, those of its first call.
class MetricsSink {
 public:
  virtual void gauge(std::string_view name, std::string_view help, MetricLabels labels, double value) = 0;
  virtual void counter(std::string_view name, std::string_view help, MetricLabels labels, double value) = 0;

 protected:
  ~MetricsSink() = default;
};

// The counters of one route. The address is stable for the life of the Metrics.
struct CountedRequest {
  std::string_view method;
  OciPath::Kind kind = OciPath::Kind::unknown;  // what was asked for
  int status = 0;
  CacheResult cache = CacheResult::none;
  double seconds = 0;
  uint64_t bytes = 0;         // of the body that was sent
  uint64_t pushed_bytes = 0;  // of the blob or manifest that was stored
};

class RouteMetrics {
 public:
  struct Impl;
  explicit RouteMetrics(std::unique_ptr<Impl> impl);
  ~RouteMetrics();

  // Counts a finished request, and the stale answer if `cache` is stale.
  void count_request(const CountedRequest& request);
  uint64_t stale_total() const;  // answers that were
  // Counts a request that was refused, by the reason: a word of a small set.
  void refused(std::string_view reason);
  // Records the seconds until the head of an answer from upstream arrived.
  void observe_upstream(double seconds);

 private:
  std::unique_ptr<Impl> impl_;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  RouteMetrics& of(const std::string& route);

  // `source` is called in every text(). What it borrows must outlive the last text().
  void add_source(std::function<void(MetricsSink&)> source);

  // All metrics in the Prometheus text format.
  std::string text();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace breakwater::routes
