#include "routes/ops/status_summary.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "routes/oci/date_text.h"
#include "routes/ops/shown.h"
#include "routes/ops/status.h"
#include "routes/ops/status_rows.h"

namespace breakwater::routes {
namespace {

constexpr double kSecondsMax = 10;  // over which a rate says how it is now

Json short_row(const proxy::RunningFill& fill, store::Time now) {
  Json row = json_of(fill, now);
  for (const char* field : {"clients", "started_at", "from", "failure"}) row.erase(field);
  return row;
}

}  // namespace

StatusSummary::Counts StatusSummary::counts_of(const ServerState& state) const {
  Counts counts;
  counts.at = server_.loop().now();
  counts.requests = server_.requests().newest();
  for (const auto& route : state.routes) {
    counts.sent_bytes += route.sent_bytes;
    for (const auto& upstream : route.upstreams) counts.fetched_bytes += upstream.stats.fetched_bytes;
  }
  return counts;
}

Json StatusSummary::operator()(const Sight& sight) {
  ServerState state = server_.state();
  leave_out_unseen(state, sight);
  Json json = status_head(state);
  json["problems"] = json["problems"].size();
  json["version"] = state.version;
  json["started_at"] = date_text(state.started_at);
  json["read_only"] = state.is_read_only;
  json["draining"] = state.is_draining;
  json["stored_bytes"] = state.whole.stored;
  if (state.whole.bytes_max != store::Budget::kUnbounded) json["stored_bytes_max"] = state.whole.bytes_max;
  uint64_t running = 0, connections = 0;
  for (const auto& route : state.routes) {
    running += route.requests_running;
    connections += route.connections;
  }
  json["requests_running"] = running;
  json["connections"] = connections;
  json["downloads_count"] = state.fills_count;
  json["downloads"] = Json::array();
  for (const auto& fill : state.fills) {
    if (json["downloads"].size() == kRowsMax) break;
    json["downloads"].push_back(short_row(fill, state.now));
  }
  json["uploads_count"] = state.uploads_count;
  json["uploads"] = Json::array();
  for (const auto& upload : state.uploads) {
    if (json["uploads"].size() == kRowsMax) break;
    json["uploads"].push_back(json_of(upload));
  }
  if (!sight.is_of_all()) return json;
  const Counts now = counts_of(state);
  const auto before = std::exchange(before_, now);
  if (!before) return json;
  const double seconds = std::chrono::duration<double>(now.at - before->at).count();
  if (seconds <= 0 || seconds > kSecondsMax) return json;
  // What has been counted begins anew with a reload.
  const auto rate = [seconds](uint64_t from, uint64_t to) {
    return static_cast<uint64_t>(std::llround(static_cast<double>(to - std::min(from, to)) / seconds));
  };
  json["rates"] = {{"requests_per_s", rate(before->requests, now.requests)},
                   {"sent_bytes_per_s", rate(before->sent_bytes, now.sent_bytes)},
                   {"fetched_bytes_per_s", rate(before->fetched_bytes, now.fetched_bytes)}};
  return json;
}

}  // namespace breakwater::routes
