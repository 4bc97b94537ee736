// Makes events of what the log is told: of upkeep, which deletes tags by policy and for room, of what is
// broken and healed, and of upstreams. Each of these facts is an event of the log, at the one place where it
// is known. All lines go on to the log behind it.
//
// An upstream that comes and goes floods nobody: of each, `upstream` events tell what it is once it differs
// from what was told last, at most once in kUpstreamQuiet, and in the end what it has become. Whether it
// takes the credentials is told apart from that.
//
// From any thread; never blocks. The events wait, up to kWaitingMax, until somebody takes them: a write to
// the catalog may block, and the loop logs too.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "store/base/clock.h"
#include "store/base/log.h"
#include "store/base/mutex.h"
#include "store/catalog/event_record.h"

namespace breakwater::routes {

class LoggedEvents final : public store::Log {
 public:
  static constexpr size_t kWaitingMax = 10'000;
  static constexpr size_t kUpstreamsMax = 1'000;  // of those that it knows what was told of them
  static constexpr std::chrono::seconds kUpstreamQuiet{60};

  // Both outlive it.
  LoggedEvents(store::Log& log, const store::Clock& clock) : log_(log), clock_(clock) {}

  void write(Level level, std::string_view event, std::span<const Field> fields) override;
  void write_last_words() noexcept override { log_.write_last_words(); }

  // Those that have come, the oldest first.
  std::vector<store::Event> take();
  // When there will be some without any coming, because an upstream was told of too lately.
  std::optional<store::Time::duration> due_in() const;
  uint64_t lost() const;  // more came than may wait
  // Called behind each that came, from its thread: it must not block.
  void observe(std::function<void()> came);

 private:
  struct Upstream {
    std::string told;  // the last action
    store::Time quiet_until{};
    std::optional<store::Event> waits;
  };
  void wait(store::Event event) REQUIRES(mutex_);
  void hear(const std::string& host, store::Event event) REQUIRES(mutex_);
  void tell(Upstream& upstream, store::Event event) REQUIRES(mutex_);
  void forget_upstreams() REQUIRES(mutex_);

  store::Log& log_;
  const store::Clock& clock_;
  mutable store::Mutex mutex_;
  std::deque<store::Event> waiting_ GUARDED_BY(mutex_);
  // By the route, the host, and whether it is about credentials.
  std::map<std::tuple<std::string, std::string, bool>, Upstream> upstreams_ GUARDED_BY(mutex_);
  uint64_t lost_ GUARDED_BY(mutex_) = 0;
  std::function<void()> came_ GUARDED_BY(mutex_);
};

}  // namespace breakwater::routes
