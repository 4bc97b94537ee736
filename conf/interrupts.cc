#include "conf/interrupts.h"

#include <unistd.h>

#include <ctime>

namespace breakwater::conf {
namespace {

constexpr long kLookForEndEvery_ns = 50'000'000;
constexpr int kKilledBySignal = 128;  // and the signal's number, as shells have it

sigset_t interrupting() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

Interrupts::Interrupts() {
  const sigset_t signals = interrupting();
  (void)::pthread_sigmask(SIG_BLOCK, &signals, &before_);
  thread_ = std::jthread([this](const std::stop_token& end) { wait(end); });
}

Interrupts::~Interrupts() {
  thread_.request_stop();
  thread_.join();
  (void)::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Interrupts::wait(const std::stop_token& end) {
  const sigset_t signals = interrupting();
  const timespec moment{0, kLookForEndEvery_ns};
  while (!end.stop_requested()) {
    const int got = ::sigtimedwait(&signals, nullptr, &moment);
    if (got <= 0) continue;
    if (!stop_.request_stop()) ::_exit(kKilledBySignal + got);
  }
}

}  // namespace breakwater::conf
