// breakwater serve | check-config | verify | doctor | version, and the verbs of routes/ops/operations.h
#include <sys/stat.h>

#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "conf/config.h"
#include "conf/doctor.h"
#include "conf/exit_status.h"
#include "conf/listeners.h"
#include "conf/looking.h"
#include "conf/operation_verbs.h"
#include "conf/options.h"
#include "conf/own_names.h"
#include "conf/serving.h"
#include "conf/successor.h"
#include "store/base/printable.h"

namespace breakwater::conf {
namespace {

constexpr char kConfigFile[] = "/etc/breakwater/breakwater.json";

// The file that is named, else the one of this machine if it has one.
std::optional<std::filesystem::path> config_file(const Options& options) {
  std::error_code error;
  if (options.config || !std::filesystem::exists(kConfigFile, error)) return options.config;
  return kConfigFile;
}

tl::expected<Config, ConfigErrors> config_of(const std::optional<std::filesystem::path>& file,
                                             const Options& options) {
  auto config = file ? read_config(*file) : tl::expected<Config, ConfigErrors>(default_config());
  if (config && file) config->data_from = file->string();
  if (config && options.data) config->data = *options.data;
  if (config && options.data) config->data_from = "--data";
  if (auto checked = config ? check_data(config->data) : Result<>(); !checked) {
    ConfigErrors errors;
    errors.lines.push_back("--data: " + checked.error().message);
    return tl::unexpected<ConfigErrors>(std::move(errors));
  }
  const bool listens = options.verb == Verb::serve || options.verb == Verb::check_config;
  // Messages then have paths that a client is not told (routes/oci/client_text.h).
  if (config && listens) config->data = std::filesystem::absolute(config->data);
  if (config && listens) config->own_names = own_names(*config);
  if (config && listens) return resolve_listeners(std::move(*config), resolve_by_system);
  return config;
}

int see_doctor(const Config& config, bool as_json) {
  const auto answer = doctor_json(examine(config));
  std::cout << (as_json ? answer.dump(2) + "\n" : doctor_words(answer));
  return answer["well"].get<bool>() ? 0 : 1;
}

// Nobody but the owner and their group reads what is stored, also without the umask of the systemd unit.
constexpr mode_t kUmask = 027;

// On stderr, beside the answer.
void tell_folder(const Config& config, const std::optional<std::filesystem::path>& file) {
  std::cerr << "folder " << store::printable(std::filesystem::absolute(config.data).string())
            << ", configuration " << (file ? store::printable(file->string()) : "built in") << "\n";
}

int run(const Options& options, const std::vector<std::string>& successor) {
  ::umask(kUmask);
  if (options.verb == Verb::version) {
    std::cout << "breakwater " << version() << "\n";
    return 0;
  }
  const auto file = config_file(options);
  auto config = config_of(file, options);
  const Printed printed = options.json ? Printed::json : Printed::words;
  if (!config && options.verb == Verb::check_config) return see_configuration(config, file, printed);
  if (!config) {
    for (const auto& line : config.error().lines) std::cerr << line << "\n";
    return options.verb == Verb::serve ? kWrong : kNotTried;
  }
  if (options.verb == Verb::serve)
    return serve(*std::move(config), {[options] { return config_of(config_file(options), options); },
                                      options.take_over, successor});
  // What check-config prints begins with the folder.
  if (options.verb != Verb::check_config) tell_folder(*config, file);
  if (options.verb == Verb::doctor) return see_doctor(*config, options.json);
  if (options.verb == Verb::verify) return see_folder(*config, printed);
  if (options.verb == Verb::operation) return run_operation(*config, options);
  return see_configuration(config, file, printed);
}

}  // namespace
}  // namespace breakwater::conf

int main(int argc, char** argv) {
  namespace conf = breakwater::conf;
  auto parsed = conf::parse_options(argc, argv);
  if (const auto* exit = std::get_if<conf::Exit>(&parsed)) {
    (exit->code == 0 ? std::cout : std::cerr) << exit->text;
    return exit->code;
  }
  const int status = conf::run(std::get<conf::Options>(parsed), conf::successor_command(argc, argv));
  // What was to be told and could not be is a failure: a full disk, a pipe that nobody reads.
  return status == 0 && !std::cout.flush() ? 1 : status;
}
