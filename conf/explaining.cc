#include "conf/explaining.h"

#include <functional>
#include <iostream>
#include <string>

#include "conf/local_request.h"
#include "conf/open_folder.h"
#include "routes/control.h"

namespace breakwater::conf {
namespace {

int fail(const Error& error) {
  std::cerr << error.message << "\n";
  return 1;
}

// What the process that serves the folder answers, or `words` of the folder itself if none does.
int tell(const Config& config, const Result<LocalReply>& asked, const std::function<Result<std::string>(store::Store&)>& words) {
  if (asked) {
    (asked->status == 200 ? std::cout : std::cerr) << asked->text;
    return asked->status == 200 ? 0 : 1;
  }
  if (asked.error().kind != Error::Kind::unavailable) return fail(asked.error());
  std::error_code none;
  if (!std::filesystem::exists(config.data / "catalog", none)) return fail({Error::Kind::not_found, config.data.string() + " is no data folder", 0});
  OpenFolder folder;
  if (auto opened = open_folder(config, folder); !opened) return fail(opened.error());
  const auto said = words(*folder.store);
  if (!said) return fail(said.error());
  std::cout << *said << "\n";
  return 0;
}

}  // namespace

int why(const Config& config, const Options& options) {
  return tell(config, ask_server(config.data, "POST", "/why", options.of), [&](store::Store& store) { return routes::words_of_why(store, options.of); });
}

int plan_collection(const Config& config) { return tell(config, ask_server(config.data, "GET", "/plan", ""), routes::words_of_plan); }

}  // namespace breakwater::conf
