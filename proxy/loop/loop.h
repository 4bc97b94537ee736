// The event loop, and what a Task can wait for on it: a moment (sleep) and a Signal.
//
// Tasks are only ever resumed from run(), never from inside another call. So code that rings a Signal, or
// that libevent or libcurl called, is neither re-entered nor destroyed while it runs. Everything here belongs
// to the loop's thread, except post().
//
// However many are ready, nobody waits for all of them: after 5 ms the loop looks again what has come
// meanwhile, and what has become ready meanwhile has half of the next 5 ms. What belongs to the first Place
// then goes before all others, up to a fifth of the time: health, metrics and the operator's questions are
// answered soon whatever else there is to do.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string_view>
#include <vector>

#include "proxy/loop/loop_work.h"
#include "proxy/loop/task.h"
#include "store/base/mutex.h"

struct event;
struct event_base;

namespace breakwater::proxy {

using Millis = std::chrono::milliseconds;
using Moment = std::chrono::steady_clock::time_point;

// Where a Task, and the sockets that it waits for, stand among those that are ready.
enum class Place : uint8_t { first, in_turn };

// A suspended Task and its place in a circular list of waiters, whose head is a Waiter too. The destructor
// takes the Waiter out of the list.
class Waiter {
 public:
  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() { leave(); }

  bool empty() const { return next_ == this; }
  Waiter& next() { return *next_; }
  void leave() {
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = this;
  }
  void join(Waiter& list) {
    prev_ = list.prev_;
    next_ = &list;
    prev_->next_ = this;
    list.prev_ = this;
  }
  void move_all_to(Waiter& list);

  std::coroutine_handle<> task;
  Work work = 0;
  Place place = Place::in_turn;

 private:
  Waiter* prev_ = this;
  Waiter* next_ = this;
};

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  event_base* base() const { return base_; }
  void run();  // Returns after stop(), at once if stop() was called before.
  // Makes run() return when the current callback has. Tasks that are ready then are resumed by the next
  // run().
  void stop();
  Moment now() const { return std::chrono::steady_clock::now(); }

  // Resumes every Task of `list` from the top of the loop, those of the first place before the others, and
  // else in the list's order, as far as they fit into one turn.
  void resume_soon(Waiter& list);

  // Runs `job` from the top of the loop. This is the one call that any thread may make.
  void post(std::function<void()> job);

  // co_await loop.sleep(Millis(5));
  class Sleep;
  Sleep sleep(Millis duration);

  // Says what the Task that runs now is about; see loop_work.h.
  void set_work(std::string_view subject, std::string_view object = {}) {
    work_ = works_.add(subject, object);
  }
  Work work() const { return work_; }
  // The place of what runs now. Its waits, and the Tasks that it starts, have it from there.
  void set_place(Place place) { place_ = place; }
  Place place() const { return place_; }
  // For event_priority_set(): the number of a place in base().
  static int priority_of(Place place) { return place == Place::first ? 0 : 1; }

  // Whoever holds the loop keeps everybody waiting. A Hold measures one call of a callback or one step of a
  // Task, for as long as it lives.
  class Hold;
  // `held` is called, from the top of the loop, for what has held it for `at_least`: with its words, "" if it
  // has none.
  void watch(Millis at_least, std::function<void(std::string_view what, Millis time)> held);
  // The longest Hold since the last call.
  double take_lag_seconds();

 private:
  void resume_first();
  void resume_ready();
  // Resumes what is in `batch` until it is empty, or until `turn_ends`.
  void resume_all(Waiter& batch, Moment turn_ends);
  void run_posted();
  void look_again();
  Moment end_hold(Moment began);

  event_base* base_;
  event* wake_;
  event* wake_first_;
  event* posted_event_;
  int posted_fd_;
  Waiter ready_;
  Waiter late_;  // were ready in a turn that has ended before theirs
  bool is_late_first_ = false;
  Waiter ready_first_;
  bool stopping_ = false;
  WorkNames works_;
  Work work_ = 0;
  Place place_ = Place::in_turn;
  Moment first_spent_since_{};
  std::chrono::nanoseconds first_spent_{0};
  std::chrono::nanoseconds longest_hold_{0};
  Moment looked_again_{};
  std::chrono::nanoseconds held_at_least_ = std::chrono::nanoseconds::max();
  std::function<void(std::string_view, Millis)> held_;
  store::Mutex posted_mutex_;
  std::vector<std::function<void()>> posted_ GUARDED_BY(posted_mutex_);
};

class Loop::Hold {
 public:
  Hold(Loop& loop, Work work, Place place) : loop_(loop), began_(loop.now()) {
    loop_.work_ = work;
    loop_.place_ = place;
  }
  Hold(Loop& loop, std::string_view words) : loop_(loop), began_(loop.now()) { loop_.set_work(words); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() { loop_.end_hold(began_); }

 private:
  Loop& loop_;
  Moment began_;
};

class Loop::Sleep {
 public:
  Sleep(Loop& loop, Millis duration) : loop_(loop), duration_(duration) {}
  Sleep(const Sleep&) = delete;
  Sleep& operator=(const Sleep&) = delete;
  ~Sleep();
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> task);
  void await_resume() const noexcept {}

 private:
  Loop& loop_;
  Millis duration_;
  std::coroutine_handle<> task_;
  Work work_ = 0;
  Place place_ = Place::in_turn;
  event* timer_ = nullptr;
};

// Tells Tasks that something happened, so that they check their condition again:
//   while (!ready()) co_await signal.wait();
class Signal {
 public:
  explicit Signal(Loop& loop) : loop_(loop) {}

  void ring() { loop_.resume_soon(waiters_); }
  bool awaited() const { return !waiters_.empty(); }

  auto wait() {
    struct Wait : Waiter {
      Signal& signal;
      explicit Wait(Signal& waited_for) : signal(waited_for) {}
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> waiting) {
        task = waiting;
        work = signal.loop_.work();
        place = signal.loop_.place();
        join(signal.waiters_);
      }
      void await_resume() const noexcept {}
    };
    return Wait(*this);
  }

  // As wait(), but at `deadline` the Task is resumed in any case. The caller checks its condition and the
  // clock to see which of the two it was.
  class WaitUntil;
  WaitUntil wait_until(Moment deadline);

 private:
  Loop& loop_;
  Waiter waiters_;
};

class Signal::WaitUntil : public Waiter {
 public:
  WaitUntil(Loop& loop, Waiter& list, Moment deadline) : loop_(loop), list_(list), deadline_(deadline) {}
  ~WaitUntil();
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting);
  void await_resume();

 private:
  Loop& loop_;
  Waiter& list_;
  Moment deadline_;
  event* timer_ = nullptr;
};

// Tasks that nobody awaits. Each runs until it ends, or until this object is destroyed; spawn() starts it at
// once. A Task that ends by an exception ends the process, because nobody is there to handle the exception.
class Tasks {
 public:
  explicit Tasks(Loop& loop);
  ~Tasks();
  Tasks(const Tasks&) = delete;
  Tasks& operator=(const Tasks&) = delete;

  void spawn(Task<> task);
  size_t size() const { return running_.size(); }
  Signal& ended() { return ended_; }  // Rings whenever Tasks have ended.

 private:
  struct Running;
  Task<> run(Task<> task, Running& running);
  Task<> reap();

  Signal ended_;
  Signal one_ended_;  // wakes the reaper, which rings ended_ once the Task is destroyed
  std::list<std::unique_ptr<Running>> running_;
  Task<> reaper_;
};

}  // namespace breakwater::proxy
