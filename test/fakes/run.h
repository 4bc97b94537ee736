// Runs a Task to its end on the test's Loop:  auto reply = run(loop, http_client.fetch(request, 100));
#pragma once

#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"

namespace breakwater::test {

namespace detail {

template <class T>
proxy::Task<> keep_result(proxy::Loop& loop, proxy::Task<T> task, std::optional<T>& result) {
  result.emplace(co_await std::move(task));
  loop.stop();
}

inline proxy::Task<> keep_result(proxy::Loop& loop, proxy::Task<> task, std::optional<bool>& result) {
  co_await std::move(task);
  result.emplace(true);
  loop.stop();
}

inline proxy::Task<> stop_after(proxy::Loop& loop, proxy::Millis duration) {
  co_await loop.sleep(duration);
  loop.stop();
}

}  // namespace detail

// A test that hangs fails instead.
constexpr proxy::Millis kRunMax(30'000);

template <class T>
T run(proxy::Loop& loop, proxy::Task<T> task) {
  std::optional<std::conditional_t<std::is_void_v<T>, bool, T>> result;
  auto running = detail::keep_result(loop, std::move(task), result);
  auto watchdog = detail::stop_after(loop, kRunMax);
  running.start();
  watchdog.start();
  loop.run();                            // returns at once if the Task has ended already
  if (running.done()) running.result();  // throws what the Task threw
  if (!result) throw std::runtime_error("the Task did not end in time");
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace breakwater::test
