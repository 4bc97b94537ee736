#include "proxy/loop/loop.h"

#include <event2/event.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <new>
#include <utility>

namespace breakwater::proxy {
namespace {

constexpr Millis kTurn(5);  // then the loop looks for what has come meanwhile, whatever is left to do
// What the first place may take of the loop before it has to go in turn, so that its own many cannot starve
// the others.
constexpr Millis kFirstMax(10);
constexpr Millis kFirstOf(50);
constexpr int kCallbacksInTurnMax = 64;  // likewise; counted, because the clock costs as much as a callback
constexpr int kPlaces = 2;

timeval to_timeval(std::chrono::nanoseconds duration) {
  // Rounds up, because a timer must not fire before its moment.
  auto micros =
      std::chrono::ceil<std::chrono::microseconds>(std::max(duration, std::chrono::nanoseconds(0))).count();
  timeval result{};
  result.tv_sec = static_cast<time_t>(micros / 1'000'000);
  result.tv_usec = static_cast<suseconds_t>(micros % 1'000'000);
  return result;
}

event_base* make_base() {
  event_config* config = event_config_new();
  if (config == nullptr) throw std::bad_alloc();
  // libevent needs no locks: other threads reach the loop only through the eventfd.
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  // Events of the first place are never cut short by this.
  event_config_set_max_dispatch_interval(config, nullptr, kCallbacksInTurnMax,
                                         Loop::priority_of(Place::in_turn));
  event_base* base = event_base_new_with_config(config);
  event_config_free(config);
  if (base == nullptr || event_base_priority_init(base, kPlaces) != 0) throw std::bad_alloc();
  return base;
}

event* start_timer(const Loop& loop, std::chrono::nanoseconds duration, event_callback_fn fired,
                   void* argument) {
  event* timer = evtimer_new(loop.base(), fired, argument);
  if (timer == nullptr) throw std::bad_alloc();
  event_priority_set(timer, Loop::priority_of(loop.place()));
  timeval after = to_timeval(duration);
  if (evtimer_add(timer, &after) != 0) {
    event_free(timer);
    throw std::bad_alloc();
  }
  return timer;
}

}  // namespace

void Waiter::move_all_to(Waiter& list) {
  if (empty()) return;
  Waiter* first = next_;
  Waiter* last = prev_;
  prev_ = next_ = this;
  first->prev_ = list.prev_;
  list.prev_->next_ = first;
  last->next_ = &list;
  list.prev_ = last;
}

Loop::Loop() : base_(make_base()), posted_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  wake_ = event_new(
      base_, -1, 0, [](evutil_socket_t, short, void* self) { static_cast<Loop*>(self)->resume_ready(); },
      this);
  wake_first_ = event_new(
      base_, -1, 0, [](evutil_socket_t, short, void* self) { static_cast<Loop*>(self)->resume_first(); },
      this);
  posted_event_ = event_new(
      base_, posted_fd_, EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) { static_cast<Loop*>(self)->run_posted(); }, this);
  if (wake_ == nullptr || wake_first_ == nullptr || posted_event_ == nullptr || posted_fd_ < 0)
    throw std::bad_alloc();
  event_priority_set(wake_first_, priority_of(Place::first));
  if (event_add(posted_event_, nullptr) != 0) throw std::bad_alloc();
}

Loop::~Loop() {
  event_free(wake_);
  event_free(wake_first_);
  event_free(posted_event_);
  close(posted_fd_);
  event_base_free(base_);
}

void Loop::run() {
  while (!stopping_) event_base_loop(base_, EVLOOP_ONCE);
  stopping_ = false;
}

void Loop::stop() {
  stopping_ = true;
  event_base_loopbreak(base_);
}

void Loop::resume_soon(Waiter& list) {
  while (!list.empty()) {
    Waiter& waiter = list.next();
    waiter.leave();
    const bool is_first = waiter.place == Place::first;
    Waiter& ready = is_first ? ready_first_ : ready_;
    if (ready.empty()) event_active(is_first ? wake_first_ : wake_, 0, 0);
    waiter.join(ready);
  }
}

void Loop::resume_first() {
  const Moment began = now();
  if (began >= first_spent_since_ + kFirstOf) {
    first_spent_since_ = began;
    first_spent_ = {};
  }
  Waiter batch;
  ready_first_.move_all_to(batch);
  if (first_spent_ < kFirstMax) {
    resume_all(batch, Moment::max());
    first_spent_ += now() - began;
    return resume_soon(batch);  // those that stop() has left
  }
  if (ready_.empty()) event_active(wake_, 0, 0);
  batch.move_all_to(ready_);
}

// Those whose turn did not come are late. They have half of each turn, and those that are ready since then
// the other half, so that neither waits for all of the others. Who goes first alternates, because the first
// may take it all.
void Loop::resume_ready() {
  const Moment began = now();
  Waiter fresh;
  ready_.move_all_to(fresh);
  is_late_first_ = !is_late_first_;
  if (is_late_first_) resume_all(late_, began + kTurn / 2);
  const bool have_time = now() < began + kTurn;
  resume_all(fresh, is_late_first_ ? began + kTurn : began + kTurn / 2);
  if (!is_late_first_) resume_all(late_, began + kTurn);
  if (have_time) {
    fresh.move_all_to(late_);
  } else {
    ready_.move_all_to(fresh);
    fresh.move_all_to(ready_);
  }
  if (late_.empty() && ready_.empty()) return;
  event_active(wake_, 0, 0);
  look_again();
}

// What is active already, wake_ among it, stays so, and would be gone through to its end without this.
void Loop::look_again() {
  looked_again_ = now();
  event_base_loopcontinue(base_);
}

void Loop::resume_all(Waiter& batch, Moment turn_ends) {
  // One ends when the next begins: the clock is read once for each.
  Moment began = now();
  while (!batch.empty() && !stopping_ && began < turn_ends) {
    Waiter& waiter = batch.next();
    waiter.leave();
    work_ = waiter.work;
    place_ = waiter.place;
    waiter.task.resume();
    began = end_hold(began);
  }
}

void Loop::post(std::function<void()> job) {
  bool first;
  {
    const store::Lock lock(posted_mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(job));
  }
  if (first) eventfd_write(posted_fd_, 1);
}

void Loop::run_posted() {
  const Hold hold(*this, "what other threads have posted");
  eventfd_t rung;
  eventfd_read(posted_fd_, &rung);
  std::vector<std::function<void()>> jobs;
  {
    const store::Lock lock(posted_mutex_);
    jobs.swap(posted_);
  }
  for (auto& job : jobs) job();
}

void Loop::watch(Millis at_least, std::function<void(std::string_view, Millis)> held) {
  held_at_least_ = at_least;
  held_ = std::move(held);
}

double Loop::take_lag_seconds() {
  return std::chrono::duration<double>(std::exchange(longest_hold_, {})).count();
}

// What the Task was about when it stopped is what held the loop: it may have begun another request.
Moment Loop::end_hold(Moment began) {
  const auto ended = now();
  const auto time = ended - began;
  longest_hold_ = std::max(longest_hold_, std::chrono::nanoseconds(time));
  if (time >= held_at_least_) held_(works_.words_of(work_), std::chrono::duration_cast<Millis>(time));
  work_ = 0;
  place_ = Place::in_turn;
  if (ended - looked_again_ >= kTurn) look_again();
  return ended;
}

Loop::Sleep Loop::sleep(Millis duration) { return Sleep(*this, duration); }

void Loop::Sleep::await_suspend(std::coroutine_handle<> task) {
  task_ = task;
  work_ = loop_.work();
  place_ = loop_.place();
  auto fired = [](evutil_socket_t, short, void* argument) {
    auto* self = static_cast<Sleep*>(argument);
    const Hold hold(self->loop_, self->work_, self->place_);
    self->task_.resume();
  };
  timer_ = start_timer(loop_, duration_, fired, this);
}

Loop::Sleep::~Sleep() {
  if (timer_ != nullptr) event_free(timer_);
}

Signal::WaitUntil Signal::wait_until(Moment deadline) { return WaitUntil(loop_, waiters_, deadline); }

void Signal::WaitUntil::await_suspend(std::coroutine_handle<> waiting) {
  task = waiting;
  work = loop_.work();
  place = loop_.place();
  join(list_);
  auto fired = [](evutil_socket_t, short, void* argument) {
    auto* self = static_cast<WaitUntil*>(argument);
    Waiter one;
    self->leave();
    self->join(one);
    self->loop_.resume_soon(one);
  };
  timer_ = start_timer(loop_, deadline_ - loop_.now(), fired, this);
}

void Signal::WaitUntil::await_resume() { event_free(std::exchange(timer_, nullptr)); }

Signal::WaitUntil::~WaitUntil() {
  if (timer_ != nullptr) event_free(timer_);
}

struct Tasks::Running {
  Task<> task;
  bool ended = false;
};

Tasks::Tasks(Loop& loop) : ended_(loop), one_ended_(loop) {
  reaper_ = reap();
  reaper_.start();
}

Tasks::~Tasks() = default;

void Tasks::spawn(Task<> task) {
  running_.push_back(std::make_unique<Running>());
  Running& running = *running_.back();
  running.task = run(std::move(task), running);
  running.task.start();
}

Task<> Tasks::run(Task<> task, Running& running) {
  try {
    co_await std::move(task);
  } catch (...) {
    std::terminate();
  }
  running.ended = true;
  one_ended_.ring();
}

// Destroys the Tasks that have ended. The reaper is a Task of its own and is resumed from the top of the
// loop, so it never destroys a Task from within that Task.
Task<> Tasks::reap() {
  for (;;) {
    auto removed = std::erase_if(running_, [](const auto& running) { return running->ended; });
    if (removed > 0) ended_.ring();
    co_await one_ended_.wait();
  }
}

}  // namespace breakwater::proxy
