#include "conf/last_words.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <string>

namespace breakwater::conf {
namespace {

constexpr std::array kFatal = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
constexpr unsigned kEndingMaxS = 2;  // then the alarm ends the process, whatever hangs

// What a signal handler can reach is global by its nature. Null: nobody has last words.
std::atomic<store::Log*> speaker = nullptr;
std::array<struct sigaction, kFatal.size()> earlier{};
std::terminate_handler earlier_terminate = nullptr;

// Once only: a fault in here, or of another thread meanwhile, ends the process as it would have without us.
void speak(int number) {
  ::alarm(kEndingMaxS);
  if (store::Log* log = speaker.exchange(nullptr)) log->write_last_words();
  for (size_t i = 0; i < kFatal.size(); ++i) {
    if (kFatal[i] == number) (void)::sigaction(number, &earlier[i], nullptr);
  }
  // abort() goes on to end the process, and a fault happens again.
}

[[noreturn]] void speak_of_exception() {
  ::alarm(kEndingMaxS);
  std::string what = "no exception";
  try {
    if (const auto thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    what = error.what();
  } catch (...) {
    what = "something that is no std::exception";
  }
  if (store::Log* log = speaker) log->error("terminated", {{"reason", what}});
  std::abort();
}

}  // namespace

LastWords::LastWords(store::Log& log) {
  speaker = &log;
  struct sigaction action {};
  action.sa_handler = speak;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < kFatal.size(); ++i) (void)::sigaction(kFatal[i], &action, &earlier[i]);
  earlier_terminate = std::set_terminate(speak_of_exception);
}

LastWords::~LastWords() {
  std::set_terminate(earlier_terminate);
  for (size_t i = 0; i < kFatal.size(); ++i) (void)::sigaction(kFatal[i], &earlier[i], nullptr);
  speaker = nullptr;
}

void keep_stderr_from_blocking() {
  struct stat found {};
  if (::fstat(STDERR_FILENO, &found) != 0) return;
  if (S_ISSOCK(found.st_mode)) {
    const int flags = ::fcntl(STDERR_FILENO, F_GETFL);
    if (flags >= 0) (void)::fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
  } else if (S_ISFIFO(found.st_mode) || ::isatty(STDERR_FILENO) != 0) {
    // Opened anew, because the flag belongs to what was opened, which others share.
    const int own = ::open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own < 0) return;
    (void)::dup2(own, STDERR_FILENO);
    (void)::close(own);
  }
}

}  // namespace breakwater::conf
