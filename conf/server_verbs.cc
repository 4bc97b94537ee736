#include "conf/server_verbs.h"

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <iostream>
#include <stop_token>
#include <string>
#include <utility>

#include "conf/local_request.h"
#include "conf/open_folder.h"
#include "conf/part_settings.h"
#include "routes/ops/control.h"
#include "store/base/printable.h"
#include "store/upkeep/backup.h"

namespace breakwater::conf {
namespace {

int fail(const Error& error) {
  std::cerr << store::printable(error.message) << "\n";
  return 1;
}

// Prints the answer of the process that serves the folder, or if none does, the result of `answer` about the
// opened folder. A folder that does not exist is an error; opening would make it.
int tell(Config config, const Result<LocalReply>& asked,
         const std::function<Result<std::string>(store::Store&)>& answer) {
  if (asked) {
    (asked->status == 200 ? std::cout : std::cerr) << asked->body;
    return asked->status == 200 ? 0 : 1;
  }
  if (asked.error().kind != Error::Kind::unavailable) return fail(asked.error());
  if (auto there = check_folder(config); !there) return fail(there.error());
  if (auto become = become_owner(config); !become) return fail(become.error());
  OpenFolder folder;
  // Evicting is for the process that serves.
  if (auto opened = open_folder(config, folder, Bounds::ignored); !opened) return fail(opened.error());
  const auto said = answer(*folder.store);
  if (!said) return fail(said.error());
  std::cout << *said << "\n";
  return 0;
}

}  // namespace

int why(const Config& config, const Options& options) {
  return tell(config, ask_server(config.data, {"POST", "/why", "", options.what}, nullptr),
              [&](store::Store& store) { return routes::explanation_of(store, options.what); });
}

int plan_collection(const Config& config) {
  return tell(config, ask_server(config.data, {"GET", "/plan"}, nullptr), routes::plan_text);
}

}  // namespace breakwater::conf
