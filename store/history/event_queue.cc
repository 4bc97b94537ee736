#include "store/history/event_queue.h"

#include <algorithm>
#include <utility>

#include "store/catalog/catalog.h"
#include "store/catalog/catalog_state.h"

namespace breakwater::store {

EventQueue::EventQueue(Catalog& catalog, std::map<std::string, Kinds> readers, Bounds bounds)
    : catalog_(catalog), bounds_(bounds) {
  for (auto& [name, kinds] : readers) readers_[name].kinds = std::move(kinds);
}

Result<> EventQueue::load(Others others) {
  const Lock lock(mutex_);
  auto events = catalog_.state().events();
  const auto known = events.readers();
  if (!known) return failure(known.error());
  // Numbers go on behind those of before, also when all of those are gone.
  for (const auto& [name, passed] : *known) newest_ = std::max(newest_, passed);
  auto read = events.each_after(0, [&](uint64_t number, std::string_view value) REQUIRES(mutex_) {
    const auto event = decode_event(value);
    rows_.push_back({number, value.size(), event ? event->at : Time()});
    bytes_ += value.size();
    newest_ = std::max(newest_, number);
    return true;
  });
  if (!read) return read;
  CatalogEvents::Change change;
  for (const auto& [name, passed] : *known) {
    if (readers_.contains(name)) continue;
    if (others == Others::forgotten) change.forgotten.push_back(name);
    if (others == Others::kept) readers_[name];  // it wants nothing more, and has what waits for it
  }
  for (auto& [name, reader] : readers_) {
    const auto found = known->find(name);
    reader.is_recorded = found != known->end();
    reader.passed = reader.is_recorded ? found->second : newest_;
  }
  add_unrecorded(change);
  const uint64_t passed = passed_by_all();
  const uint64_t first = rows_.empty() ? 0 : rows_.front().number;
  while (!rows_.empty() && rows_.front().number <= passed) {
    change.delete_from = first;
    change.delete_to = rows_.front().number;
    bytes_ -= rows_.front().bytes;
    rows_.pop_front();
  }
  const bool is_new = !change.forgotten.empty() || !change.readers.empty() || change.delete_to > 0;
  if (is_new && events.write(change, Durability::buffered)) note_recorded(change);
  return {};
}

// Where a reader begins that the catalog does not know.
void EventQueue::add_unrecorded(CatalogEvents::Change& change) const {
  for (const auto& [name, reader] : readers_) {
    if (!reader.is_recorded) change.readers[name] = reader.passed;
  }
}

void EventQueue::note_recorded(const CatalogEvents::Change& change) {
  for (const auto& [name, passed] : change.readers) readers_.at(name).is_recorded = true;
}

Result<> EventQueue::note(const std::vector<Event>& events, Durability durability) {
  auto kept = keep(events);
  if (!kept) return failure(kept.error());
  noted_(events);
  return *kept && durability == Durability::synced ? catalog_.sync() : Result<>();
}

Result<bool> EventQueue::note_if_room(const Event& event) {
  const bool is_dropped = drop_if_half_full(event);
  auto kept = is_dropped ? Result<bool>(false) : keep({event});
  if (!kept) return failure(kept.error());
  noted_({event});
  return !is_dropped;
}

bool EventQueue::drop_if_half_full(const Event& event) {
  const Lock lock(mutex_);
  if (rows_.size() < bounds_.rows_max / 2 && bytes_ < bounds_.bytes_max / 2) return false;
  for (auto& [name, reader] : readers_) reader.dropped += reader.kinds.contains(event.kind) ? 1 : 0;
  return is_wanted(event);
}

bool EventQueue::is_wanted(const Event& event) const {
  return std::any_of(readers_.begin(), readers_.end(),
                     [&](const auto& reader) { return reader.second.kinds.contains(event.kind); });
}

// Whether any is wanted.
Result<bool> EventQueue::keep(const std::vector<Event>& events) {
  CatalogEvents::Change change;
  const Lock lock(mutex_);
  for (const Event& event : events) {
    if (is_wanted(event)) change.put.push_back({newest_ + change.put.size() + 1, encode(event)});
  }
  if (change.put.empty()) return false;
  uint64_t rows = rows_.size() + change.put.size(), bytes = bytes_;
  for (const auto& row : change.put) bytes += row.value.size();
  size_t dropped = 0;
  for (; dropped < rows_.size() && (rows > bounds_.rows_max || bytes > bounds_.bytes_max); ++dropped, --rows)
    bytes -= rows_[dropped].bytes;
  if (dropped > 0) {
    change.delete_from = rows_.front().number;
    change.delete_to = rows_[dropped - 1].number;
  }
  add_unrecorded(change);
  // Under the lock, so that the rows become true in the order of their numbers.
  auto written = catalog_.state().events().write(change, Durability::buffered);
  if (!written) return failure(written.error());
  note_recorded(change);
  for (auto& [name, reader] : readers_) {
    for (size_t i = 0; i < dropped; ++i) reader.dropped += rows_[i].number > reader.passed ? 1 : 0;
    reader.passed = std::max(reader.passed, change.delete_to);
  }
  rows_.erase(rows_.begin(), rows_.begin() + static_cast<ptrdiff_t>(dropped));
  const Time at = events.front().at;
  for (const auto& row : change.put) rows_.push_back({row.number, row.value.size(), at});
  bytes_ = bytes;
  newest_ = change.put.back().number;
  return true;
}

Result<std::optional<EventQueue::Numbered>> EventQueue::next(const std::string& name) {
  Kinds kinds;
  uint64_t passed = 0;
  {
    const Lock lock(mutex_);
    const Reader& reader = readers_.at(name);
    kinds = reader.kinds;
    passed = reader.passed;
  }
  std::optional<Numbered> found;
  uint64_t unwanted = passed;
  const auto read =
      catalog_.state().events().each_after(passed, [&](uint64_t number, std::string_view value) {
        auto event = decode_event(value);
        // What nobody can read any more is not waited for.
        if (event && kinds.contains(event->kind)) {
          found = Numbered{number, *std::move(event)};
          return false;
        }
        unwanted = number;
        return true;
      });
  if (!read) return failure(read.error());
  if (auto gone = unwanted > passed ? pass(name, unwanted) : Result<>(); !gone) return failure(gone.error());
  return found;
}

Result<> EventQueue::pass(const std::string& name, uint64_t number) {
  const Lock lock(mutex_);
  Reader& reader = readers_.at(name);
  if (number <= reader.passed) return {};  // it was dropped meanwhile
  const uint64_t before = std::exchange(reader.passed, number);
  CatalogEvents::Change change;
  change.readers[name] = number;
  const uint64_t passed = passed_by_all();
  size_t gone = 0;
  while (gone < rows_.size() && rows_[gone].number <= passed) ++gone;
  if (gone > 0) {
    change.delete_from = rows_.front().number;
    change.delete_to = rows_[gone - 1].number;
  }
  if (auto written = catalog_.state().events().write(change, Durability::buffered); !written) {
    reader.passed = before;
    return written;
  }
  note_recorded(change);
  for (size_t i = 0; i < gone; ++i) bytes_ -= rows_[i].bytes;
  rows_.erase(rows_.begin(), rows_.begin() + static_cast<ptrdiff_t>(gone));
  return {};
}

uint64_t EventQueue::passed_by_all() const {
  uint64_t passed = newest_;
  for (const auto& [name, reader] : readers_) passed = std::min(passed, reader.passed);
  return passed;
}

EventQueue::ReaderStats EventQueue::stats(const std::string& name) const {
  const Lock lock(mutex_);
  const auto found = readers_.find(name);
  if (found == readers_.end()) return {};
  ReaderStats stats;
  stats.dropped = found->second.dropped;
  const auto first = std::find_if(rows_.begin(), rows_.end(),
                                  [&](const Row& row) { return row.number > found->second.passed; });
  stats.waiting = static_cast<uint64_t>(rows_.end() - first);
  if (first != rows_.end()) stats.oldest_at = first->at;
  return stats;
}

uint64_t EventQueue::rows() const {
  const Lock lock(mutex_);
  return rows_.size();
}

}  // namespace breakwater::store
