// Ctrl-C and SIGTERM while a verb does something long: the first asks it to stop where nothing is left half
// done, the second ends the process. While an object lives no other thread of the process has these signals,
// so it is made before other threads are. One at a time.
#pragma once

#include <csignal>
#include <stop_token>
#include <thread>

namespace breakwater::conf {

class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  std::stop_token stop() const { return stop_.get_token(); }

 private:
  void wait(const std::stop_token& end);

  sigset_t before_{};
  std::stop_source stop_;
  std::jthread thread_;
};

}  // namespace breakwater::conf
