// The TCP sockets that servers listen on. Any thread.
#pragma once

#include <string>

#include "proxy/server/descriptor.h"
#include "store/base/result.h"

namespace breakwater::proxy {

// A socket that is bound to "127.0.0.1:5000", "[::1]:5000" or "0.0.0.0:0" and does not listen yet. The error
// is `invalid` for a malformed address, `conflict` if somebody else has it, or else says what the system
// said.
[[nodiscard]] Result<Descriptor> bind_listener(const std::string& address);
// The address of a socket, with its real port, as bind_listener() takes it.
std::string bound_address(int fd);
// Sets what a server wants of a listening socket, whoever has bound it.
[[nodiscard]] Result<> prepare_listener(int fd);

}  // namespace breakwater::proxy
