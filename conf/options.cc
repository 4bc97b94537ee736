#include "conf/options.h"

#include <CLI/CLI.hpp>
#include <sstream>

namespace breakwater::conf {
namespace {

void add_verb(CLI::App& app, Options& options, Verb verb, const std::string& name, const std::string& text) {
  auto* command = app.add_subcommand(name, text);
  command->callback([&options, verb] { options.verb = verb; });
  if (verb == Verb::version) return;
  command->add_option("--config", options.config, "The configuration file: JSON with comments")->type_name("FILE");
  command->add_option("--data", options.data, "Where everything is kept; goes before the configuration's \"data\"")->type_name("DIR");
}

}  // namespace

std::variant<Options, Exit> parse_options(int argc, const char* const* argv) {
  Options options;
  CLI::App app("Breakwater: registry mirrors for a cluster, in one process", "breakwater");
  app.require_subcommand(1);
  add_verb(app, options, Verb::serve, "serve", "Run; without a file: the five mirrors and metrics, on 127.0.0.1");
  add_verb(app, options, Verb::check_config, "check-config", "Say everything that is wrong with the configuration and exit 1, else print what would run");
  add_verb(app, options, Verb::verify, "verify", "Look at everything that is stored while nobody serves it, change nothing, and exit 1 if something is broken");
  add_verb(app, options, Verb::version, "version", "Print the version");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, err;
    int code = app.exit(error, out, err);
    return Exit{code == 0 ? 0 : 2, code == 0 ? out.str() : err.str()};
  }
  return options;
}

std::string version() { return BREAKWATER_VERSION; }

}  // namespace breakwater::conf
