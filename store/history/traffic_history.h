// The past of the routes, in rings of fixed size in the catalog: minutes for a day and hours for 90 days, per
// route, and the heaviest repositories and clients of each of 90 days.
//
//   counts of a minute, from the loop  --add()-->  the minute's bucket, the hour's, and the day's tables,
//                                                  in one change
//
// Size: a route has 1440 + 2160 buckets of at most 260 bytes with their keys, and kRoutesMax routes have a
// past of their own (what further ones do counts for the route ""); 90 days have four tables of kHeavyMax
// names. That is 25 MB at the worst, and some hundred KB for each route that is used. Nothing is kept in
// memory.
//
// Time: the store's clock, which nobody can set and which goes on over restarts, says which bucket a count
// belongs to; the wall clock only labels the bucket, when that begins. So whatever is done to the wall clock,
// no bucket is written over before the ring has come round, none is counted twice, and the order stays; what
// is counted while it is wrong bears a wrong label. A machine that was off for long has no buckets for that
// time, of which the store's clock believes one hour (store_clock.h). A minute is added as a whole or not at
// all: after a crash one is missing, and one whose change seemed to fail is not added again if it has not.
//
// May block; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "store/base/log.h"
#include "store/base/mutex.h"
#include "store/base/result.h"
#include "store/catalog/rows.h"
#include "store/catalog/store_clock.h"

namespace breakwater::store {

class Batch;
class Catalog;

// What was counted since `begun`.
struct Traffic {
  uint64_t id = 0;  // not 0, and no other has it
  Time begun{};     // by the store's clock: all of it counts for that minute
  std::map<std::string, TrafficCounts> routes;
  // Keys are as HeavyHitter has them.
  HeavyTable repositories_by_requests;
  HeavyTable repositories_by_bytes;
  HeavyTable clients_by_requests;
  HeavyTable clients_by_bytes;

  bool empty() const { return routes.empty(); }
};

class TrafficHistory {
 public:
  static constexpr size_t kRoutesMax = 16;
  static constexpr uint64_t kDays = 90;
  static constexpr size_t kKeyBytesMax = 200;  // of a HeavyHitter: whoever makes one cuts it

  TrafficHistory(Catalog& catalog, const StoreClock& clock, Log& log)
      : catalog_(catalog), clock_(clock), log_(log) {}

  // Not synced. What fails is added by another call with the same `traffic`, however often it is made.
  [[nodiscard]] Result<> add(const Traffic& traffic);

  // Calls `each` for the buckets that began at `since` or later, or in which that lies, of all routes and in
  // the order of their names; those of a route in no order.
  using Each = std::function<void(const std::string& route, const TrafficRecord& record)>;
  [[nodiscard]] Result<> read(TrafficRing ring, Time since, const Each& each) const;

  // The sum of the days since then, that of `since` included. `at` is when the first of them began.
  [[nodiscard]] Result<HeavyRecord> heaviest(HeavyKind kind, Time since) const;

  // The past of a route goes, out of the tables too.
  [[nodiscard]] Result<> forget(const std::string& route);

  static Time::duration length_of(TrafficRing ring);
  static uint64_t buckets_of(TrafficRing ring);

 private:
  Result<> add_to_ring(Batch& batch, TrafficRing ring, const Traffic& traffic) REQUIRES(mutex_);
  Result<> add_to_day(Batch& batch, HeavyKind kind, const Traffic& traffic) REQUIRES(mutex_);
  Result<> trim(Time now) REQUIRES(mutex_);
  Result<> trim(TrafficRing ring, Time now, std::map<std::string, uint64_t>& newest) REQUIRES(mutex_);
  Result<> delete_rows(TrafficRing ring, const std::function<bool(const TrafficRow&)>& goes) REQUIRES(mutex_);
  Time label_of(Time begun) const { return clock_.to_wall(begun); }

  Catalog& catalog_;
  const StoreClock& clock_;
  Log& log_;
  Mutex mutex_;                                 // from the reads of a change to its write
  uint64_t trimmed_on_ GUARDED_BY(mutex_) = 0;  // the number of the day
};

}  // namespace breakwater::store
