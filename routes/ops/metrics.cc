#include "routes/ops/metrics.h"

#include <array>
#include <unordered_map>
#include <utility>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace breakwater::routes {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

// From a manifest in memory to a layer of some GiB on a slow line.
const Buckets& request_buckets() {
  static const Buckets buckets = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                  0.5,    1,     2.5,    5,     10,   30,    60,   300};
  return buckets;
}
const Buckets& upstream_buckets() {
  static const Buckets buckets = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
  return buckets;
}

constexpr std::array<std::string_view, 7> kMethods = {"GET",   "HEAD",   "POST", "PUT",
                                                      "PATCH", "DELETE", "other"};

size_t index_of_method(std::string_view method) {
  size_t index = 0;
  while (index + 1 < kMethods.size() && kMethods[index] != method) ++index;
  return index;
}

// What a request asks for, as the label `kind` tells it.
enum class Asked : uint8_t { manifest, blob, upload, list, other };
constexpr std::array<std::string_view, 5> kAskedNames = {"manifest", "blob", "upload", "list", "other"};

Asked asked_of(OciPath::Kind kind) {
  switch (kind) {
    case OciPath::Kind::manifest: return Asked::manifest;
    case OciPath::Kind::blob: return Asked::blob;
    case OciPath::Kind::upload_start:
    case OciPath::Kind::upload: return Asked::upload;
    case OciPath::Kind::tags:
    case OciPath::Kind::referrers:
    case OciPath::Kind::catalog: return Asked::list;
    case OciPath::Kind::base:
    case OciPath::Kind::unknown: return Asked::other;
  }
  return Asked::other;
}

int bounded_status(int status) { return status >= 100 && status <= 599 ? status : 0; }

// Collects the values of a scrape in the types of prometheus-cpp's serializer.
class Scraped final : public MetricsSink {
 public:
  void gauge(std::string_view name, std::string_view help, MetricLabels labels, double value) override {
    add(prometheus::MetricType::Gauge, name, help, std::move(labels)).gauge.value = value;
  }
  void counter(std::string_view name, std::string_view help, MetricLabels labels, double value) override {
    add(prometheus::MetricType::Counter, name, help, std::move(labels)).counter.value = value;
  }
  std::vector<prometheus::MetricFamily> take() {
    std::vector<prometheus::MetricFamily> list;
    list.reserve(families_.size());
    for (auto& [name, family] : families_) list.push_back(std::move(family));
    return list;
  }

 private:
  prometheus::ClientMetric& add(prometheus::MetricType type, std::string_view name, std::string_view help,
                                MetricLabels labels) {
    auto [found, is_new] = families_.try_emplace(std::string(name));
    auto& family = found->second;
    if (is_new) {
      family.name = name;
      family.help = help;
      family.type = type;
    }
    auto& metric = family.metric.emplace_back();
    for (auto& [key, value] : labels) metric.label.push_back({std::move(key), std::move(value)});
    return metric;
  }

  std::map<std::string, prometheus::MetricFamily> families_;
};

}  // namespace

// Keeps the address of each counter, because looking one up by its labels costs allocations and a lock.
struct RouteMetrics::Impl {
  Impl(prometheus::Family<prometheus::Counter>& requests_family, std::string route_name,
       prometheus::Histogram& request_seconds_of_route, prometheus::Histogram& upstream_seconds_of_route,
       prometheus::Counter& served_of_route, prometheus::Counter& pushed_of_route,
       prometheus::Counter& stale_of_route, prometheus::Family<prometheus::Counter>& refused_family)
      : requests(requests_family),
        route(std::move(route_name)),
        request_seconds(request_seconds_of_route),
        upstream_seconds(upstream_seconds_of_route),
        served_bytes(served_of_route),
        pushed_bytes(pushed_of_route),
        stale_answers(stale_of_route),
        refusals(refused_family) {}

  prometheus::Counter& counter_of(size_t method, Asked asked, int status, CacheResult cache) {
    const size_t key = ((method * 600 + static_cast<size_t>(status)) * 16 + static_cast<size_t>(cache)) * 8 +
                       static_cast<size_t>(asked);
    auto& counter = counters[key];
    if (!counter) {
      const prometheus::Labels labels = {{"route", route},
                                         {"method", std::string(kMethods[method])},
                                         {"kind", std::string(kAskedNames[static_cast<size_t>(asked)])},
                                         {"code", std::to_string(status)},
                                         {"cache", std::string(name_of(cache))}};
      counter = &requests.Add(labels);
    }
    return *counter;
  }

  prometheus::Family<prometheus::Counter>& requests;
  std::string route;
  prometheus::Histogram& request_seconds;
  prometheus::Histogram& upstream_seconds;
  prometheus::Counter& served_bytes;
  prometheus::Counter& pushed_bytes;
  prometheus::Counter& stale_answers;
  prometheus::Family<prometheus::Counter>& refusals;
  std::unordered_map<size_t, prometheus::Counter*> counters;
};

RouteMetrics::RouteMetrics(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RouteMetrics::~RouteMetrics() = default;

void RouteMetrics::count_request(const CountedRequest& request) {
  const size_t method = index_of_method(request.method);
  const int status = bounded_status(request.status);
  impl_->counter_of(method, asked_of(request.kind), status, request.cache).Increment();
  impl_->request_seconds.Observe(request.seconds);
  impl_->served_bytes.Increment(static_cast<double>(request.bytes));
  if (request.pushed_bytes > 0) impl_->pushed_bytes.Increment(static_cast<double>(request.pushed_bytes));
  if (request.cache == CacheResult::stale) impl_->stale_answers.Increment();
}

uint64_t RouteMetrics::stale_total() const { return static_cast<uint64_t>(impl_->stale_answers.Value()); }

void RouteMetrics::refused(std::string_view reason) {
  impl_->refusals.Add({{"route", impl_->route}, {"reason", std::string(reason)}}).Increment();
}

void RouteMetrics::observe_upstream(double seconds) { impl_->upstream_seconds.Observe(seconds); }

struct Metrics::Impl {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& requests =
      prometheus::BuildCounter()
          .Name("breakwater_requests_total")
          .Help("Requests answered, by what they asked for and what their answer came from.")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& request_seconds =
      prometheus::BuildHistogram()
          .Name("breakwater_request_seconds")
          .Help("Seconds from a request's head to the end of its answer.")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& upstream_seconds =
      prometheus::BuildHistogram()
          .Name("breakwater_upstream_seconds")
          .Help("Seconds until the head of an upstream's answer.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& served = prometheus::BuildCounter()
                                                        .Name("breakwater_served_bytes_total")
                                                        .Help("Bytes of bodies sent to clients.")
                                                        .Register(registry);
  prometheus::Family<prometheus::Counter>& pushed =
      prometheus::BuildCounter()
          .Name("breakwater_pushed_bytes_total")
          .Help("Bytes of the blobs and manifests that clients have pushed.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& stale = prometheus::BuildCounter()
                                                       .Name("breakwater_stale_answers_total")
                                                       .Help("Answers that upstream could not confirm.")
                                                       .Register(registry);
  prometheus::Family<prometheus::Counter>& refusals = prometheus::BuildCounter()
                                                          .Name("breakwater_refused_total")
                                                          .Help("Requests refused, by the reason.")
                                                          .Register(registry);
  std::map<std::string, RouteMetrics> routes;
  std::vector<std::function<void(MetricsSink&)>> sources;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

RouteMetrics& Metrics::of(const std::string& route) {
  if (const auto found = impl_->routes.find(route); found != impl_->routes.end()) return found->second;
  const prometheus::Labels labels = {{"route", route}};
  auto counts = std::make_unique<RouteMetrics::Impl>(
      impl_->requests, route, impl_->request_seconds.Add(labels, request_buckets()),
      impl_->upstream_seconds.Add(labels, upstream_buckets()), impl_->served.Add(labels),
      impl_->pushed.Add(labels), impl_->stale.Add(labels), impl_->refusals);
  impl_->refusals.Add({{"route", route}, {"reason", "rule"}});  // is there from the start
  return impl_->routes.try_emplace(route, std::move(counts)).first->second;
}

void Metrics::add_source(std::function<void(MetricsSink&)> source) {
  impl_->sources.push_back(std::move(source));
}

std::string Metrics::text() {
  Scraped scraped;
  for (const auto& source : impl_->sources) source(scraped);
  auto families = impl_->registry.Collect();
  for (auto& family : scraped.take()) families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace breakwater::routes
