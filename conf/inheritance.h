// What one Appliance leaves to the next, in the same process after a reload or in another after a restart:
// the listening sockets and the clients' connections. While somebody has them, no client is refused or cut
// off.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "conf/listen_address.h"
#include "proxy/server/descriptor.h"
#include "proxy/server/handed_connection.h"

namespace breakwater::conf {

struct InheritedListener {
  proxy::Descriptor socket;
  // Whose it was and how the configuration named its address; "" if systemd has made it.
  std::string route = {};
  std::string address = {};
};

struct InheritedConnection {
  std::string route;
  proxy::HandedConnection connection;
};

struct Inheritance {
  std::vector<InheritedListener> listeners;
  std::vector<InheritedConnection> connections;
  // The addresses of the listeners that systemd has made, and holds itself over a restart.
  std::vector<std::string> systemd_addresses;
};

// The listener for an address of `route`, or null: one that is bound to that very address, or for port 0 the
// one that was bound for it.
const InheritedListener* listener_for(const std::vector<InheritedListener>& listeners,
                                      const std::string& route, const ListenAddress& address);

}  // namespace breakwater::conf
