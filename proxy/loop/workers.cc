#include "proxy/loop/workers.h"

#include <sys/resource.h>

#include <algorithm>
#include <deque>
#include <utility>

namespace breakwater::proxy {
namespace {

constexpr int kLowNice = 10;

// Lowers the priority of the calling thread alone: on Linux each thread has its own. Where that is not
// allowed, the priority stays as it is.
void lower_priority() { (void)setpriority(PRIO_PROCESS, 0, kLowNice); }

}  // namespace

class Workers::Strand::Queue {
 public:
  struct State {
    std::deque<std::function<void()>> waiting;
    bool busy = false;  // one of the strand's jobs is in Workers::jobs_ or runs
  };
  // `mutex` is that of the Workers which the strand's jobs are submitted to: it guards the state.
  State& state(store::Mutex& mutex) REQUIRES(mutex) {
    (void)mutex;
    return state_;
  }

 private:
  State state_;
};

Workers::Strand::Strand() : queue_(std::make_shared<Queue>()) {}

Workers::Workers(Loop& loop, unsigned threads, Priority priority)
    : loop_(loop), lengthy_max_(std::max(threads, 2U) - 1) {
  threads_.reserve(threads);
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this, priority] {
      if (priority == Priority::low) lower_priority();
      work();
    });
  }
}

Workers::~Workers() {
  {
    const store::Lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Workers::submit(std::function<void()> job) { enqueue(JobOf(), std::move(job), nullptr); }
void Workers::submit(Strand& strand, std::function<void()> job) {
  enqueue(JobOf(), std::move(job), strand.queue_);
}

size_t Workers::queued() const {
  const store::Lock lock(mutex_);
  return jobs_.size() + strand_jobs_;
}

size_t Workers::running() const {
  const store::Lock lock(mutex_);
  return running_;
}

void Workers::enqueue(JobOf of, std::function<void()> job, const std::shared_ptr<Strand::Queue>& strand) {
  {
    const store::Lock lock(mutex_);
    if (strand) {
      auto& state = strand->state(mutex_);
      if (state.busy) {
        state.waiting.push_back(std::move(job));
        ++strand_jobs_;
        return;
      }
      state.busy = true;
    }
    jobs_.push(of, Job(of, std::move(job), strand));
  }
  wake_.notify_one();
}

// A thread that finds nothing to begin may leave a lengthy job: whoever runs one looks for the next.
void Workers::work() {
  store::Lock lock(mutex_);
  for (;;) {
    auto job = next_job();
    while (!job && !stopping_) {
      wake_.wait(mutex_);
      job = next_job();
    }
    if (!job) return;
    lock.unlock();
    job->run();
    job->run = nullptr;  // destroys what the job owns before the next job of its strand begins
    lock.lock();
    --running_;
    if (job->is_lengthy()) --lengthy_running_;
    if (job->strand) queue_next_of(job->strand);
  }
}

// Counts it among those that run.
std::optional<Workers::Job> Workers::next_job() {
  auto job = jobs_.pop(lengthy_running_ < lengthy_max_);
  if (!job) return job;
  ++running_;
  if (job->is_lengthy()) ++lengthy_running_;
  return job;
}

// The strand's next job goes to the end of the queue, so that a busy strand does not keep other jobs waiting.
void Workers::queue_next_of(const std::shared_ptr<Strand::Queue>& strand) {
  auto& state = strand->state(mutex_);
  state.busy = !state.waiting.empty();
  if (!state.busy) return;
  jobs_.push(JobOf(), Job(JobOf(), std::move(state.waiting.front()), strand));
  state.waiting.pop_front();
  --strand_jobs_;
  wake_.notify_one();
}

}  // namespace breakwater::proxy
