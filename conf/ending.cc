#include "conf/ending.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "store/base/mutex.h"

namespace breakwater::conf {
namespace {

using Clock = std::chrono::steady_clock;

// After the drain, for all that has to be closed. Last words may take half a second more.
constexpr auto kClosingMax = std::chrono::milliseconds(1'400);
// What letting go may take before a restart, if a push is being stored.
constexpr auto kLettingGoMax = std::chrono::milliseconds(10'500);
constexpr int kBoundPassed = 1;  // exit status

bool ends(int number) { return number == SIGTERM || number == SIGINT; }

sigset_t asking_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&signals, number);
  return signals;
}

// The next signal, or nothing when the deadline has passed.
std::optional<int> next_signal(const sigset_t& signals, std::optional<Clock::time_point> deadline) {
  for (;;) {
    int number;
    if (deadline) {
      const auto left =
          std::max(std::chrono::nanoseconds(*deadline - Clock::now()), std::chrono::nanoseconds(0));
      timespec wait{};
      wait.tv_sec = static_cast<time_t>(left.count() / 1'000'000'000);
      wait.tv_nsec = static_cast<long>(left.count() % 1'000'000'000);
      number = sigtimedwait(&signals, nullptr, &wait);
    } else {
      number = sigwaitinfo(&signals, nullptr);
    }
    if (number > 0) return number;
    if (errno == EAGAIN) return std::nullopt;
  }
}

// As if nobody had asked for the signal.
[[noreturn]] void end_by(int number) {
  (void)std::signal(number, SIG_DFL);
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, number);
  pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  (void)::raise(number);
  ::_exit(kBoundPassed);
}

}  // namespace

struct Ending::Watch {
  [[noreturn]] void run();
  std::optional<Clock::duration> tell(int number);
  void call(int number) REQUIRES(mutex);
  bool restarts(int number) const REQUIRES(mutex);
  void say_last_words();

  const sigset_t signals = asking_signals();
  store::Mutex mutex;  // held while somebody is told, so that nobody is told any more once it is taken away
  std::optional<Asked> asked GUARDED_BY(mutex);
  std::vector<int> kept GUARDED_BY(mutex);  // signals that came while there was nobody to tell
  store::Log* log GUARDED_BY(mutex) = nullptr;
  bool has_served GUARDED_BY(mutex) = false;
  Clock::duration drain GUARDED_BY(mutex){};
};

[[noreturn]] void Ending::Watch::run() {
  std::optional<Clock::time_point> deadline;
  for (;;) {
    const auto number = next_signal(signals, deadline);
    if (!number) {
      say_last_words();
      ::_exit(kBoundPassed);
    }
    const auto drain_time = tell(*number);
    if (!ends(*number)) continue;
    if (!drain_time) end_by(*number);
    // A second signal ends the drain.
    const auto end = Clock::now() + kClosingMax + (deadline ? Clock::duration() : *drain_time);
    deadline = std::min(deadline.value_or(end), end);
  }
}

// How long the drain, or letting go, may take; nothing if nobody serves yet.
std::optional<Clock::duration> Ending::Watch::tell(int number) {
  const store::Lock lock(mutex);
  if (asked) {
    call(number);
  } else {
    kept.push_back(number);
  }
  if (!has_served) return std::nullopt;
  return restarts(number) ? std::max<Clock::duration>(drain, kLettingGoMax) : drain;
}

bool Ending::Watch::restarts(int number) const { return number == SIGINT && asked && asked->restart; }

void Ending::Watch::call(int number) {
  if (restarts(number)) {
    asked->restart();
  } else if (ends(number)) {
    asked->terminate();
  }
  if (number == SIGHUP) asked->reload();
  if (number == SIGUSR2) asked->replace();
}

void Ending::Watch::say_last_words() {
  // Whoever holds the mutex may be what hangs.
  if (!mutex.try_lock()) return;
  if (log != nullptr) {
    log->error("ended_by_force", {{"reason", "something hangs, and the time to end in has passed"}});
    log->write_last_words();
  }
  mutex.unlock();
}

Ending::Ending() : watch_(*new Watch) {
  pthread_sigmask(SIG_BLOCK, &watch_.signals, nullptr);
  std::thread([&watch = watch_] { watch.run(); }).detach();
}

void Ending::serve(int64_t drain_timeout_ms, Asked asked, store::Log& log) {
  const store::Lock lock(watch_.mutex);
  watch_.asked = std::move(asked);
  watch_.log = &log;
  watch_.drain = std::chrono::milliseconds(drain_timeout_ms);
  watch_.has_served = true;
  for (const int number : std::exchange(watch_.kept, {})) watch_.call(number);
}

void Ending::stop_asking() {
  const store::Lock lock(watch_.mutex);
  watch_.asked.reset();
}

void Ending::stop_serving() {
  const store::Lock lock(watch_.mutex);
  watch_.asked.reset();
  watch_.log = nullptr;
}

}  // namespace breakwater::conf
