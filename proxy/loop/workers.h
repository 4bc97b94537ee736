// A few threads for work that may block, so that the loop never waits for the disk.
//
//   auto job = [blob] { return blob.read(0); };
//   auto bytes = co_await workers.run(std::move(job));
//
// A job owns what it uses (captures by value), because it goes on when the Task that waits for it is
// destroyed; its result is then dropped. Jobs of one Strand run one at a time, in the order in which they
// were submitted; all other jobs run in any order. Everything but the jobs themselves belongs to the loop's
// thread. The destructor returns when all submitted jobs have run.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "store/base/mutex.h"

namespace breakwater::proxy {

class Workers {
 public:
  // low: the threads are niced, so everything else on this machine goes first, at the disk as well.
  enum class Priority { normal, low };

  Workers(Loop& loop, unsigned threads, Priority priority = Priority::normal);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  class Strand {
   public:
    Strand();

   private:
    friend class Workers;
    class Queue;
    std::shared_ptr<Queue> queue_;
  };

  template <class Function>
  Task<std::invoke_result_t<Function>> run(Function job) {
    return wait_for<std::invoke_result_t<Function>>(std::move(job), nullptr);
  }
  template <class Function>
  Task<std::invoke_result_t<Function>> run(Strand& strand, Function job) {
    return wait_for<std::invoke_result_t<Function>>(std::move(job), strand.queue_);
  }
  // Runs a job that nobody waits for.
  void submit(std::function<void()> job);
  void submit(Strand& strand, std::function<void()> job);

  size_t queued() const;   // jobs that were submitted and have not begun
  size_t running() const;  // jobs that have begun and not ended

 private:
  struct Job {
    Job(std::function<void()> r, std::shared_ptr<Strand::Queue> s)
        : run(std::move(r)), strand(std::move(s)) {}
    std::function<void()> run;
    std::shared_ptr<Strand::Queue> strand;  // null if the job belongs to no strand
  };

  template <class T>
  struct Ticket {
    explicit Ticket(Loop& loop) : ended(loop) {}
    std::optional<T> result;
    Signal ended;
  };

  template <class T, class Function>
  Task<T> wait_for(Function job, std::shared_ptr<Strand::Queue> strand);
  void enqueue(std::function<void()> job, const std::shared_ptr<Strand::Queue>& strand);
  void work();
  void queue_next_of(const std::shared_ptr<Strand::Queue>& strand) REQUIRES(mutex_);

  Loop& loop_;
  mutable store::Mutex mutex_;
  store::Condition wake_;                      // a job may begin, or stopping_
  std::deque<Job> jobs_ GUARDED_BY(mutex_);    // may begin now
  size_t strand_jobs_ GUARDED_BY(mutex_) = 0;  // wait for another job of their strand to end
  size_t running_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

template <class T, class Function>
Task<T> Workers::wait_for(Function job, std::shared_ptr<Strand::Queue> strand) {
  auto ticket = std::make_shared<Ticket<T>>(loop_);
  auto work = [ticket, job = std::move(job), &loop = loop_]() mutable {
    ticket->result.emplace(job());
    loop.post([ticket] { ticket->ended.ring(); });
  };
  // The job is behind a shared_ptr because a std::function must be copyable and a job need not be.
  auto shared = std::make_shared<decltype(work)>(std::move(work));
  enqueue([shared] { (*shared)(); }, strand);
  shared.reset();
  bool finished = false;
  while (!finished) {
    co_await ticket->ended.wait();
    finished = ticket->result.has_value();
  }
  co_return std::move(*ticket->result);
}

}  // namespace breakwater::proxy
