#include "proxy/loop/unix_signals.h"

#include <event2/event.h>

#include <utility>

namespace breakwater::proxy {

struct UnixSignals::Watch {
  Watch(UnixSignals& signals, event_base* base, int number)
      : owner(signals),
        event(evsignal_new(
            base, number,
            [](evutil_socket_t arrived, short, void* self) {
              static_cast<Watch*>(self)->owner.received_(static_cast<int>(arrived));
            },
            this)) {
    evsignal_add(event, nullptr);
  }
  ~Watch() { event_free(event); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  UnixSignals& owner;
  struct event* event;
};

UnixSignals::UnixSignals(Loop& loop, const std::vector<int>& numbers, std::function<void(int)> received)
    : received_(std::move(received)) {
  for (const int number : numbers) watches_.push_back(std::make_unique<Watch>(*this, loop.base(), number));
}
UnixSignals::~UnixSignals() = default;

}  // namespace breakwater::proxy
