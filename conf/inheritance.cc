#include "conf/inheritance.h"

#include <algorithm>

#include "proxy/server/listen_socket.h"

namespace breakwater::conf {

const InheritedListener* listener_for(const std::vector<InheritedListener>& listeners,
                                      const std::string& route, const ListenAddress& address) {
  const std::string text = address.text();
  const auto found = std::find_if(listeners.begin(), listeners.end(), [&](const InheritedListener& one) {
    if (address.port() == 0) return one.route == route && one.address == text;
    return proxy::bound_address(one.socket.fd()) == text;
  });
  return found == listeners.end() ? nullptr : &*found;
}

}  // namespace breakwater::conf
