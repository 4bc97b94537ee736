// How the process ends, tried on processes of its own: each is a child of the test that hangs or dies.
#include "conf/ending.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>

#include "conf/last_words.h"
#include "test/catch.h"

namespace breakwater::conf {
namespace {

// A process that does `work`, whose stderr is a pipe of which we have the other end.
class Child {
 public:
  explicit Child(const std::function<void()>& work) {
    REQUIRE(::pipe(stderr_.data()) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::dup2(stderr_[1], STDERR_FILENO);
      ::close(stderr_[0]);
      ::close(stderr_[1]);
      work();
      ::_exit(0);
    }
    ::close(stderr_[1]);
  }
  ~Child() { ::close(stderr_[0]); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void signal(int number) const { REQUIRE(::kill(pid_, number) == 0); }
  // Until it says `words`.
  std::string hear(const std::string& words) {
    std::string said;
    std::array<char, 4096> piece{};
    while (said.find(words) == std::string::npos) {
      const ssize_t got = ::read(stderr_[0], piece.data(), piece.size());
      if (got <= 0) break;
      said.append(piece.data(), static_cast<size_t>(got));
    }
    return said;
  }
  int wait() const {
    int status = 0;
    REQUIRE(::waitpid(pid_, &status, 0) == pid_);
    return status;
  }

 private:
  std::array<int, 2> stderr_{};
  pid_t pid_ = -1;
};

void fill_stderr() {
  (void)::fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
  const std::array<char, 4096> bytes{};
  while (::write(STDERR_FILENO, bytes.data(), bytes.size()) > 0) {
  }
  (void)::fcntl(STDERR_FILENO, F_SETFL, 0);
}

enum class Stderr { read, unread };

// Serves, and takes no notice of any signal.
void hang(Stderr how) {
  Ending ending;
  keep_stderr_from_blocking();
  const auto log = store::make_log({});
  Ending::Asked asked;
  asked.terminate = [] {};
  ending.serve(0, std::move(asked), *log);
  (void)!::write(STDERR_FILENO, "hanging", 7);
  if (how == Stderr::unread) fill_stderr();
  for (;;) ::pause();
}

TEST_CASE("a process that hangs ends all the same after a signal, and says that it was by force") {
  Child child([] { hang(Stderr::read); });
  CHECK(child.hear("hanging").find("hanging") != std::string::npos);
  child.signal(SIGTERM);
  CHECK(child.hear("ended_by_force").find("error ended_by_force reason=") != std::string::npos);
  const int status = child.wait();
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 1);
}

TEST_CASE("a process that hangs ends although nobody reads its stderr") {
  Child child([] { hang(Stderr::unread); });
  CHECK(child.hear("hanging").starts_with("hanging"));
  child.signal(SIGTERM);
  const int status = child.wait();
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 1);
}

TEST_CASE("a signal before anything is served ends the process by it") {
  Child child([] {
    Ending ending;
    (void)!::write(STDERR_FILENO, "made", 4);
    for (;;) ::pause();
  });
  CHECK(child.hear("made") == "made");
  child.signal(SIGINT);
  const int status = child.wait();
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGINT);
}

// Says what it is asked for, after `says`.
Ending::Asked heard(const char* says) {
  const auto say = [says](const char* what) {
    const std::string text = std::string(says) + what;
    (void)!::write(STDERR_FILENO, text.data(), text.size());
  };
  Ending::Asked asked;
  asked.terminate = [say] {
    say(" terminate");
    ::_exit(7);
  };
  asked.reload = [say] { say(" reload"); };
  asked.replace = [say] { say(" replace"); };
  return asked;
}

TEST_CASE("SIGHUP asks for a reload, SIGUSR2 for a successor, and SIGUSR1 for nothing") {
  Child child([] {
    Ending ending;
    const auto log = store::make_log({});
    ending.serve(0, heard("asked to"), *log);
    (void)!::write(STDERR_FILENO, "made", 4);
    for (;;) ::pause();
  });
  CHECK(child.hear("made") == "made");
  child.signal(SIGHUP);
  CHECK(child.hear("reload") == "asked to reload");
  child.signal(SIGUSR1);
  child.signal(SIGUSR2);
  CHECK(child.hear("replace") == "asked to replace");
  child.signal(SIGTERM);
  CHECK(child.hear("terminate") == "asked to terminate");
  CHECK(WEXITSTATUS(child.wait()) == 7);
}

TEST_CASE("SIGINT asks for a restart where there can be one, and else it ends the process like SIGTERM") {
  const auto child_of = [](bool can_restart) {
    return Child([can_restart] {
      Ending ending;
      const auto log = store::make_log({});
      auto asked = heard("asked to");
      const auto restart = [] { (void)!::write(STDERR_FILENO, "asked to restart", 16); };
      if (can_restart) asked.restart = restart;
      ending.serve(10'000, std::move(asked), *log);
      (void)!::write(STDERR_FILENO, "made", 4);
      for (;;) ::pause();
    });
  };
  Child managed = child_of(true);
  CHECK(managed.hear("made") == "made");
  managed.signal(SIGINT);
  CHECK(managed.hear("restart") == "asked to restart");
  managed.signal(SIGTERM);
  CHECK(WEXITSTATUS(managed.wait()) == 7);
  Child alone = child_of(false);
  CHECK(alone.hear("made") == "made");
  alone.signal(SIGINT);
  CHECK(alone.hear("terminate") == "asked to terminate");
  CHECK(WEXITSTATUS(alone.wait()) == 7);
}

TEST_CASE("what signals ask for while the appliance is built anew is done as soon as it is") {
  std::array<int, 2> go_on{};
  REQUIRE(::pipe(go_on.data()) == 0);
  Child child([go_on] {
    Ending ending;
    const auto log = store::make_log({});
    ending.serve(10'000, heard("first"), *log);
    ending.stop_asking();
    (void)!::write(STDERR_FILENO, "made", 4);
    char byte = 0;
    (void)!::read(go_on[0], &byte, 1);
    ending.serve(10'000, heard("second"), *log);
    for (;;) ::pause();
  });
  CHECK(child.hear("made") == "made");
  child.signal(SIGTERM);
  (void)!::write(go_on[1], "x", 1);
  CHECK(child.hear("terminate") == "second terminate");
  CHECK(WEXITSTATUS(child.wait()) == 7);
}

void say_and(const std::function<void()>& die, Stderr how = Stderr::read) noexcept {
  if (how == Stderr::unread) fill_stderr();
  keep_stderr_from_blocking();
  const auto log = store::make_log({});
  const LastWords last_words(*log);
  log->error("catalog_lost", {{"path", "/data"}});
  die();
}

TEST_CASE(
    "what was logged before an abort, an uncaught exception or a fault is said before the process ends") {
  Child aborted([] { say_and([] { std::abort(); }); });
  CHECK(aborted.hear("catalog_lost path=/data\n").find("catalog_lost") != std::string::npos);
  CHECK(WTERMSIG(aborted.wait()) == SIGABRT);

  Child thrown([] { say_and([] { throw std::runtime_error("the reason"); }); });
  CHECK(thrown.hear("the reason\"\n").find("error terminated reason=\"the reason\"") != std::string::npos);
  CHECK(WTERMSIG(thrown.wait()) == SIGABRT);

  Child killed([] { say_and([] { (void)::raise(SIGBUS); }); });
  CHECK(killed.hear("catalog_lost path=/data\n").find("catalog_lost") != std::string::npos);
}

TEST_CASE("an abort ends the process although nobody reads its stderr") {
  Child aborted([] { say_and([] { std::abort(); }, Stderr::unread); });
  CHECK(WIFSIGNALED(aborted.wait()));
}

}  // namespace
}  // namespace breakwater::conf
