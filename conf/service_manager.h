// What systemd is told of this process, and what it has made for it. Does nothing where no service manager
// wants to know (NOTIFY_SOCKET, LISTEN_FDS and WATCHDOG_USEC are not set). Any thread; at most a few
// microseconds.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "conf/inheritance.h"
#include "proxy/loop/loop.h"
#include "store/base/log.h"
#include "store/base/result.h"

namespace breakwater::conf {

// What systemd has for this process.
struct FromServiceManager {
  std::vector<InheritedListener> listeners;  // that it has bound, by socket units
  proxy::Descriptor kept;                    // by keep(), of the process before; none if it kept nothing
};
// Once, before any other process is started; what is neither is closed, and said. From then on systemd keeps
// nothing.
FromServiceManager take_from_service_manager(store::Log& log);

// Whether there is one that can keep something.
bool has_service_manager();
// Leaves a local socket with systemd for the process that it starts in the place of this one, on a restart or
// after a failure; it is closed when neither is to come. `other` is the socket's other end. `unavailable` if
// systemd has not kept it: the unit needs FileDescriptorStoreMax=.
[[nodiscard]] Result<> keep(proxy::Descriptor socket, const proxy::Descriptor& other);

// How often it wants to hear that we are alive; nothing if it does not. This process alone is meant from now
// on, and so is its successor, whose number systemd did not know.
std::optional<proxy::Millis> watchdog_interval();

void tell_ready(const std::string& status);  // at the start, and after a change
void tell_status(const std::string& status);
void tell_alive();
void tell_reloading();
void tell_stopping();
void tell_successor(pid_t process);  // which is the service from now on

}  // namespace breakwater::conf
