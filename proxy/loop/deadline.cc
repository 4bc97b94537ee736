#include "proxy/loop/deadline.h"

#include <event2/event.h>

#include <new>
#include <utility>

namespace breakwater::proxy {

Deadline::Deadline(Loop& loop, std::function<void()> on_passed)
    : loop_(loop),
      on_passed_(std::move(on_passed)),
      timer_(evtimer_new(
          loop.base(), [](evutil_socket_t, short, void* self) { static_cast<Deadline*>(self)->fired(); },
          this)) {
  if (timer_ == nullptr) throw std::bad_alloc();
}

Deadline::~Deadline() { event_free(timer_); }

void Deadline::set(int64_t ms) {
  Moment now = loop_.now();
  due_ = now + Millis(ms);
  passed_ = false;
  if (due_ < armed_) arm(now);
}

void Deadline::clear() {
  due_ = Moment::max();
  passed_ = false;
}

void Deadline::arm(Moment now) {
  auto micros = std::chrono::ceil<std::chrono::microseconds>(due_ - now).count();
  timeval after{};
  after.tv_sec = static_cast<time_t>(micros / 1'000'000);
  after.tv_usec = static_cast<suseconds_t>(micros % 1'000'000);
  evtimer_add(timer_, &after);
  armed_ = due_;
}

void Deadline::fired() {
  armed_ = Moment::max();
  if (due_ == Moment::max()) return;
  Moment now = loop_.now();
  if (now < due_) return arm(now);
  due_ = Moment::max();
  passed_ = true;
  on_passed_();
}

}  // namespace breakwater::proxy
