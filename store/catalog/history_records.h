// What the catalog remembers of the past, for people to look at: nothing is decided by it. Written as
// records.h says. These times are of the wall clock; the numbers of buckets count the store's clock, so that
// their order is right whatever is done to the wall clock.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/base/clock.h"
#include "store/base/digest.h"
#include "store/base/result.h"

namespace breakwater::store {

// What happened on one route. Fields are only ever added at the end of kFields.
struct TrafficCounts {
  uint64_t requests = 0;           // that ended
  uint64_t bytes_sent = 0;         // of bodies, to clients
  uint64_t upstream_requests = 0;  // that were sent upstream, those for tokens and behind redirects too
  uint64_t upstream_bytes = 0;     // of bodies that came from there
  // Requests for what upstream has, answered 2xx, 3xx or 404: without the mirror each of them would have gone
  // upstream.
  uint64_t asked = 0;
  // By what the answer came from, as RequestContext::cache has it.
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t follows = 0;
  uint64_t stale = 0;
  uint64_t revalidated = 0;
  uint64_t passed = 0;
  uint64_t bytes_from_store = 0;  // of bytes_sent, those of hits, stale and revalidated ones
  uint64_t not_found = 0;         // answered 404
  uint64_t refused = 0;           // answered 4xx otherwise, or the client left
  uint64_t errors = 0;            // answered 5xx
  uint64_t pushed_bytes = 0;      // of blobs and manifests that clients pushed
  uint64_t reused_bytes = 0;      // of blobs that were not uploaded, because mounted or there already
  uint64_t asked_bytes = 0;       // of bytes_sent, those that answered what `asked` counts

  static constexpr std::array kFields = {
      &TrafficCounts::requests,       &TrafficCounts::bytes_sent,   &TrafficCounts::upstream_requests,
      &TrafficCounts::upstream_bytes, &TrafficCounts::asked,        &TrafficCounts::hits,
      &TrafficCounts::misses,         &TrafficCounts::follows,      &TrafficCounts::stale,
      &TrafficCounts::revalidated,    &TrafficCounts::passed,       &TrafficCounts::bytes_from_store,
      &TrafficCounts::not_found,      &TrafficCounts::refused,      &TrafficCounts::errors,
      &TrafficCounts::pushed_bytes,   &TrafficCounts::reused_bytes, &TrafficCounts::asked_bytes};

  TrafficCounts& operator+=(const TrafficCounts& other);
  bool operator==(const TrafficCounts&) const = default;
};

// One bucket of a ring. Its place in the ring is `number` modulo the ring's size.
struct TrafficRecord {
  uint64_t number = 0;  // how many buckets before it fit into the store's time
  Time at{};            // when it began, by the wall clock of that moment
  TrafficCounts counts;
};

// What one repository or one client has caused.
struct Load {
  uint64_t requests = 0;
  uint64_t bytes_sent = 0;
  uint64_t upstream_requests = 0;
  uint64_t upstream_bytes = 0;

  Load& operator+=(const Load& other);
  bool operator==(const Load&) const = default;
};

struct HeavyHitter {
  std::string key;      // a client's address, or route, NUL, repository
  Load load;            // since it is in the table: what was before is not in it
  uint64_t weight = 0;  // not less than what it really has
  uint64_t error = 0;   // and by no more than this above that
};

// The heaviest of many by one weight, without a place for each of them: see history/heavy_hitters.h.
struct HeavyTable {
  std::vector<HeavyHitter> entries;  // the heaviest first
  uint64_t floor = 0;                // whoever is not in the table has no more than this
};

// The tables of one day, which is a bucket as those of traffic are.
struct HeavyRecord {
  uint64_t number = 0;
  Time at{};
  HeavyTable by_requests;
  HeavyTable by_bytes;
};

// What the last pushes of one cache tag have brought.
struct GenerationsRecord {
  static constexpr size_t kGenerationsMax = 30;
  static constexpr size_t kLayersMax = 256;

  struct Generation {
    Time at{};  // when it was pushed
    Digest digest;
    uint64_t bytes = 0;  // of everything that it needs, each digest once, and of itself
    uint64_t layers = 0;
    uint64_t new_bytes = 0;  // of these, what neither the push before nor another manifest had
    uint64_t new_layers = 0;
  };
  struct Layer {
    // That of a layer of an index's manifest: what order those have is not known.
    static constexpr uint64_t kNoPosition = UINT32_MAX;
    Digest digest;
    uint64_t bytes = 0;
    uint64_t position = kNoPosition;  // among the layers of the generation that had it last
    uint32_t in = 0;                  // bit i: in the generation that is i pushes old
  };
  uint64_t pushes = 0;                  // since it is recorded
  std::vector<Generation> generations;  // the newest first, at most kGenerationsMax
  // Of these generations, those of the newest first; the longest gone, then the smallest, are left out.
  std::vector<Layer> layers;
  Time imported_at{};  // when a client last fetched the manifest; zero: never
  uint64_t imports = 0;
  Time pushed_at{};  // when the newest was pushed, by the store's clock
};

std::string encode(const TrafficRecord&);
std::string encode(const HeavyRecord&);
std::string encode(const GenerationsRecord&);

template <class Record>
[[nodiscard]] Result<Record> decode(std::string_view bytes);
template <>
Result<TrafficRecord> decode<TrafficRecord>(std::string_view bytes);
template <>
Result<HeavyRecord> decode<HeavyRecord>(std::string_view bytes);
template <>
Result<GenerationsRecord> decode<GenerationsRecord>(std::string_view bytes);

}  // namespace breakwater::store
