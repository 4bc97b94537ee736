// Waiting for capacity that will soon be free: bytes of dead content that only a short lease still keeps. A
// push waits for them instead of failing, because some clients do not push again. Those who wait try again
// one after the other, the first come first; nobody waits for longer than kCapacityWaitMax. Belongs to the
// loop's thread.
//
//   CapacityLine::Place place(line);
//   while (!(taken = take()) && co_await place.wait(taken.error())) {}
#pragma once

#include <list>
#include <optional>

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "store/base/result.h"

namespace breakwater::routes {

inline constexpr proxy::Millis kCapacityWaitMax = proxy::Millis(15'000);

class CapacityLine {
 public:
  explicit CapacityLine(proxy::Loop& loop) : loop_(loop), moved_(loop) {}

  // One operation that needs capacity. It joins the line when it first waits, and leaves it when it ends.
  class Place;

 private:
  proxy::Loop& loop_;
  proxy::Signal moved_;
  std::list<const Place*> places_;
};

class CapacityLine::Place {
 public:
  explicit Place(CapacityLine& line) : line_(line), deadline_(line.loop_.now() + kCapacityWaitMax) {}
  ~Place();
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  // True if the operation that failed with `error` should be tried again now: it is the first in line and a
  // pause has passed, or its time is over and this is the last try. False for any other error, for a store
  // that is full for longer, and after the last try.
  proxy::Task<bool> wait(Error error);

 private:
  bool is_first() const { return line_.places_.front() == this; }

  CapacityLine& line_;
  const proxy::Moment deadline_;
  std::optional<std::list<const Place*>::iterator> at_;
};

}  // namespace breakwater::routes
