// `breakwater doctor`: looks at it from outside, as a client would, and at the machine that it is on. Each
// finding says what to do.
//
//   doctor  {"well": false, "findings": [{"about": "upstream", "of": "dockerhub", "state": "wrong",
//            "found": "https://registry-1.docker.io: …", "do": "…"}]}
//
// "state" is "well", "doubtful" or "wrong"; "do" is there unless it is well. Blocks for as long as upstreams
// take to answer, at most half a minute each, side by side.
#pragma once

#include <string>
#include <vector>

#include "conf/config.h"
#include "routes/ops/operation.h"

namespace breakwater::conf {

struct Finding {
  enum class State : uint8_t { well, doubtful, wrong };
  std::string about;  // "port", "upstream", "clock", "disk", "limits", "rights", "client"
  std::string of;     // which: a route, a client; "" of the machine
  State state = State::well;
  std::string found;
  std::string remedy;  // "" if it is well
};

std::vector<Finding> examine(const Config& config);

routes::Json doctor_json(const std::vector<Finding>& findings);
std::string doctor_words(const routes::Json& answer);

}  // namespace breakwater::conf
