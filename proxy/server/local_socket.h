// Stream sockets that are a name in a folder (AF_UNIX): who may open the folder may connect, nobody else, and
// nobody from outside.
//
// The path may be of any length. The descriptors are close-on-exec; the caller closes them. Any thread.
#pragma once

#include <filesystem>

#include "store/base/result.h"

namespace breakwater::proxy {

// Bound but not listening yet, and non-blocking. What has the name is replaced: whoever calls has made sure
// that nobody else listens there. Only the user of this process, and root, may connect.
[[nodiscard]] Result<int> bind_local(const std::filesystem::path& path);
// Blocking. `unavailable` if nobody listens there.
[[nodiscard]] Result<int> connect_local(const std::filesystem::path& path);

}  // namespace breakwater::proxy
