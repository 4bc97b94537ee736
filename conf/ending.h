// How the process ends: SIGTERM and SIGINT, and a bound that holds whatever hangs: a worker in a system call,
// a disk, a stderr that nobody reads, a destructor, the loop itself. When the bound has passed the process
// ends at once; it says so first, if it can. What was acknowledged is on the disk by then, as it is in a
// power cut, and the kernel lets the folder's lock go last.
//
//   starting --serve()--> serving --signal--> ending (drain_timeout and two seconds) --signal--> two seconds
//       `-- signal: the process ends by it, as by default
//
// A thread of its own waits for the signals, because the loop may be what hangs. It ends with the process.
#pragma once

#include <cstdint>
#include <functional>

#include "store/base/log.h"

namespace breakwater::conf {

class Ending {
 public:
  // To be made before any other thread: the signals are blocked in this one and in all that it starts.
  Ending();
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;
  ~Ending() = default;  // the bound holds on: what comes after this may hang too

  // From now on each signal calls `received`, on a thread of its own.
  void serve(int64_t drain_timeout_ms, std::function<void()> received, store::Log& log);
  // `received` is not called any more when this returns; the bound holds on.
  void stop_terminating();
  // Nor is the log used.
  void stop_serving();

 private:
  struct Watch;
  Watch& watch_;  // for ever
};

}  // namespace breakwater::conf
