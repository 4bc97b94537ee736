// Single flight: callers that ask for the same key at the same time share one piece of work and its result.
// The work belongs to none of the callers: it goes on when all of them leave, so that it is not wasted.
//
//   auto begin = [this, name] { return fetch_tags(name); };   // Task<Result<TagList>>
//   auto tags = co_await flights.join(name, begin);
//
// Each caller gets a copy of the result. Belongs to the loop's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"

namespace breakwater::proxy {

template <class Value>
class SingleFlight {
 public:
  using Begin = std::function<Task<Value>()>;

  explicit SingleFlight(Loop& loop) : loop_(loop), running_(loop) {}

  Task<Value> join(std::string key, Begin begin) {
    auto flight = find_or_begin(key, begin);
    while (!flight->result) co_await flight->ended.wait();
    co_return *flight->result;
  }

  // As join(), but returns nothing if there is no result by `deadline`; the work goes on.
  Task<std::optional<Value>> join_until(std::string key, Begin begin, Moment deadline) {
    auto flight = find_or_begin(key, begin);
    while (!flight->result && loop_.now() < deadline) co_await flight->ended.wait_until(deadline);
    co_return flight->result;
  }

  bool has(const std::string& key) const { return flights_.contains(key); }
  size_t size() const { return flights_.size(); }

 private:
  struct Flight {
    explicit Flight(Loop& loop) : ended(loop) {}
    std::optional<Value> result;
    Signal ended;
  };
  using Shared = std::shared_ptr<Flight>;

  Shared find_or_begin(const std::string& key, const Begin& begin) {
    if (auto found = flights_.find(key); found != flights_.end()) return found->second;
    auto flight = std::make_shared<Flight>(loop_);
    flights_[key] = flight;
    running_.spawn(run(key, begin(), flight));
    return flight;
  }

  Task<> run(std::string key, Task<Value> work, Shared flight) {
    flight->result = co_await std::move(work);
    flights_.erase(key);
    flight->ended.ring();
  }

  Loop& loop_;
  std::map<std::string, Shared> flights_;
  Tasks running_;  // last: destroyed before the members that its Tasks use
};

}  // namespace breakwater::proxy
