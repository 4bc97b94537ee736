// What Prometheus is told. Requests and upstream answers are counted as they happen; everything that somebody
// counts already is asked for when the page is made (add_source; routes/ops/metrics_sources.h knows the names
// of those).
//
//   RouteMetrics& counts = metrics.of("dockerhub");    // once
//   counts.count_request("GET", 200, CacheResult::hit, 0.0004, 1638);
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

#include "routes/oci/request_context.h"

namespace breakwater::routes {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

// Takes values at the moment of a scrape. One name has one help text and one type: the first call decides.
class MetricsSink {
 public:
  virtual void gauge(std::string_view name, std::string_view help, MetricLabels labels, double value) = 0;
  virtual void counter(std::string_view name, std::string_view help, MetricLabels labels, double value) = 0;

 protected:
  ~MetricsSink() = default;
};

// The counts of one route. Its address is stable as long as the Metrics lives.
class RouteMetrics {
 public:
  struct Impl;
  explicit RouteMetrics(std::unique_ptr<Impl> impl);
  ~RouteMetrics();

  // A finished request: also counts the bytes served and, if `cache` is stale, the stale answer.
  void count_request(std::string_view method, int status, CacheResult cache, double seconds, uint64_t bytes);
  // Seconds until an upstream answer's head was here.
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

  // Called for every text(). What it borrows must outlive the Metrics' last text().
  void add_source(std::function<void(MetricsSink&)> source);

  // All of it in the Prometheus text format.
  std::string text();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace breakwater::routes
