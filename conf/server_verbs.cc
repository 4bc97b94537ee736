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

enum class As { owner, self };  // the user as whom root opens the folder

// Prints the answer of the process that serves the folder, or if none does, the result of `answer` about the
// opened folder. A folder that does not exist is an error; opening would make it.
int tell(Config config, const Result<LocalReply>& asked, As as,
         const std::function<Result<std::string>(store::Store&)>& answer) {
  if (asked) {
    (asked->status == 200 ? std::cout : std::cerr) << asked->text;
    return asked->status == 200 ? 0 : 1;
  }
  if (asked.error().kind != Error::Kind::unavailable) return fail(asked.error());
  if (auto there = check_folder(config); !there) return fail(there.error());
  if (auto become = as == As::owner ? become_owner(config) : Result<>(); !become) return fail(become.error());
  OpenFolder folder;
  // Evicting is for the process that serves.
  if (auto opened = open_folder(config, folder, Bounds::ignored); !opened) return fail(opened.error());
  const auto said = answer(*folder.store);
  if (!said) return fail(said.error());
  std::cout << *said << "\n";
  return 0;
}

// Whether the operator has typed the route's name.
bool is_confirmed(const std::string& route) {
  std::cout << "This cannot be undone. To go on, type the name of the route: " << std::flush;
  std::string typed;
  return std::getline(std::cin, typed) && typed == route;
}

Error not_confirmed() { return {Error::Kind::invalid, "nothing was done", 0}; }

}  // namespace

int why(const Config& config, const Options& options) {
  return tell(config, ask_server(config.data, "POST", "/why", options.what), As::owner,
              [&](store::Store& store) { return routes::explanation_of(store, options.what); });
}

int plan_collection(const Config& config) {
  return tell(config, ask_server(config.data, "GET", "/plan", ""), As::owner, routes::plan_text);
}

int back_up(const Config& config, const Options& options) {
  const auto to = std::filesystem::absolute(options.to);
  // The caller stays who they are, because they may write where the folder's owner may not.
  return tell(config, ask_server(config.data, "POST", "/backup", to.string()), As::self,
              [&](store::Store& store) -> Result<std::string> {
                const auto done = store.backup().back_up(to, std::stop_token());
                if (!done) return failure(done.error());
                return routes::backup_summary(*done);
              });
}

int forget_route(const Config& config, const Options& options) {
  const std::string& route = options.route;
  const auto look = [&](store::Store& store) { return routes::left_of_route_text(store, route); };
  const auto forget = [&](store::Store& store) {
    return routes::forget_route_text(store, route, std::stop_token());
  };
  const auto ask_for_plan = [&] { return ask_server(config.data, "POST", "/forget-route/plan", route); };
  if (options.dry_run) return tell(config, ask_for_plan(), As::owner, look);
  if (!options.yes && ::isatty(STDIN_FILENO) == 1) {
    const auto planned = ask_for_plan();
    const bool is_planned = planned && planned->status == 200;
    if (is_planned) std::cout << planned->text;
    if (is_planned && !is_confirmed(route)) return fail(not_confirmed());
    // Nobody serves the folder, or there is nothing to do.
    if (!is_planned) {
      return tell(config, planned, As::owner, [&](store::Store& store) -> Result<std::string> {
        auto left = look(store);
        if (!left) return left;
        std::cout << *left << "\n";
        return is_confirmed(route) ? forget(store) : failure(not_confirmed());
      });
    }
  }
  return tell(config, ask_server(config.data, "POST", "/forget-route", route), As::owner, forget);
}

}  // namespace breakwater::conf
