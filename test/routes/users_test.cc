// Users by their passwords: what is remembered, what is forgotten, and that the file can be changed at any
// time.
#include "routes/access/users.h"

#include <fstream>
#include <future>

#include "test/catch.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_log.h"
#include "test/fakes/made_passwords.h"
#include "test/fakes/run.h"
#include "test/fakes/store_world.h"

namespace breakwater::routes {
namespace {

using std::chrono::seconds;
using test::hash_of;
using test::htpasswd_line;
using test::run;

using Answer = std::optional<Result<Identity>>;
proxy::Task<> keep(proxy::Task<Result<Identity>> task, Answer& into) { into = co_await std::move(task); }
proxy::Task<> until_ended(proxy::Tasks& tasks) {
  while (tasks.size() > 0) co_await tasks.ended().wait();
}

struct UsersWorld {
  test::Folder folder;
  const std::filesystem::path file = folder.path() / "users";
  test::FakeClock clock;
  test::FakeLog log;
  proxy::Loop loop;
  proxy::Workers workers{loop, 1};
  PasswordLine line{loop};
  proxy::Peer peer{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 7}, "10.0.0.7"};
  UsersSettings settings{file, {{"ci", {"alice", "robot"}}, {"ops", {"alice"}}}};
  std::unique_ptr<Users> users;

  explicit UsersWorld(const std::string& text = htpasswd_line("alice", "secret one") +
                                                htpasswd_line("bob", "secret two")) {
    write(text);
    users = std::make_unique<Users>(loop, workers, line, clock, log, settings);
  }
  // As an editor does: a new file takes the place of the old one.
  void write(const std::string& text) const {
    const auto made = folder.path() / "users.new";
    std::ofstream(made) << text;
    std::filesystem::rename(made, file);
  }
  void look() { run(loop, users->look()); }
  Result<Identity> identify(const std::string& user, const std::string& password) {
    const store::Secret secret(password);
    return run(loop, users->identify(user, secret, peer));
  }
  bool lets_in(const std::string& user, const std::string& password) {
    const auto who = identify(user, password);
    if (!who) {
      CHECK(who.error().kind == Error::Kind::denied);
      CHECK(who.error().message == "no user here has this name and this password");
    }
    return who.has_value();
  }
  void expect_no_secret() const {
    for (const auto& logged : log.lines()) {
      CAPTURE(logged);
      CHECK(logged.find("secret") == std::string::npos);
      CHECK(logged.find("$2") == std::string::npos);
    }
  }
};

}  // namespace

TEST_CASE("a user is let in by the right password, and a stranger is refused in the words of a wrong one") {
  UsersWorld world;
  const auto alice = world.identify("alice", "secret one");
  REQUIRE(alice);
  CHECK(alice->name == "alice");
  CHECK(alice->groups == std::vector<std::string>{"ci", "ops"});
  CHECK_FALSE(alice->grant);
  CHECK(world.identify("bob", "secret two")->groups.empty());
  CHECK_FALSE(world.lets_in("alice", "secret two"));
  CHECK_FALSE(world.lets_in("alice", ""));
  CHECK_FALSE(world.lets_in("Alice", "secret one"));
  CHECK_FALSE(world.lets_in("", "secret one"));
  // A stranger costs a hash as well, and is not let in by the password of whose hash that is.
  const auto hashed = world.users->hashed_total();
  CHECK_FALSE(world.lets_in("carol", "secret one"));
  CHECK_FALSE(world.lets_in("carol", "secret two"));
  CHECK(world.users->hashed_total() == hashed + 2);
  CHECK(world.users->wrong_total() == 6);
  world.expect_no_secret();
}

TEST_CASE("a right password is remembered for a minute, a wrong one never") {
  UsersWorld world;
  for (int i = 0; i < 3; ++i) CHECK(world.lets_in("alice", "secret one"));
  CHECK(world.users->hashed_total() == 1);
  world.clock.advance(RememberedPasswords::kFor - std::chrono::milliseconds(1));
  CHECK(world.lets_in("alice", "secret one"));
  CHECK(world.users->hashed_total() == 1);
  world.clock.advance(std::chrono::milliseconds(1));
  CHECK(world.lets_in("alice", "secret one"));
  CHECK(world.users->hashed_total() == 2);
  for (int i = 0; i < 3; ++i) CHECK_FALSE(world.lets_in("alice", "wrong"));
  CHECK(world.users->hashed_total() == 5);
  CHECK_FALSE(world.lets_in("bob", "secret one"));
}

TEST_CASE("a changed file counts from the next look on: new users enter, and old passwords are forgotten") {
  UsersWorld world;
  CHECK(world.lets_in("alice", "secret one"));
  CHECK(world.lets_in("bob", "secret two"));
  world.write(htpasswd_line("alice", "another secret") + htpasswd_line("carol", "secret three"));
  CHECK(world.lets_in("alice", "secret one"));
  world.look();
  CHECK_FALSE(world.lets_in("alice", "secret one"));
  CHECK(world.lets_in("alice", "another secret"));
  CHECK_FALSE(world.lets_in("bob", "secret two"));
  CHECK(world.lets_in("carol", "secret three"));
  CHECK(world.log.count("users_read") == 2);
  // What is not changed is not read as changed, even if somebody has written it anew.
  const auto hashed = world.users->hashed_total();
  world.look();
  CHECK(world.lets_in("carol", "secret three"));
  CHECK(world.users->hashed_total() == hashed);
  CHECK(world.log.count("users_read") == 2);
  world.expect_no_secret();
}

TEST_CASE("a change that keeps the file's size and time is seen all the same") {
  const std::string one = htpasswd_line("alice", "secret one"), two = htpasswd_line("alice", "secret two");
  UsersWorld world(one);
  CHECK(world.lets_in("alice", "secret one"));
  const auto time = std::filesystem::last_write_time(world.file);
  std::ofstream(world.file, std::ios::in) << two;  // in place
  std::filesystem::last_write_time(world.file, time);
  world.look();
  CHECK_FALSE(world.lets_in("alice", "secret one"));
  CHECK(world.lets_in("alice", "secret two"));
}

TEST_CASE("a broken or missing new file leaves the users as they were, and says so once") {
  UsersWorld world;
  world.write("alice:secret\n");
  for (int i = 0; i < 3; ++i) world.look();
  CHECK(world.lets_in("alice", "secret one"));
  CHECK(world.log.count("error users_not_read") == 1);
  CHECK(world.log.contains("line 1 has a plain password"));
  std::filesystem::remove(world.file);
  for (int i = 0; i < 3; ++i) world.look();
  CHECK(world.lets_in("bob", "secret two"));
  CHECK(world.log.count("error users_not_read") == 2);
  CHECK(world.log.contains("No such file"));
  std::filesystem::create_directory(world.file);
  world.look();
  CHECK(world.log.contains("it is no regular file"));
  std::filesystem::remove(world.file);
  world.write(htpasswd_line("dora", "secret four"));
  world.look();
  CHECK(world.lets_in("dora", "secret four"));
  CHECK_FALSE(world.lets_in("bob", "secret two"));
}

TEST_CASE("a password that waits while the file changes counts by what the file says then") {
  const std::string bob = htpasswd_line("bob", "secret two");
  UsersWorld world(htpasswd_line("alice", "secret one") + bob);
  std::promise<void> gate;
  auto hold = [opened = gate.get_future().share()] {
    opened.wait();
    return true;
  };
  auto held = world.line.check({0, "gate", 0}, hold);
  held.start();
  const store::Secret old_one("secret one"), new_one("new secret"), two("secret two");
  Answer with_old, with_new, unchanged;
  proxy::Tasks tasks(world.loop);
  tasks.spawn(keep(world.users->identify("alice", old_one, world.peer), with_old));
  tasks.spawn(keep(world.users->identify("alice", new_one, world.peer), with_new));
  tasks.spawn(keep(world.users->identify("bob", two, world.peer), unchanged));
  world.write(htpasswd_line("alice", "new secret") + bob);
  world.look();
  CHECK(world.line.waiting() == 3);
  gate.set_value();
  run(world.loop, until_ended(tasks));
  CHECK_FALSE(*with_old);
  CHECK(*with_new);
  CHECK(*unchanged);
  CHECK(world.users->hashed_total() == 5);
}

TEST_CASE(
    "who is wrong often is named in the log once a minute, without what was given, and has fewer places") {
  UsersWorld world;
  for (uint64_t i = 0; i < PasswordLine::kStrikesOfSuspect + 5; ++i)
    CHECK_FALSE(world.lets_in("secret typed as a name", "guess " + std::to_string(i)));
  CHECK(world.log.count("warning passwords_wrong client=10.0.0.7") == 1);
  CHECK(world.lets_in("alice", "secret one"));
  world.clock.advance(Strikes::kFor);
  for (uint64_t i = 0; i < PasswordLine::kStrikesOfSuspect; ++i)
    CHECK_FALSE(world.lets_in("alice", "guess " + std::to_string(i)));
  CHECK(world.log.count("warning passwords_wrong") == 2);
  world.expect_no_secret();
}

TEST_CASE("strikes are counted by client, end after a minute, and are forgotten when there are too many") {
  test::FakeClock clock;
  Strikes strikes(clock);
  CHECK(strikes.of(1) == 0);
  CHECK(strikes.add(1) == 1);
  clock.advance(seconds(59));
  CHECK(strikes.add(1) == 2);
  CHECK(strikes.of(2) == 0);
  clock.advance(seconds(1));
  CHECK(strikes.of(1) == 0);
  CHECK(strikes.add(1) == 1);
  for (uint64_t client = 2; client <= Strikes::kClientsMax; ++client) {
    clock.advance(std::chrono::milliseconds(1));
    strikes.add(client);
  }
  strikes.add(Strikes::kClientsMax + 1);
  CHECK(strikes.of(1) == 0);
  CHECK(strikes.of(2) == 1);
}

TEST_CASE("what is remembered is bounded, and tells no user and no password") {
  test::FakeClock clock;
  RememberedPasswords remembered(clock), other(clock);
  const store::Secret bc("bc"), c("c");
  CHECK(remembered.key_of("a", bc) != remembered.key_of("ab", c));
  CHECK(remembered.key_of("a", bc) == remembered.key_of("a", bc));
  CHECK(remembered.key_of("a", bc) != other.key_of("a", bc));
  for (size_t i = 0; i < RememberedPasswords::kEntriesMax + 10; ++i) remembered.add(std::to_string(i));
  CHECK(remembered.size() == RememberedPasswords::kEntriesMax);
  CHECK_FALSE(remembered.has("9"));
  CHECK(remembered.has("10"));
  remembered.add("10");
  CHECK(remembered.size() == RememberedPasswords::kEntriesMax);
  clock.advance(RememberedPasswords::kFor);
  CHECK_FALSE(remembered.has("10"));
  remembered.add("one more");
  CHECK(remembered.size() == 1);
  remembered.clear();
  CHECK_FALSE(remembered.has("one more"));
}

}  // namespace breakwater::routes
