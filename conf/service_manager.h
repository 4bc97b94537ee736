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

namespace breakwater::conf {

// The listening sockets that systemd has bound, by socket units. Once, before any other process is started;
// what is no TCP socket that listens is closed, and said.
std::vector<InheritedListener> sockets_of_service_manager(store::Log& log);

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
