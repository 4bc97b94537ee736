#include "conf/successor.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>

#include "proxy/server/descriptor.h"

namespace breakwater::conf {
namespace {

constexpr char kTakeOver[] = "--take-over";

struct Started {
  int error = 0;
  pid_t process = 0;
};

Started spawn(char** arguments) {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  Started started;
  started.error = posix_spawn(&started.process, arguments[0], nullptr, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  return started;
}

tl::unexpected<Error> failed(Error::Kind kind, int error) {
  return failure(kind, "start this program once more: " + std::generic_category().message(error));
}

}  // namespace

std::vector<std::string> successor_command(int argc, const char* const* argv) {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return {};
  std::vector<std::string> command(argv, argv + argc);
  command.front() = program.string();
  if (std::find(command.begin(), command.end(), kTakeOver) == command.end()) command.emplace_back(kTakeOver);
  return command;
}

Result<pid_t> start_successor(const std::vector<std::string>& command) {
  if (command.empty()) return failed(Error::Kind::not_found, ENOENT);
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const auto& one : command) arguments.push_back(const_cast<char*>(one.c_str()));
  arguments.push_back(nullptr);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return failed(Error::Kind::unavailable, errno);
  const proxy::Descriptor read_end(ends[0]);
  proxy::Descriptor write_end(ends[1]);
  // The process between ends at once, which makes an orphan of the one that it has started.
  const pid_t between = fork();
  if (between < 0) return failed(Error::Kind::unavailable, errno);
  if (between == 0) {
    const Started started = spawn(arguments.data());
    (void)!write(write_end.fd(), &started, sizeof started);
    _exit(0);
  }
  write_end = proxy::Descriptor();
  Started started;
  ssize_t got = 0;
  while ((got = read(read_end.fd(), &started, sizeof started)) < 0 && errno == EINTR) continue;
  if (got != sizeof started) return failed(Error::Kind::unavailable, EIO);
  if (started.error != 0) return failed(Error::Kind::unavailable, started.error);
  return started.process;
}

}  // namespace breakwater::conf
