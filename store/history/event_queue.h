// Events that are kept in the catalog until each of their readers has passed them; over restarts, and as long
// as there are no more than the bounds allow. Then the oldest go, and count as dropped for who had not passed
// them.
//
//   EventQueue queue(catalog, {{"https://hooks.example/a", {Event::Kind::push}}});
//   queue.load();
//   queue.note(events, Durability::synced);     // kept if a reader wants one of their kinds
//   const auto next = queue.next("https://hooks.example/a");   // the oldest that it wants
//   queue.pass("https://hooks.example/a", next->number);
//
// A reader that was not there before begins with what comes; what one that is gone had not passed goes with
// it. May block, but for stats() and newest(); any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/base/mutex.h"
#include "store/base/result.h"
#include "store/catalog/catalog_events.h"
#include "store/catalog/event_record.h"
#include "store/catalog/rows.h"

namespace breakwater::store {

class Catalog;

class EventQueue {
 public:
  using Kinds = std::set<Event::Kind>;
  struct Bounds {
    uint64_t rows_max = 10'000;
    uint64_t bytes_max = 16 << 20;
  };
  struct Numbered {
    uint64_t number = 0;
    Event event;
  };
  struct ReaderStats {
    uint64_t waiting = 0;  // rows behind what it has passed, its kinds or not
    uint64_t dropped = 0;  // since the start
    std::optional<Time> oldest_at;
  };

  EventQueue(Catalog& catalog, std::map<std::string, Kinds> readers, Bounds bounds);
  EventQueue(Catalog& catalog, std::map<std::string, Kinds> readers)
      : EventQueue(catalog, std::move(readers), Bounds()) {}
  // What becomes of readers that the catalog knows and the constructor was not told of: they are gone for
  // good, or this one speaks for some of them only.
  enum class Others { forgotten, kept };
  // First. What it has to write waits for the next write, if the catalog takes none: a full disk keeps no
  // store from being served.
  [[nodiscard]] Result<> load(Others others = Others::forgotten);

  // In the catalog when it returns, if any reader wants them; and on the disk if `durability` says so.
  [[nodiscard]] Result<> note(const std::vector<Event>& events, Durability durability);
  // For one of very many that come at once, and that are to push out nobody else's: it is kept only while the
  // queue is at most half full, else dropped in their place and counted. Whether it is kept, or nobody wants
  // it. Durability::buffered.
  [[nodiscard]] Result<bool> note_if_room(const Event& event);
  // The oldest event that the reader wants and has not passed; those before it that it does not want are
  // passed.
  [[nodiscard]] Result<std::optional<Numbered>> next(const std::string& reader);
  [[nodiscard]] Result<> pass(const std::string& reader, uint64_t number);

  ReaderStats stats(const std::string& reader) const;
  uint64_t rows() const;
  // Called by each note(), wanted or not, from its thread, once they are in the catalog: it must not block.
  using Noted = std::function<void(const std::vector<Event>& events)>;
  void observe(Noted noted) { noted_ = std::move(noted); }

 private:
  struct Row {
    uint64_t number;
    uint64_t bytes;
    Time at;
  };
  struct Reader {
    Kinds kinds;
    uint64_t passed = 0;
    uint64_t dropped = 0;
    bool is_recorded = false;  // the catalog knows where it is
  };
  Result<bool> keep(const std::vector<Event>& events) EXCLUDES(mutex_);
  bool is_wanted(const Event& event) const REQUIRES(mutex_);
  bool drop_if_half_full(const Event& event) EXCLUDES(mutex_);
  uint64_t passed_by_all() const REQUIRES(mutex_);
  void add_unrecorded(CatalogEvents::Change& change) const REQUIRES(mutex_);
  void note_recorded(const CatalogEvents::Change& change) REQUIRES(mutex_);

  Catalog& catalog_;
  const Bounds bounds_;
  Noted noted_ = [](const auto&) {};
  mutable Mutex mutex_;
  std::map<std::string, Reader> readers_ GUARDED_BY(mutex_);
  std::deque<Row> rows_ GUARDED_BY(mutex_);  // in the catalog
  uint64_t bytes_ GUARDED_BY(mutex_) = 0;    // of them
  uint64_t newest_ GUARDED_BY(mutex_) = 0;
};

}  // namespace breakwater::store
