// A few threads for work that may block, so that the loop never waits for the disk.
//
//   auto job = [blob] { return blob.read(0); };
//   auto bytes = co_await workers.run(std::move(job));
//
// A job owns what it uses (captures by value), because it goes on when the Task that waits for it is
// destroyed; its result is then dropped. Jobs of one Strand run one at a time, in the order in which they
// were submitted; all other jobs run in any order, which job_queue.h has: brief ones first, and the clients
// in turn. Lengthy jobs never take all threads, unless there is but one:
//
//   const JobOf lengthy(JobOf::Kind::lengthy, exchange.peer().key());
//   auto list = co_await workers.run(lengthy, std::move(job));
//
// Everything but the jobs themselves belongs to the loop's thread. The destructor returns when all submitted
// jobs have run.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "proxy/loop/job_queue.h"
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
    return wait_for<std::invoke_result_t<Function>>(JobOf(), std::move(job), nullptr);
  }
  template <class Function>
  Task<std::invoke_result_t<Function>> run(JobOf of, Function job) {
    return wait_for<std::invoke_result_t<Function>>(of, std::move(job), nullptr);
  }
  template <class Function>
  Task<std::invoke_result_t<Function>> run(Strand& strand, Function job) {
    return wait_for<std::invoke_result_t<Function>>(JobOf(), std::move(job), strand.queue_);
  }
  // Runs a job that nobody waits for.
  void submit(std::function<void()> job);
  void submit(Strand& strand, std::function<void()> job);

  size_t queued() const;   // jobs that were submitted and have not begun
  size_t running() const;  // jobs that have begun and not ended

 private:
  struct Job {
    Job(JobOf o, std::function<void()> r, std::shared_ptr<Strand::Queue> s)
        : of(o), run(std::move(r)), strand(std::move(s)) {}
    bool is_lengthy() const { return of.kind == JobOf::Kind::lengthy; }
    JobOf of;
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
  Task<T> wait_for(JobOf of, Function job, std::shared_ptr<Strand::Queue> strand);
  void enqueue(JobOf of, std::function<void()> job, const std::shared_ptr<Strand::Queue>& strand);
  void work();
  std::optional<Job> next_job() REQUIRES(mutex_);
  void queue_next_of(const std::shared_ptr<Strand::Queue>& strand) REQUIRES(mutex_);

  Loop& loop_;
  const size_t lengthy_max_;  // that run at a time
  mutable store::Mutex mutex_;
  store::Condition wake_;                      // a job may begin, or stopping_
  JobQueue<Job> jobs_ GUARDED_BY(mutex_);      // whose strand lets them begin
  size_t strand_jobs_ GUARDED_BY(mutex_) = 0;  // wait for another job of their strand to end
  size_t running_ GUARDED_BY(mutex_) = 0;
  size_t lengthy_running_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

template <class T, class Function>
Task<T> Workers::wait_for(JobOf of, Function job, std::shared_ptr<Strand::Queue> strand) {
  auto ticket = std::make_shared<Ticket<T>>(loop_);
  auto work = [ticket, of, job = std::move(job), &loop = loop_]() mutable {
    const bool has_left = ticket.use_count() == 1;
    if (has_left && of.kind == JobOf::Kind::lengthy) return;
    ticket->result.emplace(job());
    loop.post([ticket] { ticket->ended.ring(); });
  };
  // The job is behind a shared_ptr because a std::function must be copyable and a job need not be.
  auto shared = std::make_shared<decltype(work)>(std::move(work));
  enqueue(
      of, [shared] { (*shared)(); }, strand);
  shared.reset();
  bool finished = false;
  while (!finished) {
    co_await ticket->ended.wait();
    finished = ticket->result.has_value();
  }
  co_return std::move(*ticket->result);
}

}  // namespace breakwater::proxy
