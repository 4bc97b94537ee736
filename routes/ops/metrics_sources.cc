#include "routes/ops/metrics_sources.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <vector>

namespace breakwater::routes {
namespace {

double number(uint64_t value) { return static_cast<double>(value); }

// The fields of /proc/self/stat after the command's name, which stands in parentheses and may contain
// anything. The first is field 3 of proc(5).
std::vector<std::string> stat_fields() {
  std::ifstream file("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const size_t close = text.rfind(')');
  std::istringstream rest(close == std::string::npos ? std::string() : text.substr(close + 1));
  return {std::istream_iterator<std::string>(rest), std::istream_iterator<std::string>()};
}

// When the machine started, in seconds since the epoch; 0 if /proc does not say.
double boot_time_s() {
  std::ifstream file("/proc/stat");
  std::string key;
  double value = 0;
  while (file >> key) {
    if (key == "btime" && file >> value) return value;
    file.ignore(1 << 16, '\n');
  }
  return 0;
}

uint64_t open_files() {
  struct Close {
    void operator()(DIR* directory) const { closedir(directory); }
  };
  const std::unique_ptr<DIR, Close> directory(opendir("/proc/self/fd"));
  uint64_t entries = 0;
  // This DIR is ours alone.
  while (directory && readdir(directory.get())) ++entries;  // NOLINT(concurrency-mt-unsafe)
  return entries > 3 ? entries - 3 : 0;                     // ".", ".." and the directory itself
}

// What recovery found without an owner counts for no route.
std::string label_of(const std::string& route) { return route.empty() ? "unattributed" : route; }

void report_bound(MetricsSink& sink, const std::string& prefix, const std::string& what, MetricLabels labels,
                  const store::Budget::Use& use) {
  sink.gauge(prefix + "_bytes", "Bytes on disk of what " + what + " has stored.", labels, number(use.stored));
  sink.gauge(prefix + "_reserved_bytes", "Bytes on disk promised to what " + what + " is receiving.", labels,
             number(use.reserved));
  if (use.bytes_max == store::Budget::kUnbounded) return;
  sink.gauge(prefix + "_bytes_max", "The bound of both for " + what + ".", std::move(labels),
             number(use.bytes_max));
}

void report_client(MetricsSink& sink, const MetricLabels& labels, const proxy::RegistryClientStats& stats) {
  const auto throttled_s = std::chrono::duration<double>(stats.throttled_until.time_since_epoch()).count();
  sink.counter("breakwater_upstream_requests_total", "Requests sent upstream.", labels,
               number(stats.requests_total));
  for (size_t i = 0; i < proxy::kUpstreamFailureNames.size(); ++i) {
    auto with_kind = labels;
    with_kind.emplace_back("kind", proxy::kUpstreamFailureNames[i]);
    sink.counter("breakwater_upstream_failures_total",
                 "Requests that upstream did not answer as it should, by how.", std::move(with_kind),
                 number(stats.failures.of(static_cast<proxy::UpstreamFailure>(i))));
  }
  const std::pair<const char*, uint64_t> refusals[] = {{"credentials", stats.refusals.credentials},
                                                       {"denied", stats.refusals.denied},
                                                       {"throttled", stats.refusals.throttled}};
  for (const auto& [reason, count] : refusals) {
    auto with_reason = labels;
    with_reason.emplace_back("reason", reason);
    sink.counter("breakwater_upstream_refusals_total",
                 "What upstream refused: our credentials, a request (401 or 403), or any more of them (429).",
                 std::move(with_reason), number(count));
  }
  sink.counter("breakwater_fetched_bytes_total", "Bytes of bodies received from upstream.", labels,
               number(stats.fetched_bytes));
  sink.gauge("breakwater_upstream_throttled_until_timestamp_seconds",
             "Until when upstream asked not to be asked; 0 if it never did.", labels, throttled_s);
  sink.gauge("breakwater_upstream_unwell", "1 if the last attempt did not reach upstream.", labels,
             stats.unwell ? 1 : 0);
  if (!stats.ratelimit_remaining) return;
  sink.gauge("breakwater_upstream_ratelimit_remaining", "Pulls that upstream still allows, as it last said.",
             labels, static_cast<double>(*stats.ratelimit_remaining));
}

}  // namespace

void report(MetricsSink& sink, const proxy::FillStats& stats) {
  sink.gauge("breakwater_fills_running", "Downloads in progress.", {}, number(stats.running));
  sink.gauge("breakwater_fills_waiting", "Downloads that wait for their turn.", {}, number(stats.waiting));
  sink.gauge("breakwater_fill_followers", "Readers of downloads in progress.", {}, number(stats.followers));
  sink.counter("breakwater_fill_resumes_total", "Broken downloads that went on where they were.", {},
               number(stats.resumes_total));
  sink.counter("breakwater_fills_discarded_total",
               "Downloads thrown away because their content was not its digest.", {},
               number(stats.discarded_total));
  sink.counter("breakwater_fills_stored_total", "Downloads that were stored.", {},
               number(stats.stored_total));
}

void report(MetricsSink& sink, const std::string& route, const proxy::RegistryClientStats& stats) {
  report_client(sink, {{"route", route}}, stats);
}

void report(MetricsSink& sink, const std::string& route, const proxy::Upstreams& upstreams) {
  if (upstreams.size() == 1) return report(sink, route, upstreams.stats());
  for (size_t i = 0; i < upstreams.size(); ++i) {
    const auto url = upstreams[i].settings().upstream.text();
    report_client(sink, {{"route", route}, {"upstream", url}}, upstreams[i].stats());
  }
}

void report(MetricsSink& sink, const std::string& route, const proxy::ServerStats& stats) {
  const MetricLabels labels = {{"route", route}};
  sink.gauge("breakwater_connections", "Connections open now.", labels, number(stats.connections));
  sink.gauge("breakwater_requests_running", "Requests being answered now.", labels,
             number(stats.requests_running));
  sink.counter("breakwater_connections_total", "Connections accepted.", labels,
               number(stats.connections_total));
  sink.counter("breakwater_connections_refused_total", "Connections refused because there were too many.",
               labels, number(stats.refused_total));
  sink.counter("breakwater_malformed_requests_total", "Requests that were no HTTP.", labels,
               number(stats.malformed_total));
  sink.counter("breakwater_tls_on_plain_port_total",
               "TLS ClientHellos on a port of plain HTTP, which most clients try first.", labels,
               number(stats.tls_total));
  sink.counter("breakwater_tls_refused_total", "TLS handshakes that came to nothing.", labels,
               number(stats.tls_refused_total));
  sink.counter("breakwater_proxy_headers_refused_total",
               "Connections closed because they did not begin with a PROXY header as they should.", labels,
               number(stats.proxied_refused_total));
}

void report(MetricsSink& sink, const std::string& route, const PushStats& stats) {
  const MetricLabels labels = {{"route", route}};
  sink.gauge("breakwater_uploads_open", "Upload sessions whose file is open.", labels,
             number(stats.uploads_open));
  sink.counter("breakwater_buildkit_cache_unusable_total",
               "Pushed caches whose manifest or config is longer than BuildKit's importers read.", labels,
               number(stats.unusable_caches_total));
}

void report(MetricsSink& sink, const store::Budget& budget) {
  for (const auto& [route, use] : budget.routes())
    report_bound(sink, "breakwater_store", "a route", {{"route", label_of(route)}}, use);
  report_bound(sink, "breakwater_store_whole", "the whole store", {}, budget.whole());
  sink.counter("breakwater_accounting_errors_total",
               "Times that more bytes were given back than an account held: a defect of this program.", {},
               number(budget.accounting_errors()));
}

void report_broken_off(MetricsSink& sink, const store::IdlePartials& partials,
                       const store::RouteRules& rules) {
  for (const auto& [route, sum] : partials.sums()) {
    const MetricLabels labels = {{"route", label_of(route)},
                                 {"kind", rules.is_mirror(route) ? "download" : "upload"}};
    sink.gauge("breakwater_broken_off",
               "Uploads and downloads that broke off and may be gone on with; they go when room is needed.",
               labels, number(sum.partials));
    sink.gauge("breakwater_broken_off_bytes", "Bytes on disk of these.", labels, number(sum.bytes));
  }
}

void report_left(MetricsSink& sink, const store::Budget& budget, const store::RouteRules& rules) {
  for (const auto& [route, use] : budget.routes()) {
    if (route.empty() || use.stored == 0 || rules.is_configured(route)) continue;
    sink.gauge("breakwater_store_unconfigured_bytes",
               "Bytes on disk of a route that is not configured any more: breakwater forget-route gives them "
               "back.",
               {{"route", route}}, number(use.stored));
  }
}

void report(MetricsSink& sink, const proxy::Buffers& buffers) {
  sink.gauge("breakwater_buffer_bytes", "Bytes that wait in memory.", {}, number(buffers.units()));
  sink.gauge("breakwater_buffer_bytes_max", "Their limit.", {}, number(buffers.units_max()));
}

void report_loop(MetricsSink& sink, double lag_seconds, uint64_t worker_queue, uint64_t workers_busy) {
  sink.gauge("breakwater_loop_lag_seconds",
             "The longest that anything has held the event loop since the last scrape.", {}, lag_seconds);
  sink.gauge("breakwater_worker_queue", "Jobs that wait for a worker.", {}, number(worker_queue));
  sink.gauge("breakwater_workers_busy", "Workers that have a job.", {}, number(workers_busy));
}

void report(MetricsSink& sink, const store::Collector::Collected& collected) {
  sink.counter("breakwater_collected_manifests_total",
               "Manifests removed because nothing referred to them any more.", {},
               number(collected.manifests));
  sink.counter("breakwater_collected_blobs_total", "Blobs removed because nothing referred to them any more.",
               {}, number(collected.blobs));
  sink.counter("breakwater_collected_bytes_total", "Bytes of these.", {}, number(collected.bytes));
}

void report(MetricsSink& sink, const std::map<std::string, store::Blobs::Evicted>& evicted) {
  for (const auto& [route, of_route] : evicted) {
    const MetricLabels labels = {{"route", route}};
    sink.counter("breakwater_evicted_blobs_total", "Blobs removed to make room.", labels,
                 number(of_route.blobs));
    sink.counter("breakwater_evicted_bytes_total", "Bytes of these.", labels, number(of_route.bytes));
    sink.gauge(
        "breakwater_evicted_unused_seconds",
        "How long nobody had used the blob that was removed last: if that is less than a few days, the "
        "route's bound is too small for what it is used for.",
        labels, std::chrono::duration<double>(of_route.unused).count());
  }
}

void report(MetricsSink& sink, const std::optional<store::DiskSpace>& space) {
  if (!space) return;
  sink.gauge("breakwater_disk_bytes", "Bytes of the data folder's file system.", {}, number(space->total));
  sink.gauge("breakwater_disk_free_bytes", "Bytes that it has left for us.", {}, number(space->available));
}

void report_build(MetricsSink& sink, const std::string& version) {
  sink.gauge("breakwater_build_info", "1; the version is its label.", {{"version", version}}, 1);
}

void report_route(MetricsSink& sink, const std::string& route, std::string_view kind) {
  sink.gauge("breakwater_route_info", "1; what the route is, is its label.",
             {{"route", route}, {"kind", std::string(kind)}}, 1);
}

void report(MetricsSink& sink, const std::vector<std::string>& routes, const store::Broken& broken) {
  const auto counts = broken.by_route();
  for (const auto& route : routes) {
    const auto found = counts.find(route);
    sink.gauge("breakwater_integrity_broken",
               "Things that clients were told are there and that cannot be served; the log names them and "
               "their tags.",
               {{"route", route}}, found == counts.end() ? 0 : number(found->second));
  }
  sink.gauge("breakwater_integrity_malformed_records", "Records of the catalog that cannot be understood.",
             {}, number(broken.malformed()));
}

void report(MetricsSink& sink, const store::Scrub::Stats& stats) {
  const auto passed_s = std::chrono::duration<double>(stats.passed_at.time_since_epoch()).count();
  sink.gauge("breakwater_integrity_last_full_pass_timestamp_seconds",
             "When the scrub had last looked at everything; 0 if it never has.", {}, passed_s);
  sink.counter("breakwater_integrity_scrubbed_bytes_total",
               "Bytes of blobs that were read again and are right.", {}, number(stats.bytes_total));
  sink.counter("breakwater_integrity_found_total",
               "Things that the scrub found wrong, and dropped, mended or named.", {},
               number(stats.found_total));
}

void report(MetricsSink& sink, const store::Backup& backup) {
  sink.gauge("breakwater_backup_last_success_timestamp_seconds",
             "When the last backup was made; 0 if none ever was.", {},
             std::chrono::duration<double>(backup.last().time_since_epoch()).count());
}

void report(MetricsSink& sink, const Audit& audit) {
  sink.counter("breakwater_audit_lines_lost_total",
               "Lines of the audit log that could not be written, and were too many to wait.", {},
               number(audit.lost_total()));
}

void report(MetricsSink& sink, const std::vector<WebhookState>& webhooks) {
  for (const auto& webhook : webhooks) {
    const auto count = [&](const char* result, uint64_t value) {
      sink.counter("breakwater_webhook_deliveries_total",
                   "Events that an endpoint took (ok) or that were given up because it refuses them "
                   "(given_up), and tries that failed (failed).",
                   {{"endpoint", webhook.endpoint}, {"result", result}}, number(value));
    };
    count("ok", webhook.delivered);
    count("failed", webhook.failed);
    count("given_up", webhook.given_up);
    sink.gauge("breakwater_webhook_queue_events", "Events that wait for the endpoint.",
               {{"endpoint", webhook.endpoint}}, number(webhook.queue.waiting));
    const auto oldest = webhook.queue.oldest_at.value_or(store::Time());
    sink.gauge("breakwater_webhook_oldest_timestamp_seconds",
               "When the oldest event that waits for the endpoint happened; 0 if none waits.",
               {{"endpoint", webhook.endpoint}},
               std::chrono::duration<double>(oldest.time_since_epoch()).count());
    sink.counter("breakwater_webhook_dropped_total",
                 "Events that the endpoint was not told of, because the queue was full.",
                 {{"endpoint", webhook.endpoint}}, number(webhook.queue.dropped));
  }
}

void report(MetricsSink& sink, const store::Catalog& catalog) {
  sink.gauge(
      "breakwater_catalog_writable",
      "1 if the catalog can be written. At 0 pulls of what is stored go on and pushes are refused; the log "
      "and /readyz say why.",
      {}, catalog.why_not_writable().empty() ? 1 : 0);
}

void report_process(MetricsSink& sink) {
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  const auto fields = stat_fields();
  const auto field = [&fields](size_t number_in_proc) {
    const size_t index = number_in_proc - 3;
    return index < fields.size() ? std::strtod(fields[index].c_str(), nullptr) : 0.0;
  };
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  sink.counter("process_cpu_seconds_total", "User and system CPU seconds.", {},
               (field(14) + field(15)) / ticks);
  sink.gauge("process_threads", "Threads.", {}, field(20));
  sink.gauge("process_start_time_seconds", "When the process started, in seconds since the epoch.", {},
             boot_time_s() + field(22) / ticks);
  sink.gauge("process_virtual_memory_bytes", "Virtual memory.", {}, field(23));
  sink.gauge("process_resident_memory_bytes", "Resident memory.", {}, field(24) * page);
  sink.gauge("process_open_fds", "Open file descriptors.", {}, number(open_files()));
  sink.gauge("process_max_fds", "Their limit.", {}, static_cast<double>(files.rlim_cur));
}

}  // namespace breakwater::routes
