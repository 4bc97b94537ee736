// The line before the thread that checks passwords: its order, its bounds, and who gives way. The thread is
// held by a job that ends when the test says so.
#include "routes/access/password_line.h"

#include <algorithm>
#include <future>
#include <mutex>

#include "test/catch.h"
#include "test/fakes/run.h"

namespace breakwater::routes {
namespace {

using test::run;

struct LineWorld {
  using Answer = std::optional<Result<bool>>;
  struct Asked {
    Answer answer;
    proxy::Task<> task;
  };

  // In this order: the thread of the line writes to what stands above it, and who waits in it stands below.
  proxy::Loop loop;
  std::promise<void> gate;
  std::shared_future<void> opened{gate.get_future()};
  std::mutex mutex;
  std::vector<std::string> checked;  // in order
  PasswordLine line{loop};
  proxy::Signal answered{loop};
  size_t answers = 0;
  std::vector<std::unique_ptr<Asked>> all;

  ~LineWorld() {
    if (is_held) gate.set_value();
  }

  static proxy::Task<> keep(LineWorld& world, Asked& asked, PasswordLine::Asking asking,
                            PasswordLine::Job job) {
    asked.answer = co_await world.line.check(std::move(asking), std::move(job));
    ++world.answers;
    world.answered.ring();
  }
  Asked& ask(uint64_t client, const std::string& key, PasswordLine::Job job, uint64_t strikes = 0) {
    all.push_back(std::make_unique<Asked>());
    PasswordLine::Asking asking{client, key, strikes};
    all.back()->task = keep(*this, *all.back(), std::move(asking), std::move(job));
    all.back()->task.start();
    return *all.back();
  }
  Asked& ask(uint64_t client, const std::string& key, uint64_t strikes = 0) {
    return ask(
        client, key,
        [this, key] {
          const std::lock_guard lock(mutex);
          checked.push_back(key);
          return key.starts_with("right");
        },
        strikes);
  }
  // Takes the thread until release().
  Asked& hold() {
    is_held = true;
    return ask(0, "gate", [future = opened] {
      future.wait();
      return true;
    });
  }
  void release() {
    gate.set_value();
    is_held = false;
  }
  static proxy::Task<> until(LineWorld& world, size_t answers) {
    while (world.answers < answers) co_await world.answered.wait();
  }
  void wait_for(size_t count) { run(loop, until(*this, count)); }

  bool is_held = false;
};

bool is_throttled(const LineWorld::Answer& answer) {
  return answer && !*answer && answer->error().kind == Error::Kind::throttled &&
         answer->error().retry_after_s == PasswordLine::kRetryAfterS;
}

}  // namespace

TEST_CASE("one check runs at a time, and clients take turns, one check each") {
  LineWorld world;
  world.hold();
  for (const char* key : {"a1", "a2", "a3"}) world.ask(1, key);
  for (const char* key : {"b1", "b2"}) world.ask(2, key);
  auto& right = world.ask(3, "right c1");
  CHECK(world.line.waiting() == 6);
  world.release();
  world.wait_for(7);
  CHECK(world.checked == std::vector<std::string>{"a1", "b1", "right c1", "a2", "b2", "a3"});
  CHECK(**right.answer);
  CHECK_FALSE(**world.all[1]->answer);
  CHECK(world.line.waiting() == 0);
}

TEST_CASE("a client has so many places and no more, and fewer when it was wrong often; others have theirs") {
  CHECK(places_of(0) == PasswordLine::kPlacesOfClientMax);
  CHECK(places_of(PasswordLine::kStrikesOfSuspect - 1) == PasswordLine::kPlacesOfClientMax);
  CHECK(places_of(PasswordLine::kStrikesOfSuspect) == PasswordLine::kPlacesOfSuspectMax);
  LineWorld world;
  world.hold();
  for (size_t i = 0; i < PasswordLine::kPlacesOfClientMax; ++i)
    CHECK_FALSE(world.ask(1, "a" + std::to_string(i)).answer);
  CHECK(is_throttled(world.ask(1, "one too many").answer));
  for (size_t i = 0; i < PasswordLine::kPlacesOfSuspectMax; ++i)
    CHECK_FALSE(world.ask(2, "b" + std::to_string(i), PasswordLine::kStrikesOfSuspect).answer);
  CHECK(is_throttled(world.ask(2, "guess", PasswordLine::kStrikesOfSuspect).answer));
  CHECK_FALSE(world.ask(3, "right").answer);
  world.release();
  world.wait_for(world.all.size());
  CHECK(**world.all.back()->answer);
  CHECK(world.checked.size() == PasswordLine::kPlacesOfClientMax + PasswordLine::kPlacesOfSuspectMax + 1);
}

TEST_CASE("when the line is full, the newest of whoever has most gives way to a client with fewer") {
  LineWorld world;
  world.hold();
  const size_t clients = PasswordLine::kPlacesMax / PasswordLine::kPlacesOfClientMax;
  for (size_t client = 1; client <= clients; ++client) {
    for (size_t i = 0; i < PasswordLine::kPlacesOfClientMax; ++i)
      world.ask(client, std::to_string(client) + "-" + std::to_string(i));
  }
  REQUIRE(world.line.waiting() == PasswordLine::kPlacesMax);
  auto& right = world.ask(99, "right");
  CHECK_FALSE(right.answer);
  CHECK(world.line.waiting() == PasswordLine::kPlacesMax);
  world.wait_for(1);  // whoever has given way is told at once
  const auto& gone = *world.all[PasswordLine::kPlacesOfClientMax];
  CHECK(is_throttled(gone.answer));
  world.release();
  world.wait_for(world.all.size());
  CHECK(**right.answer);
  const auto& checked = world.checked;
  CHECK(std::find(checked.begin(), checked.end(), "1-15") == checked.end());
  CHECK(std::find(checked.begin(), checked.end(), "1-14") != checked.end());
}

TEST_CASE("those who ask for the same check wait for one, which takes one place and is made once") {
  LineWorld world;
  world.hold();
  std::vector<LineWorld::Asked*> asked;
  for (uint64_t client = 1; client <= 3; ++client) {
    for (int i = 0; i < 40; ++i) asked.push_back(&world.ask(client, "right"));
  }
  CHECK(world.line.waiting() == 1);
  world.release();
  world.wait_for(world.all.size());
  CHECK(world.checked == std::vector<std::string>{"right"});
  for (const auto* one : asked) CHECK(**one->answer);
}

TEST_CASE("a check that nobody waits for any more leaves the line, and what runs is not run beside") {
  LineWorld world;
  auto& gate = world.hold();
  auto& left = world.ask(1, "left");
  auto& shared = world.ask(1, "shared");
  world.ask(2, "shared");
  CHECK(world.line.waiting() == 2);
  left.task = {};
  CHECK(world.line.waiting() == 1);
  shared.task = {};
  CHECK(world.line.waiting() == 1);
  // Whoever held the thread leaves while it is held: the next one waits for the thread all the same.
  gate.task = {};
  world.ask(3, "next");
  CHECK(world.line.waiting() == 2);
  world.release();
  world.wait_for(2);
  CHECK(world.checked == std::vector<std::string>{"shared", "next"});
}

TEST_CASE("a line that ends while a check runs and others wait asks nobody any more") {
  auto world = std::make_unique<LineWorld>();
  world->ask(1, "runs, or has run");
  world->ask(1, "waits");
  world->all.clear();
  world.reset();
}

}  // namespace breakwater::routes
