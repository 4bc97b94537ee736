#include "conf/service_manager.h"

#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace breakwater::conf {
namespace {

// A failure is not ours to mend: systemd ends a service of which it hears nothing.
void notify(const std::string& state) { (void)sd_notify(0, state.c_str()); }

}  // namespace

std::vector<InheritedListener> sockets_of_service_manager(store::Log& log) {
  std::vector<InheritedListener> found;
  const int count = sd_listen_fds(1);
  for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; ++fd) {
    proxy::Descriptor socket(fd);
    if (sd_is_socket_inet(fd, AF_UNSPEC, SOCK_STREAM, 1, 0) > 0) {
      found.push_back({std::move(socket)});
    } else {
      log.warning("socket_not_usable",
                  {{"descriptor", int64_t{fd}},
                   {"advice", "a socket unit needs ListenStream= with an address and a port"}});
    }
  }
  return found;
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
