#include "conf/service_manager.h"

#include <poll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string_view>
#include <system_error>

namespace breakwater::conf {
namespace {

constexpr std::string_view kKeptName = "inheritance";
constexpr uint64_t kKeepMaxUs = 5'000'000;

struct FreeNames {
  void operator()(char** names) const {
    for (char** name = names; *name != nullptr; ++name) std::free(*name);
    std::free(static_cast<void*>(names));
  }
};
using Names = std::unique_ptr<char*, FreeNames>;

tl::unexpected<Error> not_kept(const std::string& why) {
  return failure(Error::Kind::unavailable, "leave the connections with the service manager: " + why);
}

// A failure is not ours to mend: systemd ends a service of which it hears nothing.
void notify(const std::string& state) { (void)sd_notify(0, state.c_str()); }

void forget_kept() { notify("FDSTOREREMOVE=1\nFDNAME=" + std::string(kKeptName)); }

}  // namespace

FromServiceManager take_from_service_manager(store::Log& log) {
  FromServiceManager found;
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(1, &names);
  const Names owned(names);
  for (int i = 0; i < count; ++i) {
    const int fd = SD_LISTEN_FDS_START + i;
    proxy::Descriptor socket(fd);
    if (std::string_view(names[i]) == kKeptName) {
      found.kept = std::move(socket);
    } else if (sd_is_socket_inet(fd, AF_UNSPEC, SOCK_STREAM, 1, 0) > 0) {
      found.listeners.push_back({std::move(socket)});
    } else {
      log.warning("socket_not_usable",
                  {{"descriptor", int64_t{fd}},
                   {"advice", "a socket unit needs ListenStream= with an address and a port"}});
    }
  }
  if (found.kept.fd() >= 0) forget_kept();
  return found;
}

bool has_service_manager() {
  const char* socket = ::getenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return socket != nullptr && *socket != '\0';
}

Result<> keep(proxy::Descriptor socket, const proxy::Descriptor& other) {
  // It is not polled, because its other end will be closed, and systemd would take that for its end.
  const std::string state = "FDSTORE=1\nFDPOLL=0\nFDNAME=" + std::string(kKeptName);
  const int fd = socket.fd();
  int told = sd_pid_notify_with_fds(0, 0, state.c_str(), &fd, 1);
  // A notification of a process that has ended meanwhile is nobody's.
  if (told > 0) told = sd_notify_barrier(0, kKeepMaxUs);
  if (told == 0) return not_kept("there is none");
  if (told < 0) {
    forget_kept();  // it may have it all the same
    return not_kept(std::generic_category().message(-told));
  }
  socket = proxy::Descriptor();
  // Who has not kept it has closed it.
  pollfd one{other.fd(), POLLIN, 0};
  if (poll(&one, 1, 0) > 0 && (one.revents & POLLHUP) != 0)
    return not_kept("it keeps nothing: the unit needs FileDescriptorStoreMax=1");
  return {};
}

std::optional<proxy::Millis> watchdog_interval() {
  uint64_t us = 0;
  const bool is_wanted = sd_watchdog_enabled(0, &us) > 0;
  ::unsetenv("WATCHDOG_PID");  // NOLINT(concurrency-mt-unsafe): before other threads run
  if (!is_wanted) return std::nullopt;
  return proxy::Millis(static_cast<int64_t>(us / 1000));
}

void tell_ready(const std::string& status) { notify("READY=1\nSTATUS=" + status); }
void tell_status(const std::string& status) { notify("STATUS=" + status); }
void tell_alive() { notify("WATCHDOG=1"); }
void tell_stopping() { notify("STOPPING=1\nSTATUS=ending"); }
void tell_successor(pid_t process) { notify("MAINPID=" + std::to_string(process)); }

void tell_reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t us = int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
  notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us) + "\nSTATUS=reloading");
}

}  // namespace breakwater::conf
