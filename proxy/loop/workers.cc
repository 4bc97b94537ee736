#include "proxy/loop/workers.h"

#include <sys/resource.h>

#include <utility>

namespace breakwater::proxy {
namespace {

constexpr int kLowNice = 10;

// Of the calling thread alone, which on Linux has its own. Where that is not allowed, it goes on as it is.
void lower_priority() { (void)setpriority(PRIO_PROCESS, 0, kLowNice); }

}  // namespace

// Guarded by Workers::mutex_.
struct Workers::Strand::Queue {
  std::deque<std::function<void()>> waiting;
  bool busy = false;  // one of its jobs is queued or runs
};

Workers::Strand::Strand() : queue_(std::make_shared<Queue>()) {}

Workers::Workers(Loop& loop, unsigned threads, Priority priority) : loop_(loop) {
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
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Workers::submit(std::function<void()> job) { enqueue(std::move(job), nullptr); }
void Workers::submit(Strand& strand, std::function<void()> job) { enqueue(std::move(job), strand.queue_); }

size_t Workers::queued() const {
  std::lock_guard lock(mutex_);
  return jobs_.size() + strand_jobs_;
}

size_t Workers::running() const {
  std::lock_guard lock(mutex_);
  return running_;
}

void Workers::enqueue(std::function<void()> job, const std::shared_ptr<Strand::Queue>& strand) {
  {
    std::lock_guard lock(mutex_);
    if (strand && strand->busy) {
      strand->waiting.push_back(std::move(job));
      ++strand_jobs_;
      return;
    }
    if (strand) strand->busy = true;
    jobs_.push_back(Job(std::move(job), strand));
  }
  wake_.notify_one();
}

void Workers::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    ++running_;
    lock.unlock();
    job.run();
    job.run = nullptr;  // what the job owns is let go of before the next of its strand begins
    lock.lock();
    --running_;
    if (job.strand) next_of(job.strand);
  }
}

// At the end of the queue, so that a busy strand does not keep others waiting.
void Workers::next_of(const std::shared_ptr<Strand::Queue>& strand) {
  strand->busy = !strand->waiting.empty();
  if (!strand->busy) return;
  jobs_.push_back(Job(std::move(strand->waiting.front()), strand));
  strand->waiting.pop_front();
  --strand_jobs_;
  wake_.notify_one();
}

}  // namespace breakwater::proxy
