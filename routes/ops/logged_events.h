// Makes events of what the log is told: of upkeep, which deletes tags by policy and for room, of what is
// broken and healed, and of upstreams. Each of these facts is an event of the log, at the one place where it
// is known. All lines go on to the log behind it.
//
// From any thread; never blocks. The events wait, up to kWaitingMax, until somebody takes them: a write to
// the catalog may block, and the loop logs too.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "store/base/clock.h"
#include "store/base/log.h"
#include "store/base/mutex.h"
#include "store/catalog/event_record.h"

namespace breakwater::routes {

class LoggedEvents final : public store::Log {
 public:
  static constexpr size_t kWaitingMax = 10'000;

  // Both outlive it.
  LoggedEvents(store::Log& log, const store::Clock& clock) : log_(log), clock_(clock) {}

  void write(Level level, std::string_view event, std::span<const Field> fields) override;
  void write_last_words() noexcept override { log_.write_last_words(); }

  // Those that have come, the oldest first.
  std::vector<store::Event> take();
  uint64_t lost() const;  // more came than may wait
  // Called behind each that came, from its thread: it must not block.
  void observe(std::function<void()> came);

 private:
  store::Log& log_;
  const store::Clock& clock_;
  mutable store::Mutex mutex_;
  std::deque<store::Event> waiting_ GUARDED_BY(mutex_);
  uint64_t lost_ GUARDED_BY(mutex_) = 0;
  std::function<void()> came_ GUARDED_BY(mutex_);
};

}  // namespace breakwater::routes
