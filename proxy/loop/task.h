// A Task<T> is a function that may wait: a coroutine that starts when it is awaited or start() is called, and
// runs on the loop's thread. To cancel a Task, destroy it. The destructor of an awaitable takes the Task out
// of whatever it waits in, so nothing but destructors may need to run after a co_await.
//
//   Task<int> twice(Signal& rung) {
//     co_await rung.wait();
//     co_return 2;
//   }
//
// Only the loop resumes a waiting Task; a Task that finishes then resumes the Task that awaits it. Only the
// owner destroys a Task, from the top of the loop, and never from inside that Task. A co_await expression
// holds no brace, lambda or conditional, because g++ 12 may free the temporary of one twice: name the
// temporary on the line above and move it in (test/tidy checks this).
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
  // The coroutine that awaits this one and is resumed at its end. Null while this one runs inside
  // await_suspend.
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

  // The child runs inside await_suspend, and the awaiting Task is not suspended if the child has finished by
  // then. So a loop over children that are ready uses constant stack, without relying on tail calls.
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

  void start() { handle_.resume(); }  // at most once, by an owner that does not await the Task
  bool done() const { return !handle_ || handle_.done(); }
  T result() { return handle_.promise().take(); }  // at most once, after done()

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
