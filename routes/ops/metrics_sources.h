// The names of the metrics that are read at a scrape: one report() for each part that keeps such numbers.
// Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proxy/fill/fill.h"
#include "proxy/loop/buffers.h"
#include "proxy/server/http_server.h"
#include "proxy/upstream/registry_client.h"
#include "proxy/upstream/upstreams.h"
#include "routes/ops/audit.h"
#include "routes/ops/metrics.h"
#include "routes/ops/webhooks.h"
#include "routes/registry/private_registry.h"
#include "store/base/disk.h"
#include "store/blobs/blobs.h"
#include "store/blobs/idle_partials.h"
#include "store/capacity/budget.h"
#include "store/catalog/catalog.h"
#include "store/references/broken.h"
#include "store/references/route_rules.h"
#include "store/store.h"
#include "store/upkeep/backup.h"
#include "store/upkeep/collector.h"
#include "store/upkeep/scrub.h"

namespace breakwater::routes {

void report(MetricsSink& sink, const proxy::FillStats& stats);
void report(MetricsSink& sink, const std::string& route, const proxy::RegistryClientStats& stats);
// Each upstream by itself, with its URL as a label if there are several.
void report(MetricsSink& sink, const std::string& route, const proxy::Upstreams& upstreams);
void report(MetricsSink& sink, const std::string& route, const proxy::ServerStats& stats);
void report(MetricsSink& sink, const std::string& route, const PushStats& stats);
void report(MetricsSink& sink, const store::Budget& budget);
// Uploads and downloads that broke off and wait for somebody to go on with them.
void report_broken_off(MetricsSink& sink, const store::IdlePartials& partials,
                       const store::RouteRules& rules);
// What routes have stored that are not configured any more.
void report_left(MetricsSink& sink, const store::Budget& budget, const store::RouteRules& rules);
void report(MetricsSink& sink, const proxy::Buffers& buffers);
void report_loop(MetricsSink& sink, double lag_seconds, uint64_t worker_queue, uint64_t workers_busy);
void report(MetricsSink& sink, const store::Collector::Collected& collected);
// What went to make room, by route.
void report(MetricsSink& sink, const std::map<std::string, store::Blobs::Evicted>& evicted);
void report(MetricsSink& sink, const std::optional<store::DiskSpace>& space);
void report_build(MetricsSink& sink, const std::string& version);
void report_route(MetricsSink& sink, const std::string& route, std::string_view kind);
// What is broken now, for each of `routes`.
void report(MetricsSink& sink, const std::vector<std::string>& routes, const store::Broken& broken);
void report(MetricsSink& sink, const store::Scrub::Stats& stats);
// Lines of the audit log that were lost.
void report(MetricsSink& sink, const Audit& audit);
// Deliveries to webhooks, by endpoint, and what waits.
void report(MetricsSink& sink, const std::vector<WebhookState>& webhooks);
// Whether the catalog can be written.
void report(MetricsSink& sink, const store::Backup& backup);
void report(MetricsSink& sink, const store::Catalog& catalog);
// This process's CPU seconds, memory, open files and start time, from /proc.
void report_process(MetricsSink& sink);

}  // namespace breakwater::routes
