#include "proxy/loop/loop.h"

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "test/catch.h"

namespace breakwater::proxy {
namespace {

Task<> note_when_rung(Signal& signal, std::string& notes, char note) {
  co_await signal.wait();
  notes += note;
}

Task<> stop_after(Loop& loop, Millis duration) {
  co_await loop.sleep(duration);
  loop.stop();
}

Task<> stop_when_empty(Loop& loop, Tasks& tasks) {
  while (tasks.size() > 0) co_await tasks.ended().wait();
  loop.stop();
}

void run_for(Loop& loop, Millis duration) {
  auto stopper = stop_after(loop, duration);
  stopper.start();
  loop.run();
}

TEST_CASE("a Signal wakes those who wait, in order, and only from run()") {
  Loop loop;
  Signal signal(loop);
  std::string notes;
  auto first = note_when_rung(signal, notes, 'a');
  auto second = note_when_rung(signal, notes, 'b');
  first.start();
  second.start();
  signal.ring();
  CHECK(notes.empty());
  run_for(loop, Millis(0));
  CHECK(notes == "ab");
  CHECK(first.done());
}

TEST_CASE("a Task that is destroyed while it waits is not woken") {
  Loop loop;
  Signal signal(loop);
  std::string notes;
  auto kept = note_when_rung(signal, notes, 'k');
  kept.start();
  {
    auto gone = note_when_rung(signal, notes, 'g');
    gone.start();
    signal.ring();  // it is on its way already
  }
  run_for(loop, Millis(0));
  CHECK(notes == "k");
  CHECK_FALSE(signal.awaited());
}

Task<> destroy_then_note(Signal& signal, Task<>& victim, std::string& notes) {
  co_await signal.wait();
  victim = Task<>();
  notes += 'd';
}

TEST_CASE("a Task may destroy another that was rung by the same Signal") {
  Loop loop;
  Signal signal(loop);
  std::string notes;
  Task<> victim = note_when_rung(signal, notes, 'v');
  auto killer = destroy_then_note(signal, victim, notes);
  killer.start();
  victim.start();
  signal.ring();
  run_for(loop, Millis(0));
  CHECK(notes == "d");
}

Task<> wait_until_then_note(Signal& signal, Moment deadline, std::string& notes) {
  co_await signal.wait_until(deadline);
  notes += 'w';
}

TEST_CASE("waiting until a moment ends by the signal or by the moment, once") {
  Loop loop;
  Signal signal(loop);
  std::string notes;
  SECTION("by the moment, when nobody rings") {
    auto task = wait_until_then_note(signal, loop.now() + Millis(1), notes);
    task.start();
    run_for(loop, Millis(20));
    signal.ring();
    run_for(loop, Millis(0));
    CHECK(notes == "w");
  }
  SECTION("by the signal, long before") {
    auto task = wait_until_then_note(signal, loop.now() + std::chrono::hours(1), notes);
    task.start();
    signal.ring();
    run_for(loop, Millis(0));
    CHECK(notes == "w");
  }
  SECTION("at a moment in the past") {
    auto task = wait_until_then_note(signal, loop.now() - Millis(5), notes);
    task.start();
    run_for(loop, Millis(10));
    CHECK(notes == "w");
  }
  SECTION("by neither, when the Task is destroyed") {
    {
      auto task = wait_until_then_note(signal, loop.now() + Millis(1), notes);
      task.start();
    }
    run_for(loop, Millis(10));
    CHECK(notes.empty());
  }
}

TEST_CASE("stop() before run() lets run() return at once, and the next run() runs") {
  Loop loop;
  loop.stop();
  loop.run();
  run_for(loop, Millis(0));
}

TEST_CASE("jobs posted by other threads run on the loop's, each one once") {
  Loop loop;
  constexpr int kThreads = 4;
  constexpr int kJobs = 500;
  int ran = 0;
  auto job = [&ran, &loop] {
    if (++ran == kThreads * kJobs) loop.stop();
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&loop, job] {
      for (int n = 0; n < kJobs; ++n) loop.post(job);
    });
  }
  loop.run();
  for (auto& thread : threads) thread.join();
  CHECK(ran == kThreads * kJobs);
}

void compute_for(Millis time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

TEST_CASE("the lag is what has held the loop for longest since it was last asked for") {
  Loop loop;
  run_for(loop, Millis(0));
  loop.take_lag_seconds();
  loop.post([] { compute_for(Millis(30)); });
  run_for(loop, Millis(1));
  CHECK(loop.take_lag_seconds() >= 0.030);
  CHECK(loop.take_lag_seconds() == 0);
}

TEST_CASE("whoever holds the loop is named, by what it said before it waited, or whoever began it") {
  Loop loop;
  Tasks tasks(loop);
  Signal rung(loop);
  std::vector<std::string> held;
  loop.watch(Millis(20), [&held](std::string_view what, Millis time) {
    held.emplace_back(what);
    CHECK(time >= Millis(20));
  });
  auto computes_after = [](Loop& on, Signal& signal, bool sleeps) -> Task<> {
    if (sleeps) co_await on.sleep(Millis(1));
    if (!sleeps) co_await signal.wait();
    compute_for(Millis(20));
  };
  auto begin = [&](std::string_view what, bool sleeps) {
    loop.set_work(what);
    tasks.spawn(computes_after(loop, rung, sleeps));
  };
  loop.post([&] { begin("one that waits for a signal", false); });
  loop.post([&] { begin("one that sleeps", true); });
  loop.post([&] { loop.set_work("another"); });
  // On a busy machine others may be held too.
  auto is_told = [&held](const char* what) {
    return std::find(held.begin(), held.end(), what) != held.end();
  };
  run_for(loop, Millis(5));
  CHECK(is_told("one that sleeps"));
  CHECK_FALSE(is_told("one that waits for a signal"));
  rung.ring();
  run_for(loop, Millis(5));
  CHECK(is_told("one that waits for a signal"));
  CHECK_FALSE(is_told("what other threads have posted"));
  loop.post([] { compute_for(Millis(20)); });
  run_for(loop, Millis(5));
  CHECK(is_told("what other threads have posted"));
}

TEST_CASE("the words of a work are kept until others have taken their place") {
  WorkNames names;
  CHECK(names.words_of(0).empty());
  const auto first = names.add("first");
  const auto second = names.add(std::string(1000, 'x'));
  CHECK(names.words_of(first) == "first");
  CHECK(names.words_of(names.add("GET", "/v2/\n\xc3")) == "GET /v2/??");
  CHECK(names.words_of(names.add(std::string(95, 'x'), "y")) == std::string(95, 'x') + " ");
  CHECK(names.words_of(second) == std::string(WorkNames::kBytesMax, 'x'));
  for (size_t i = 4; i < WorkNames::kKept; ++i) names.add("more");
  CHECK(names.words_of(first) == "first");
  names.add("one more");
  CHECK(names.words_of(first).empty());
  CHECK(names.words_of(second).size() == WorkNames::kBytesMax);
}

struct Counted {
  explicit Counted(int& count) : alive(count) { ++alive; }
  ~Counted() { --alive; }
  int& alive;
};

Task<> hold_until_rung(Signal& signal, int& alive) {
  Counted counted(alive);
  co_await signal.wait();
}

TEST_CASE("spawned Tasks are gone once they have ended") {
  Loop loop;
  Signal signal(loop);
  int alive = 0;
  Tasks tasks(loop);
  for (int i = 0; i < 3; ++i) tasks.spawn(hold_until_rung(signal, alive));
  CHECK(alive == 3);
  CHECK(tasks.size() == 3);
  auto stopper = stop_when_empty(loop, tasks);
  stopper.start();
  signal.ring();
  loop.run();
  CHECK(alive == 0);
  CHECK(tasks.size() == 0);
}

TEST_CASE("Tasks that still wait are destroyed with their owner") {
  Loop loop;
  Signal signal(loop);
  int alive = 0;
  {
    Tasks tasks(loop);
    tasks.spawn(hold_until_rung(signal, alive));
    CHECK(alive == 1);
  }
  CHECK(alive == 0);
  CHECK_FALSE(signal.awaited());
}

Task<int> ready() { co_return 1; }

Task<> sum_many(int& sum) {
  for (int i = 0; i < 1'000'000; ++i) sum += co_await ready();
}

TEST_CASE("a million ready children use no stack") {
  int sum = 0;
  auto task = sum_many(sum);
  task.start();
  CHECK(sum == 1'000'000);
}

Task<> note_in_place(Loop& loop, Place place, Signal& signal, std::string& notes, char note) {
  loop.set_place(place);
  co_await signal.wait();
  notes += note;
}

Task<> hold_and_ring(Loop& loop, Signal& signal, Signal& rung, std::string& notes, Millis time) {
  co_await signal.wait();
  notes += 'h';
  rung.ring();
  const Moment end = loop.now() + time;
  while (loop.now() < end) continue;
}

TEST_CASE("what belongs to the first place goes before what was ready before it") {
  Loop loop;
  Signal signal(loop);
  Signal later(loop);
  std::string notes;
  auto in_turn = note_in_place(loop, Place::in_turn, signal, notes, 't');
  in_turn.start();
  auto first = note_in_place(loop, Place::first, later, notes, 'f');
  first.start();
  loop.set_place(Place::in_turn);
  signal.ring();
  later.ring();
  run_for(loop, Millis(0));
  CHECK(notes == "ft");
}

TEST_CASE("many that are ready do not keep the first place waiting to their end") {
  Loop loop;
  Signal signal(loop);
  Signal rung(loop);
  std::string notes;
  auto holder = hold_and_ring(loop, signal, rung, notes, Millis(11));
  holder.start();
  auto next = note_in_place(loop, Place::in_turn, signal, notes, 't');
  next.start();
  auto first = note_in_place(loop, Place::first, rung, notes, 'f');
  first.start();
  loop.set_place(Place::in_turn);
  signal.ring();
  run_for(loop, Millis(0));
  CHECK(notes.starts_with("hf"));
  run_for(loop, Millis(0));
  CHECK(notes == "hft");
}

Task<> go_on(Loop& loop, Signal& signal, size_t times, bool& is_answered, size_t& before) {
  loop.set_place(Place::first);
  for (size_t i = 0; i < times; ++i) {
    co_await signal.wait();
    signal.ring();
    const Moment end = loop.now() + Millis(1);
    while (loop.now() < end) continue;
    if (!is_answered) ++before;
  }
}

Task<> answer(Signal& signal, bool& is_answered) {
  co_await signal.wait();
  is_answered = true;
}

TEST_CASE("the first place does not starve the others") {
  Loop loop;
  Signal signal(loop);
  Signal other(loop);
  bool is_answered = false;
  size_t before = 0;
  auto greedy = go_on(loop, signal, 100, is_answered, before);
  greedy.start();
  loop.set_place(Place::in_turn);
  auto modest = answer(other, is_answered);
  modest.start();
  auto ringer = [](Signal& rung) -> Task<> {
    for (int i = 0; i < 100; ++i) {
      rung.ring();
      co_await rung.wait();
    }
  };
  auto ringing = ringer(signal);
  ringing.start();
  other.ring();
  run_for(loop, Millis(0));
  CHECK(is_answered);
  CHECK(before < 50);
}

constexpr size_t kHolders = 150;

Task<> hold(Loop& loop, Signal& signal, Millis time, size_t& held) {
  co_await signal.wait();
  const Moment end = loop.now() + time;
  while (loop.now() < end) continue;
  if (++held == kHolders) loop.stop();
}

TEST_CASE("many that are ready do not keep what comes meanwhile waiting to their end") {
  Loop loop;
  Signal signal(loop);
  size_t held = 0;
  size_t held_before = 0;
  std::vector<Task<>> holders;
  for (size_t i = 0; i < kHolders; ++i) {
    holders.push_back(hold(loop, signal, Millis(2), held));
    holders.back().start();
  }
  auto posts = [](Signal& when, Loop& to, std::function<void()> job) -> Task<> {
    co_await when.wait();
    to.post(std::move(job));
  };
  Signal before(loop);
  auto poster = posts(before, loop, [&] { held_before = held; });
  poster.start();
  before.ring();
  signal.ring();
  loop.run();
  // The job came before the first of them had its turn: it goes after a turn of theirs or two.
  CHECK(held_before > 0);
  CHECK(held_before < 30);
}

TEST_CASE("who becomes ready while many are does not wait for all of them, and they go on") {
  Loop loop;
  Signal signal(loop);
  Signal later(loop);
  size_t held = 0;
  size_t held_before = 0;
  std::vector<Task<>> holders;
  for (size_t i = 0; i < kHolders; ++i) {
    holders.push_back(hold(loop, signal, Millis(2), held));
    holders.back().start();
  }
  // A request waits for several things, one after the other.
  auto waits = [](Signal& when, const size_t& count, size_t& before) -> Task<> {
    for (int times = 0; times < 4; ++times) co_await when.wait();
    before = count;
  };
  auto waiting = waits(later, held, held_before);
  waiting.start();
  auto rings = [](Loop& of, Signal& rung) -> Task<> {
    for (;;) {
      co_await of.sleep(Millis(1));
      rung.ring();
    }
  };
  auto ringing = rings(loop, later);
  ringing.start();
  signal.ring();
  loop.run();
  CHECK(held_before > 0);
  CHECK(held_before < kHolders);
  CHECK(held == kHolders);
}

}  // namespace
}  // namespace breakwater::proxy
