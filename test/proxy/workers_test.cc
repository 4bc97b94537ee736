#include "proxy/loop/workers.h"

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "proxy/http/exchange.h"
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

Task<> run_lengthy(Loop& loop, Workers& workers, bool& has_run) {
  auto job = [&has_run] { return has_run = true; };
  co_await workers.run(JobOf(JobOf::Kind::lengthy, 1), std::move(job));
  loop.stop();
}

TEST_CASE("a lengthy job is dropped if whoever waits for it leaves before it begins") {
  Loop loop;
  Workers workers(loop, 2);
  bool has_run_for_none = false, has_run_for_one = false;
  std::promise<void> release;
  auto released = release.get_future().share();
  for (int i = 0; i < 2; ++i) workers.submit([released] { released.wait(); });
  {
    auto leaves = run_lengthy(loop, workers, has_run_for_none);
    leaves.start();
  }
  auto stays = run_lengthy(loop, workers, has_run_for_one);
  stays.start();
  release.set_value();
  loop.run();
  CHECK(has_run_for_one);
  CHECK_FALSE(has_run_for_none);
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

constexpr JobOf::Kind kBrief = JobOf::Kind::brief, kLengthy = JobOf::Kind::lengthy;

TEST_CASE("the clients take turns, whoever has asked for more") {
  JobQueue<std::string> queue;
  const uint64_t greedy = 7, modest = 8;
  for (const auto* job : {"g1", "g2", "g3"}) queue.push(JobOf(kLengthy, greedy), job);
  queue.push(JobOf(kLengthy, modest), "m1");
  queue.push(JobOf(kLengthy, 0), "nobody's 1");
  queue.push(JobOf(kLengthy, 0), "nobody's 2");
  queue.push(JobOf(kLengthy, modest), "m2");
  CHECK(queue.size() == 7);
  std::vector<std::string> order;
  while (auto job = queue.pop(true)) order.push_back(*job);
  CHECK(order == std::vector<std::string>{"g1", "m1", "nobody's 1", "nobody's 2", "g2", "m2", "g3"});
  CHECK(queue.size() == 0);
}

TEST_CASE("brief jobs go before lengthy ones, and these wait while they may not begin") {
  JobQueue<std::string> queue;
  queue.push(JobOf(kLengthy, 1), "lengthy");
  queue.push(JobOf(), "brief");
  CHECK(queue.pop(true) == "brief");
  CHECK_FALSE(queue.pop(false));
  CHECK(queue.pop(true) == "lengthy");
  CHECK_FALSE(queue.pop(true));
}

Task<> run_lengthy(Workers& workers, std::shared_future<void> released, std::atomic<int>& begun) {
  auto job = [released, &begun] {
    ++begun;
    released.wait();
    return 0;
  };
  co_await workers.run(JobOf(kLengthy, 1), std::move(job));
}

Task<> run_brief(Workers& workers, std::promise<void>& ran) {
  auto job = [&ran] {
    ran.set_value();
    return 0;
  };
  co_await workers.run(std::move(job));
}

TEST_CASE("lengthy jobs leave a thread to the brief ones, and all of them run in the end") {
  const auto threads = GENERATE(1U, 2U, 3U);
  Loop loop;
  std::atomic<int> begun = 0;
  std::promise<void> release;
  const auto released = release.get_future().share();
  std::vector<Task<>> tasks;
  {
    Workers workers(loop, threads);
    for (int i = 0; i < 4; ++i) tasks.push_back(run_lengthy(workers, released, begun));
    for (auto& task : tasks) task.start();
    if (threads > 1) {
      std::promise<void> ran;
      auto brief = run_brief(workers, ran);
      brief.start();
      ran.get_future().wait();
      CHECK(begun < static_cast<int>(threads));
    }
    release.set_value();
  }
  CHECK(begun == 4);
}

TEST_CASE("an IPv4 address is a client, and so is an IPv6 network of 64 bits") {
  const auto v4 = [](uint8_t last) {
    Peer peer;
    peer.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, last};
    return peer.key();
  };
  const auto v6 = [](uint8_t net, uint8_t last) {
    Peer peer;
    peer.address = {0xfd, 0, 0, 0, 0, 0, 0, net, 0, 0, 0, 0, 0, 0, 0, last};
    return peer.key();
  };
  CHECK(v4(1) == v4(1));
  CHECK(v4(1) != v4(2));
  CHECK(v6(1, 1) == v6(1, 2));
  CHECK(v6(1, 1) != v6(2, 1));
  CHECK(Peer().key() != 0);
}

}  // namespace
}  // namespace breakwater::proxy
