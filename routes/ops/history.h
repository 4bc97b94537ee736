// Counts what happens on each route, for the history that the store keeps (store/history/traffic_history.h),
// and which manifests clients import (store/history/cache_generations.h).
//
//   RouteHistory& route = history.of("dockerhub");   // once
//   history.count(route, ended);                     // for each request, when it has ended
//   history.count_upstream(route, "library/alpine", bytes);
//   tasks.spawn(history.run(workers));               // once a minute a worker writes what was counted
//
// A request costs no write, and no allocation but for the first of a repository or client in its minute: it
// is counted in memory, on the loop. Requests and bytes count for the minute in which they end. Of a process
// that is killed at most a minute is lost; whoever stops in order calls save(). What cannot be written is
// kept, and written later.
//
// The heaviest repositories and clients of a minute are counted one by one up to LoadCells::kCellsMax of
// them; if there are more, in tables of the heaviest. All of it takes less than 1 MiB.
//
// Belongs to the loop's thread, and must outlive what counts.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"
#include "proxy/upstream/upstreams.h"
#include "routes/ops/ended_request.h"
#include "routes/ops/load_cells.h"
#include "store/base/log.h"
#include "store/base/result.h"
#include "store/history/cache_generations.h"
#include "store/history/traffic_history.h"
#include "store/store.h"

namespace breakwater::routes {

// What was counted for one route. The address is stable for the life of the History.
class RouteHistory {
 public:
  RouteHistory(std::string name, uint32_t index, bool is_kept_apart, bool is_mirror)
      : name_(std::move(name)), index_(index), is_kept_apart_(is_kept_apart), is_mirror_(is_mirror) {}

 private:
  friend class History;
  const std::string name_;
  const uint32_t index_;  // for LoadCells
  const bool is_kept_apart_;
  const bool is_mirror_;
  store::TrafficCounts counts_;
};

class History {
 public:
  History(proxy::Loop& loop, store::Store& store, store::Log& log);
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  // The store keeps what routes beyond TrafficHistory::kRoutesMax do as one, under the name "".
  RouteHistory& of(std::string_view route);

  void count(RouteHistory& route, const EndedRequest& ended);
  // A request that was sent upstream has ended.
  void count_upstream(RouteHistory& route, std::string_view repository, uint64_t bytes);

  // Writes what was counted, whenever a minute of the store's clock is over.
  proxy::Task<> run(proxy::Workers& workers);
  // Writes what was counted so far.
  proxy::Task<Result<>> flush(proxy::Workers& workers);
  // The same, and blocks: for when the loop does not run any more.
  [[nodiscard]] Result<> save();

 private:
  struct Counted {
    store::Traffic traffic;
    std::vector<store::CacheGenerations::Import> imports;
  };
  struct Heavy {
    store::HeavyTable by_requests;
    store::HeavyTable by_bytes;
  };
  class Flushing;
  void add_load(LoadCells& cells, Heavy& heavy, uint32_t owner, std::string_view name,
                const store::Load& load);
  void note_import(const RouteHistory& route, const EndedRequest& ended);
  void fold(LoadCells& cells, Heavy& heavy);
  std::vector<store::CacheGenerations::Import> take_imports();
  std::shared_ptr<const Counted> take();
  static Result<> write(store::Store& store, store::Log& log, const Counted& counted);

  proxy::Loop& loop_;
  store::Store& store_;
  store::Log& log_;
  std::mt19937_64 random_;
  std::map<std::string, std::unique_ptr<RouteHistory>, std::less<>> routes_;
  std::vector<const RouteHistory*> by_index_;
  LoadCells repositories_;
  LoadCells clients_;
  Heavy heavy_repositories_;
  Heavy heavy_clients_;
  LoadCells imports_;    // names are repository, NUL, and a tag, or the algorithm and bytes of a digest
  store::Time begun_{};  // by the store's clock: what is counted since
  std::shared_ptr<const Counted> pending_;  // was taken, and is not written yet
  bool is_flushing_ = false;
  proxy::Signal flushed_;
};

// Has the upstreams of a mirror counted, whose repositories the store keeps under `kept_under`
// (MirrorSettings).
void count_upstreams(History& history, const proxy::Upstreams& upstreams, const std::string& route,
                     const std::string& kept_under);

}  // namespace breakwater::routes
