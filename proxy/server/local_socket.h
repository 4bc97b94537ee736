// Stream sockets that are a name in a folder (AF_UNIX). Only a process on this machine that may enter the
// folder can connect.
//
// The path may be of any length. The descriptors are close-on-exec, and the caller closes them. Any thread.
#pragma once

#include <filesystem>

#include "store/base/result.h"

namespace breakwater::proxy {

// A non-blocking socket that is bound to `path` and not listening yet. A file of that name is replaced, so
// the caller must have made sure that nobody else listens there. Only the user of this process and root may
// connect.
[[nodiscard]] Result<int> bind_local(const std::filesystem::path& path);
// A blocking socket, connected to `path`. The error is `unavailable` if nobody listens there.
[[nodiscard]] Result<int> connect_local(const std::filesystem::path& path);

}  // namespace breakwater::proxy
