#include "store/history/traffic_history.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "store/catalog/batch.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_history.h"
#include "store/catalog/catalog_keys.h"
#include "store/history/heavy_hitters.h"

namespace breakwater::store {
namespace {

constexpr size_t kRowsAtOnce = 1000;
constexpr auto kDay = std::chrono::hours(24);

uint64_t number_at(Time time, Time::duration length) {
  return static_cast<uint64_t>(std::max<Time::rep>(time.time_since_epoch() / length, 0));
}
Time begin_of(uint64_t number, Time::duration length) {
  return Time(length * static_cast<Time::rep>(number));
}

// What cannot be understood is begun anew.
template <class Record>
Result<std::optional<Record>> or_none(Result<std::optional<Record>> record) {
  if (!record && record.error().kind == Error::Kind::corrupt) return std::optional<Record>();
  return record;
}

// The bucket of this number, which goes on if it is there. The store's clock does not go back; should it have
// done so all the same, nothing is written over.
template <class Record>
Record bucket(const std::optional<Record>& there, uint64_t number, Time at) {
  if (there && there->number >= number) return *there;
  Record begun;
  begun.number = number;
  begun.at = at;
  return begun;
}

}  // namespace

Time::duration TrafficHistory::length_of(TrafficRing ring) {
  return ring == TrafficRing::minutes ? Time::duration(std::chrono::minutes(1)) : std::chrono::hours(1);
}

uint64_t TrafficHistory::buckets_of(TrafficRing ring) {
  return ring == TrafficRing::minutes ? 24 * 60 : kDays * 24;
}

Result<> TrafficHistory::add(const Traffic& traffic) {
  const Lock lock(mutex_);
  const auto counted = catalog_.past().counted();
  if (!counted) return failure(counted.error());
  if (*counted == traffic.id || traffic.empty()) return {};
  Batch batch;
  for (const TrafficRing ring : {TrafficRing::minutes, TrafficRing::hours}) {
    if (auto added = add_to_ring(batch, ring, traffic); !added) return added;
  }
  for (const HeavyKind kind : {HeavyKind::repositories, HeavyKind::clients}) {
    if (auto added = add_to_day(batch, kind, traffic); !added) return added;
  }
  batch.put_counted(traffic.id);
  if (auto written = catalog_.write(std::move(batch), Durability::buffered); !written) return written;
  return trim(traffic.begun);
}

Result<> TrafficHistory::add_to_ring(Batch& batch, TrafficRing ring, const Traffic& traffic) {
  const uint64_t number = number_at(traffic.begun, length_of(ring));
  const uint64_t slot = number % buckets_of(ring);
  for (const auto& [route, counts] : traffic.routes) {
    const auto there = or_none(catalog_.past().traffic(ring, route, slot));
    if (!there) return failure(there.error());
    TrafficRecord record = bucket(*there, number, label_of(begin_of(number, length_of(ring))));
    record.counts += counts;
    batch.put_traffic(ring, {route, slot, record});
  }
  return {};
}

Result<> TrafficHistory::add_to_day(Batch& batch, HeavyKind kind, const Traffic& traffic) {
  const bool is_clients = kind == HeavyKind::clients;
  const HeavyTable& by_requests = is_clients ? traffic.clients_by_requests : traffic.repositories_by_requests;
  const HeavyTable& by_bytes = is_clients ? traffic.clients_by_bytes : traffic.repositories_by_bytes;
  if (by_requests.entries.empty()) return {};
  const uint64_t number = number_at(traffic.begun, kDay);
  const auto there = or_none(catalog_.past().heavy(kind, number % kDays));
  if (!there) return failure(there.error());
  HeavyRecord record = bucket(*there, number, label_of(begin_of(number, kDay)));
  merge(record.by_requests, by_requests, kHeavyMax);
  merge(record.by_bytes, by_bytes, kHeavyMax);
  batch.put_heavy(kind, number % kDays, record);
  return {};
}

Result<> TrafficHistory::read(TrafficRing ring, Time since, const Each& each) const {
  const uint64_t newest = number_at(clock_.now(), length_of(ring));
  const uint64_t in_ring = newest >= buckets_of(ring) ? newest - buckets_of(ring) + 1 : 0;
  const uint64_t first = std::max(in_ring, number_at(since, length_of(ring)));
  const auto skip = [this](const Error& error) {
    log_.error("record_malformed", {{"error", error.message}});
  };
  for (std::string position;;) {
    const auto rows = catalog_.past().next_traffic(ring, position, kRowsAtOnce, skip);
    if (!rows) return failure(rows.error());
    for (const TrafficRow& row : *rows) {
      if (row.record.number >= first) each(row.route, row.record);
    }
    if (rows->size() < kRowsAtOnce) return {};
  }
}

Result<HeavyRecord> TrafficHistory::heaviest(HeavyKind kind, Time since) const {
  const uint64_t newest = number_at(clock_.now(), kDay);
  const uint64_t in_ring = newest >= kDays ? newest - kDays + 1 : 0;
  HeavyRecord sum;
  sum.number = std::max(in_ring, number_at(since, kDay));
  sum.at = label_of(begin_of(sum.number, kDay));
  bool is_first = true;
  for (uint64_t number = sum.number; number <= newest; ++number) {
    const auto record = or_none(catalog_.past().heavy(kind, number % kDays));
    if (!record) return failure(record.error());
    if (!*record || (*record)->number != number) continue;
    if (std::exchange(is_first, false)) sum.at = (*record)->at;
    merge(sum.by_requests, (*record)->by_requests, kHeavyMax);
    merge(sum.by_bytes, (*record)->by_bytes, kHeavyMax);
  }
  return sum;
}

Result<> TrafficHistory::forget(const std::string& route) {
  const Lock lock(mutex_);
  for (const TrafficRing ring : {TrafficRing::minutes, TrafficRing::hours}) {
    const auto goes = [&route](const TrafficRow& row) { return row.route == route; };
    if (auto deleted = delete_rows(ring, goes); !deleted) return deleted;
  }
  Batch batch;
  for (uint64_t slot = 0; slot < kDays; ++slot) {
    const auto record = or_none(catalog_.past().heavy(HeavyKind::repositories, slot));
    if (!record) return failure(record.error());
    if (!*record) continue;
    HeavyRecord without = **record;
    erase_beginning(without.by_requests, route + '\0');
    erase_beginning(without.by_bytes, route + '\0');
    batch.put_heavy(HeavyKind::repositories, slot, without);
  }
  return batch.empty() ? Result<>() : catalog_.write(std::move(batch), Durability::buffered);
}

// Once a day: what the ring of a route has left behind, whose requests have ended, and the routes beyond the
// bound that have had none for longest.
Result<> TrafficHistory::trim(Time now) {
  const uint64_t day = number_at(now, kDay);
  if (day == trimmed_on_) return {};
  std::map<std::string, uint64_t> newest;  // the number of a route's newest hour
  if (auto trimmed = trim(TrafficRing::minutes, now, newest); !trimmed) return trimmed;
  newest.clear();
  if (auto trimmed = trim(TrafficRing::hours, now, newest); !trimmed) return trimmed;
  newest.erase(std::string());
  std::vector<std::pair<uint64_t, std::string>> routes;
  for (const auto& [route, number] : newest) routes.emplace_back(number, route);
  std::sort(routes.rbegin(), routes.rend());
  for (size_t i = kRoutesMax; i < routes.size(); ++i) {
    const auto goes = [&route = routes[i].second](const TrafficRow& row) { return row.route == route; };
    for (const TrafficRing ring : {TrafficRing::minutes, TrafficRing::hours}) {
      if (auto deleted = delete_rows(ring, goes); !deleted) return deleted;
    }
  }
  trimmed_on_ = day;
  return {};
}

Result<> TrafficHistory::trim(TrafficRing ring, Time now, std::map<std::string, uint64_t>& newest) {
  const uint64_t number = number_at(now, length_of(ring));
  const auto goes = [&](const TrafficRow& row) {
    if (row.record.number + buckets_of(ring) <= number) return true;
    uint64_t& of_route = newest[row.route];
    of_route = std::max(of_route, row.record.number);
    return false;
  };
  return delete_rows(ring, goes);
}

Result<> TrafficHistory::delete_rows(TrafficRing ring, const std::function<bool(const TrafficRow&)>& goes) {
  for (std::string position;;) {
    const auto rows = catalog_.past().next_traffic(ring, position, kRowsAtOnce, [](const Error&) {});
    if (!rows) return failure(rows.error());
    Batch batch;
    for (const TrafficRow& row : *rows) {
      if (goes(row)) batch.delete_traffic(ring, row.route, row.slot);
    }
    auto written = batch.empty() ? Result<>() : catalog_.write(std::move(batch), Durability::buffered);
    if (!written) return written;
    if (rows->size() < kRowsAtOnce) return {};
  }
}

}  // namespace breakwater::store
