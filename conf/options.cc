#include "conf/options.h"

#include <CLI/CLI.hpp>
#include <sstream>

namespace breakwater::conf {
namespace {

// An empty path is most likely a variable that is not set.
std::string no_empty_path(const std::string& text) { return text.empty() ? "it is empty" : ""; }

CLI::App* add_verb(CLI::App& app, Options& options, Verb verb, const std::string& name,
                   const std::string& text) {
  auto* command = app.add_subcommand(name, text);
  command->callback([&options, verb] { options.verb = verb; });
  if (verb == Verb::version) return command;
  command->add_option("--config", options.config, "The configuration file: JSON with comments")
      ->type_name("FILE")
      ->check(no_empty_path);
  command
      ->add_option("--data", options.data,
                   "Where everything is kept; goes before the configuration's \"data\"")
      ->type_name("DIR")
      ->check(no_empty_path);
  return command;
}

void add_images(CLI::App& command, Options& options, const std::string& route) {
  command.add_option("--route", options.route, route)->type_name("NAME")->required();
  command
      .add_option("--repository", options.repository,
                  "Only these repositories: a pattern of their names, * stands for any characters")
      ->type_name("PATTERN");
}

void add_transfers(CLI::App& app, Options& options) {
  auto* import = add_verb(app, options, Verb::import_images, "import",
                          "Take over what another registry has stored; nothing may serve the data meanwhile");
  auto* sources = import->add_option_group("source");
  sources->add_option("--from", options.from, "The data folder of a docker-registry (registry:2)")
      ->type_name("DIR")
      ->check(no_empty_path);
  auto* layout =
      sources
          ->add_option(
              "--layout", options.layout,
              "An OCI image layout, then --repository is the name that it gets; or a folder of layouts")
          ->type_name("DIR")
          ->check(no_empty_path);
  sources->require_option(1);
  import->add_option("--tag", options.tag, "What the one image of a layout is called that has no name there")
      ->type_name("TAG")
      ->check(no_empty_path)
      ->needs(layout);
  add_images(*import, options, "The registry that takes it over");
  auto* give = add_verb(app, options, Verb::export_images, "export",
                        "Write repositories as OCI image layouts; nothing may serve the data meanwhile");
  give->add_option("--to", options.to, "Where: a layout for each repository, in the folder of its name")
      ->type_name("DIR")
      ->check(no_empty_path)
      ->required();
  add_images(*give, options, "The route whose repositories they are");
  auto* backup = add_verb(app, options, Verb::back_up, "backup",
                          "Write a copy of the data folder, also while it is served");
  backup
      ->add_option("folder", options.to,
                   "Becomes the copy; it is not there yet. On the same file system it takes no room")
      ->type_name("DIR")
      ->check(no_empty_path)
      ->required();
}

void add_explaining(CLI::App& app, Options& options) {
  auto* collection = add_verb(
      app, options, Verb::gc, "gc",
      "Tell what collection and retention would remove, and why; the server itself collects all the time");
  collection->add_flag("--dry-run", options.dry_run, "Only tell: there is nothing else that this does")
      ->required();
  auto* reasons =
      add_verb(app, options, Verb::why, "why", "Tell what keeps something, up to the tags that need it");
  reasons->add_option("what", options.what, "A digest, or <repository>:<tag>")
      ->type_name("DIGEST|NAME:TAG")
      ->required();
}

void add_forgetting(CLI::App& app, Options& options) {
  auto* forget =
      add_verb(app, options, Verb::forget_route, "forget-route",
               "Delete all that a route has left which is not configured any more, and give its room back");
  forget->add_option("name", options.route, "The route")->type_name("NAME")->check(no_empty_path)->required();
  forget->add_flag("--dry-run", options.dry_run, "Only tell what would go");
  forget->add_flag("--yes", options.yes, "Do not ask; without a terminal nothing is asked anyway");
}

}  // namespace

std::variant<Options, Exit> parse_options(int argc, const char* const* argv) {
  Options options;
  CLI::App app("Breakwater: registry mirrors and a registry for a cluster, in one process", "breakwater");
  app.require_subcommand(1);
  add_verb(app, options, Verb::serve, "serve",
           "Run; without a file: the mirrors, the private registry and metrics, on 127.0.0.1");
  add_verb(app, options, Verb::check_config, "check-config",
           "Say everything that is wrong with the configuration and exit 1, else print what would run");
  add_transfers(app, options);
  add_explaining(app, options);
  add_forgetting(app, options);
  add_verb(app, options, Verb::verify, "verify",
           "Look at everything that is stored while nobody serves it, change nothing, and exit 1 if "
           "something is broken");
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
