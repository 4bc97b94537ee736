// Sends one request to the process that serves a data folder, over the socket in that folder, for verbs that
// only that process can do. Blocks until the answer is complete, however long that takes.
#pragma once

#include <filesystem>
#include <string>

#include "store/base/result.h"

namespace breakwater::conf {

struct LocalReply {
  int status = 0;
  std::string text;  // for the operator
};
// `unavailable` if no process serves there.
[[nodiscard]] Result<LocalReply> ask_server(const std::filesystem::path& data, const std::string& method,
                                            const std::string& target, const std::string& body);

}  // namespace breakwater::conf
