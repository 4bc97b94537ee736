// Waiting for capacity, by pushes that found none.
//
// For what will soon be free: bytes of dead content that only a short lease still keeps. A push waits for
// them instead of failing, because some clients do not push again. Those who wait try again one after the
// other, the first come first.
//
// For what others of them will give back: when several meet a full store at once, each with a part of its
// body received, the newest is refused for the others' sake. What it held makes room, the oldest tries again,
// and so on; so the oldest of all is refused only if it would not fit alone, and never all of them. One that
// is alone in line waits for those that were trying when it came: they may be about to join it.
//
// Nobody waits for longer than kCapacityWaitMax. Belongs to the loop's thread.
//
//   CapacityLine::Place place(line);
//   do {
//     place.trying();
//     taken = take();
//     again = !taken && co_await place.wait(taken.error());
//   } while (again);
//   ... give back what was held, if !taken; then the Place ends
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "store/base/result.h"

namespace breakwater::routes {

inline constexpr proxy::Millis kCapacityWaitMax = proxy::Millis(15'000);

class CapacityLine {
 public:
  explicit CapacityLine(proxy::Loop& loop) : loop_(loop), moved_(loop) {}

  // One operation that needs capacity, the older the sooner made. It joins the line when it first waits, and
  // leaves it with leave() or when it ends.
  class Place;

 private:
  using Line = std::map<uint64_t, Place*>;  // by age, the oldest first

  proxy::Loop& loop_;
  proxy::Signal moved_;  // rings when anything below changed
  Line for_leases_;
  Line for_others_;
  std::set<uint64_t> trying_;  // the tries that have not ended, by when they began
  uint64_t next_number_ = 0;
  uint64_t next_try_ = 0;
  uint64_t giving_back_ = 0;  // refused, and what they held is not yet free
  uint64_t given_back_ = 0;   // how many such have ended
};

class CapacityLine::Place {
 public:
  explicit Place(CapacityLine& line) : line_(line), number_(line.next_number_++) {}
  // What it held is free now, if it was refused.
  ~Place() { leave(); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  // Called before each try, which wait() or leave() ends: what is given back from now on is worth another.
  void trying();
  // True if the operation that failed with `error` should be tried again now. False for an error that is not
  // `full`, for a store that is full for longer, and when its time is over; this Place is refused then, and
  // others wait for what it gives back until it ends.
  proxy::Task<bool> wait(Error error);
  // Called when it found room: others need not wait for it. It may wait again, with all its time.
  void leave();

 private:
  proxy::Task<bool> wait_for_lease();
  proxy::Task<bool> wait_for_others();
  bool is_first(const Line& line) const { return line.begin()->second == this; }
  void end_try();
  void step_out();
  void refuse();

  CapacityLine& line_;
  const uint64_t number_;
  uint64_t seen_ = 0;
  std::optional<uint64_t> try_;
  bool is_refused_ = false;
  std::optional<proxy::Moment> deadline_;  // since it began to wait
};

}  // namespace breakwater::routes
