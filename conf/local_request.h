// Sends one request to the process that serves a data folder, over the socket in that folder. Blocks until
// the answer is complete, however long that takes.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "store/base/result.h"

namespace breakwater::conf {

struct LocalRequest {
  std::string method, target;
  std::string accept = {};
  std::string json = {};  // the body, if there is one
};
struct LocalReply {
  int status = 0;
  std::string body;  // without what `on_line` was given
};
// `stop`: the connection is closed, and with it ends what was asked for; the error is `internal` then.
// `on_line` is given each whole line of a successful answer's body as it comes, without its end; null: all is
// in the body. `unavailable` if no process serves there.
[[nodiscard]] Result<LocalReply> ask_server(const std::filesystem::path& data, const LocalRequest& request,
                                            const std::function<void(std::string_view line)>& on_line,
                                            const std::stop_token& stop = {});

}  // namespace breakwater::conf
