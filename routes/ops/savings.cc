#include "routes/ops/savings.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "routes/oci/date_text.h"
#include "store/catalog/store_clock.h"
#include "store/history/heavy_hitters.h"
#include "store/history/traffic_history.h"
#include "store/references/route_rules.h"

namespace breakwater::routes {
namespace {

using nlohmann::ordered_json;
using store::HeavyHitter;
using store::HeavyKind;
using store::HeavyTable;
using store::Time;
using store::TrafficCounts;
using store::TrafficRing;

constexpr int64_t kPointsMax = 300;
constexpr std::array<int64_t, 5> kStepsOfMinutes = {2, 5, 10, 15, 30};
constexpr std::array<int64_t, 5> kStepsOfHours = {2, 3, 6, 12, 24};

int64_t less(uint64_t of, uint64_t by) { return static_cast<int64_t>(of) - static_cast<int64_t>(by); }

int64_t seconds(Time::duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

ordered_json ratio(uint64_t part, uint64_t whole) {
  if (whole == 0) return nullptr;
  return static_cast<double>(part) / static_cast<double>(whole);
}

void add_counts(ordered_json& to, const TrafficCounts& counts) {
  const uint64_t from_here = counts.hits + counts.follows + counts.stale + counts.revalidated;
  to["requests"] = counts.requests;
  to["bytes_sent"] = counts.bytes_sent;
  to["upstream_requests"] = counts.upstream_requests;
  to["upstream_bytes"] = counts.upstream_bytes;
  to["saved_requests"] = less(counts.asked, counts.upstream_requests);
  to["saved_bytes"] = less(counts.asked_bytes, counts.upstream_bytes);
  to["hit_ratio"] = ratio(from_here, from_here + counts.misses + counts.passed);
  to["byte_hit_ratio"] = ratio(counts.bytes_from_store, counts.bytes_sent);
  to["hits"] = counts.hits;
  to["misses"] = counts.misses;
  to["follows"] = counts.follows;
  to["stale"] = counts.stale;
  to["revalidated"] = counts.revalidated;
  to["passed"] = counts.passed;
  to["not_found"] = counts.not_found;
  to["refused"] = counts.refused;
  to["errors"] = counts.errors;
  to["pushed_bytes"] = counts.pushed_bytes;
  to["not_uploaded_bytes"] = counts.reused_bytes;
}

// What the rings have, summed up by route and by time.
struct Sums {
  struct Point {
    uint64_t number = UINT64_MAX;  // of its first bucket
    Time at{};
    TrafficCounts counts;
  };
  TrafficCounts total;
  std::map<std::string, TrafficCounts> routes;
  std::map<uint64_t, Point> points;
};

Result<Sums> sums_of(const store::TrafficHistory& history, TrafficRing ring, Time since,
                     const std::string& only, uint64_t step) {
  Sums sums;
  const auto add = [&](const std::string& route, const store::TrafficRecord& record) {
    if (!only.empty() && route != only) return;
    sums.total += record.counts;
    sums.routes[route] += record.counts;
    auto& point = sums.points[record.number / step];
    point.counts += record.counts;
    if (record.number >= point.number) return;
    point.number = record.number;
    point.at = record.at;
  };
  if (auto read = history.read(ring, since, add); !read) return failure(read.error());
  return sums;
}

ordered_json series_of(const Sums& sums, Time::duration step) {
  ordered_json points = ordered_json::array();
  for (const auto& [number, point] : sums.points) {
    ordered_json one;
    one["at"] = date_text(point.at);
    add_counts(one, point.counts);
    points.push_back(std::move(one));
  }
  ordered_json series;
  series["step_s"] = seconds(step);
  series["points"] = std::move(points);
  return series;
}

ordered_json routes_of(const Sums& sums, const store::RouteRules& rules, const Sight& sight) {
  ordered_json routes = ordered_json::array();
  for (const auto& [name, counts] : sums.routes) {
    if (!sight.sees_any(name)) continue;
    ordered_json one;
    one["route"] = name;
    one["kind"] = name.empty() ? "others" : rules.is_mirror(name) ? "mirror" : "registry";
    add_counts(one, counts);
    routes.push_back(std::move(one));
  }
  return routes;
}

enum class By { requests, bytes };

// An entry without its name; `is_saving` if there is an upstream behind it.
void add_load(ordered_json& to, const HeavyHitter& entry, By by, bool is_saving) {
  const store::Load& load = entry.load;
  to["requests"] = load.requests;
  if (by == By::requests) to["requests_at_most"] = entry.weight;
  to["bytes_sent"] = load.bytes_sent;
  if (by == By::bytes) to["bytes_sent_at_most"] = entry.weight;
  if (!is_saving) return;
  to["upstream_requests"] = load.upstream_requests;
  to["upstream_bytes"] = load.upstream_bytes;
  to["saved_requests"] = less(load.requests, load.upstream_requests);
  to["saved_bytes"] = less(load.bytes_sent, load.upstream_bytes);
}

ordered_json entries_of(const HeavyTable& table, HeavyKind kind, By by, const store::RouteRules& rules,
                        const SavingsQuestion& question) {
  ordered_json entries = ordered_json::array();
  for (const HeavyHitter& entry : table.entries) {
    if (entries.size() >= question.heaviest_max) break;
    ordered_json one;
    if (kind == HeavyKind::clients) {
      if (!question.sight.is_of_all()) break;
      one["client"] = entry.key;
      add_load(one, entry, by, false);
      entries.push_back(std::move(one));
      continue;
    }
    const std::string route = entry.key.substr(0, entry.key.find('\0'));
    if (!question.route.empty() && route != question.route) continue;
    const std::string repository = entry.key.substr(std::min(route.size() + 1, entry.key.size()));
    if (!question.sight.sees(route, repository)) continue;
    one["route"] = route;
    one["repository"] = repository;
    add_load(one, entry, by, rules.is_mirror(route));
    entries.push_back(std::move(one));
  }
  return entries;
}

Result<ordered_json> heaviest_of(store::Store& store, HeavyKind kind, Time since,
                                 const SavingsQuestion& question) {
  const auto record = store.traffic().heaviest(kind, since);
  if (!record) return failure(record.error());
  // Whoever is cut from a list has no more than the first that is.
  const auto floor_of = [&question](const HeavyTable& table) {
    if (table.entries.size() <= question.heaviest_max) return table.floor;
    return std::max(table.floor, table.entries[question.heaviest_max].weight);
  };
  ordered_json heaviest;
  heaviest["from"] = date_text(record->at);
  heaviest["by_bytes"] = entries_of(record->by_bytes, kind, By::bytes, store.rules(), question);
  heaviest["by_requests"] = entries_of(record->by_requests, kind, By::requests, store.rules(), question);
  heaviest["others_at_most"]["bytes"] = floor_of(record->by_bytes);
  heaviest["others_at_most"]["requests"] = floor_of(record->by_requests);
  return heaviest;
}

}  // namespace

Result<ordered_json> savings(store::Store& store, const SavingsQuestion& question) {
  const Time::duration longest = std::chrono::hours(24) * store::TrafficHistory::kDays;
  if (question.since <= Time::duration(0) || question.since > longest)
    return failure(Error::Kind::invalid, "the history goes back 90 days: since must be within these");
  const Time now = store.clock().now(), since = now - question.since;
  const bool is_by_minute = question.since <= std::chrono::hours(24);
  const TrafficRing ring = is_by_minute ? TrafficRing::minutes : TrafficRing::hours;
  const Time::duration bucket = store::TrafficHistory::length_of(ring);
  int64_t step = 1;  // in buckets
  for (const int64_t longer : is_by_minute ? kStepsOfMinutes : kStepsOfHours) {
    if (question.since / (bucket * step) > kPointsMax) step = longer;
  }
  const auto sums = sums_of(store.traffic(), ring, since, question.route, static_cast<uint64_t>(step));
  if (!sums) return failure(sums.error());
  auto repositories = heaviest_of(store, HeavyKind::repositories, since, question);
  if (!repositories) return failure(repositories.error());
  auto clients = heaviest_of(store, HeavyKind::clients, since, question);
  if (!clients) return failure(clients.error());
  ordered_json answer;
  answer["since_s"] = seconds(question.since);
  answer["from"] = date_text(store.clock().to_wall(since));
  answer["to"] = date_text(store.clock().to_wall(now));
  answer["is_exact_to_s"] = seconds(bucket);
  add_counts(answer["total"], sums->total);
  answer["routes"] = routes_of(*sums, store.rules(), question.sight);
  answer["series"] = series_of(*sums, bucket * step);
  answer["repositories"] = *std::move(repositories);
  answer["clients"] = *std::move(clients);
  return answer;
}

}  // namespace breakwater::routes
