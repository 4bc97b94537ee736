#include "conf/looking.h"

#include <iostream>
#include <sstream>
#include <string>
#include <thread>

#include "conf/describe.h"
#include "conf/exit_status.h"
#include "conf/interrupts.h"
#include "conf/open_folder.h"
#include "conf/progress_line.h"
#include "conf/verify.h"
#include "conf/warnings.h"
#include "routes/ops/operation.h"
#include "store/base/printable.h"

namespace breakwater::conf {
namespace {

using routes::Json;

void print(const Json& json) {
  std::cout << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

Json json_of(const Verified& verified, const Config& config) {
  Json json;
  json["folder"] = std::filesystem::absolute(config.data).string();
  json["blobs"] = verified.blobs;
  json["bytes"] = verified.bytes;
  json["broken"] = verified.broken;
  json["findings"] = verified.findings;
  json["well"] = verified.broken == 0;
  return json;
}

}  // namespace

int see_configuration(const tl::expected<Config, ConfigErrors>& config,
                      const std::optional<std::filesystem::path>& file, Printed printed) {
  Json json;
  json["configuration"] = file ? file->string() : "built in";
  json["errors"] = config ? std::vector<std::string>() : config.error().lines;
  json["warnings"] = config ? warnings(*config) : std::vector<std::string>();
  if (config) json["folder"] = std::filesystem::absolute(config->data).string();
  json["runs"] = config ? lines_of(describe(*config)) : std::vector<std::string>();
  json["well"] = config.has_value();
  if (printed == Printed::json) {
    print(json);
    return config ? kDone : kWrong;
  }
  for (const auto& line : json["errors"]) std::cerr << line.get<std::string>() << "\n";
  for (const auto& line : json["warnings"]) std::cerr << "warning: " << line.get<std::string>() << "\n";
  for (const auto& line : json["runs"]) std::cout << line.get<std::string>() << "\n";
  return config ? kDone : kWrong;
}

int see_folder(const Config& config, Printed printed) {
  if (const auto there = check_folder(config); !there) {
    std::cerr << store::printable(there.error().message) << "\n";
    return kNotTried;
  }
  const Interrupts interrupts;
  ProgressLine line;
  routes::Progress progress;
  const auto disk = store::make_posix_disk();
  const auto say = [&](const std::string& text) {
    if (printed == Printed::words) line.say(text);
  };
  std::jthread shows([&](const std::stop_token& end) { line.follow(progress, end); });
  const auto verified = verify(config, *disk, {say, &progress, interrupts.stop()});
  shows.request_stop();
  shows.join();
  if (!verified) {
    std::cerr << "not verified: " << store::printable(verified.error().message) << "\n";
    return kNotTried;
  }
  if (printed == Printed::json) print(json_of(*verified, config));
  if (printed == Printed::words) std::cout << verified->words();
  return verified->broken == 0 ? kDone : kWrong;
}

}  // namespace breakwater::conf
