#include "proxy/loop/workers.h"

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "test/catch.h"

namespace breakwater::proxy {
namespace {

Task<> run_and_stop(Loop& loop, Workers& workers, std::thread::id& where, std::string& result) {
  auto job = [&where] {
    where = std::this_thread::get_id();
    return std::string("done");
  };
  result = co_await workers.run(std::move(job));
  loop.stop();
}

TEST_CASE("a job runs on another thread and its result comes back to the loop") {
  Loop loop;
  Workers workers(loop, 2);
  std::thread::id where;
  std::string result;
  auto task = run_and_stop(loop, workers, where, result);
  task.start();
  loop.run();
  CHECK(result == "done");
  CHECK(where != std::this_thread::get_id());
}

Task<> run_uncopyable(Loop& loop, Workers& workers, int& result) {
  auto job = [owned = std::make_unique<int>(7)] { return std::make_unique<int>(*owned + 1); };
  auto returned = co_await workers.run(std::move(job));
  result = *returned;
  loop.stop();
}

TEST_CASE("neither a job nor its result need be copyable") {
  Loop loop;
  Workers workers(loop, 1);
  int result = 0;
  auto task = run_uncopyable(loop, workers, result);
  task.start();
  loop.run();
  CHECK(result == 8);
}

TEST_CASE("jobs of one strand run one at a time and in order, whatever the number of threads") {
  Loop loop;
  std::vector<int> order;  // only touched by the strand
  std::atomic<int> running = 0;
  std::atomic<bool> overlapped = false;
  {
    Workers workers(loop, 4);
    Workers::Strand strand;
    for (int i = 0; i < 200; ++i) {
      workers.submit(strand, [&, i] {
        if (running.fetch_add(1) != 0) overlapped = true;
        order.push_back(i);
        running.fetch_sub(1);
      });
    }
  }
  CHECK_FALSE(overlapped);
  REQUIRE(order.size() == 200);
  for (int i = 0; i < 200; ++i) CHECK(order[static_cast<size_t>(i)] == i);
}

TEST_CASE("a busy strand does not keep other jobs waiting") {
  Loop loop;
  Workers workers(loop, 2);
  Workers::Strand strand;
  std::promise<void> release;
  auto released = release.get_future().share();
  for (int i = 0; i < 3; ++i) workers.submit(strand, [released] { released.wait(); });
  std::promise<void> ran;
  workers.submit([&ran] { ran.set_value(); });
  ran.get_future().wait();
  CHECK(workers.queued() == 2);
  CHECK(workers.running() >= 1);
  release.set_value();
}

Task<> run_forever(Workers& workers, std::shared_future<void> released, std::weak_ptr<int>& owned) {
  auto shared = std::make_shared<int>(1);
  owned = shared;
  auto job = [released, shared = std::move(shared)] {
    released.wait();
    return *shared;
  };
  co_await workers.run(std::move(job));
}

TEST_CASE(
    "a job goes on when the Task that waits for it is destroyed, and what it owns is let go of in the end") {
  Loop loop;
  std::weak_ptr<int> owned;
  {
    Workers workers(loop, 1);
    std::promise<void> release;
    {
      auto task = run_forever(workers, release.get_future().share(), owned);
      task.start();
    }
    CHECK_FALSE(owned.expired());
    release.set_value();
  }
  CHECK(owned.expired());
}

}  // namespace
}  // namespace breakwater::proxy
