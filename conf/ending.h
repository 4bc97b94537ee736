// What signals ask for: SIGTERM ends the process, and so does SIGINT, for a restart if it has a service
// manager; SIGHUP reads the configuration anew, SIGUSR2 puts a new process in the place of this one, and
// SIGUSR1 does nothing.
//
// The end has a bound that holds whatever hangs: a worker in a system call, a disk, a stderr that nobody
// reads, a destructor, the loop itself. When the bound has passed the process ends at once; it says so first,
// if it can. What was acknowledged is on the disk by then, as it is in a power cut, and the kernel lets the
// folder's lock go last. For a restart the bound is twelve seconds at least.
//
//   starting --serve()--> serving --signal--> ending (drain_timeout and two seconds) --signal--> two seconds
//       `-- signal: the process ends by it, as by default
//
// Between stop_asking() and the next serve(), while what serves is built anew, signals are kept for it.
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

  // What each signal calls, on a thread of its own.
  struct Asked {
    std::function<void()> terminate;
    std::function<void()> restart = nullptr;  // then SIGINT terminates
    std::function<void()> reload = [] {};
    std::function<void()> replace = [] {};
  };
  // From now on; at once what was asked for since stop_asking().
  void serve(int64_t drain_timeout_ms, Asked asked, store::Log& log);
  // Nothing is called any more when this returns; the bound holds on.
  void stop_asking();
  // Nor is the log used.
  void stop_serving();

 private:
  struct Watch;
  Watch& watch_;  // for ever
};

}  // namespace breakwater::conf
