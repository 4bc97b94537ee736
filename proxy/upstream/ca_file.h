// Certificates to trust. Any thread.
#pragma once

#include <string>

#include "store/base/result.h"

namespace breakwater::proxy {

// Whether HttpClient can use the file: it can be read, and holds at least one certificate in PEM. The error
// is `invalid` and names the file.
[[nodiscard]] Result<> check_ca_file(const std::string& path);

}  // namespace breakwater::proxy
