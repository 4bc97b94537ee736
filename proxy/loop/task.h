// A Task<T> is a function that may wait. It starts when awaited or start()ed, runs on the loop's thread, and
// is cancelled by destroying it: every awaitable leaves whatever it waits in from its destructor, and nothing
// may *need* to run after a co_await but destructors.
//
//   Task<int> twice(Signal& rung) {
//     co_await rung.wait();
//     co_return 2;
//   }
//
// Only the loop resumes a waiting Task; a Task that finishes then resumes the one awaiting it. Only the owner
// destroys a Task, from the top of the loop, never from within itself. No brace, lambda or conditional inside
// a co_await expression: g++ 12 may free such a temporary twice; name it on the line above and move it in
// (test/tidy checks this).
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace breakwater::proxy {

template <class T = void>
class Task;

namespace detail {

struct PromiseBase {
  // Whom to resume at the end; null while the child runs inside await_suspend.
  std::coroutine_handle<> waiter;
  std::exception_ptr error;

  std::suspend_always initial_suspend() noexcept { return {}; }
  struct WakeWaiter {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> self) noexcept {
      if (auto awaiting = self.promise().waiter) awaiting.resume();
    }
    void await_resume() noexcept {}
  };
  WakeWaiter final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { error = std::current_exception(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() {
    if (error) std::rethrow_exception(error);
    return std::move(*value);
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() {}
  void take() {
    if (error) std::rethrow_exception(error);
  }
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  // The child runs inside await_suspend, and its awaiter is not suspended if it finished at once: a loop over
  // ready children uses constant stack without relying on tail calls.
  auto operator co_await() && noexcept {
    struct Awaiter {
      Handle child;
      bool await_ready() noexcept { return false; }
      bool await_suspend(std::coroutine_handle<> waiter) {
        child.resume();
        if (child.done()) return false;
        child.promise().waiter = waiter;
        return true;
      }
      T await_resume() { return child.promise().take(); }
    };
    return Awaiter{handle_};
  }

  void start() { handle_.resume(); }  // once, by an owner that does not await it
  bool done() const { return !handle_ || handle_.done(); }
  T result() { return handle_.promise().take(); }  // once, when done()

 private:
  Handle handle_;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() {
  return Task<T>(Task<T>::Handle::from_promise(*this));
}
inline Task<void> detail::Promise<void>::get_return_object() {
  return Task<void>(Task<void>::Handle::from_promise(*this));
}

}  // namespace breakwater::proxy
