#include "conf/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <iterator>
#include <list>
#include <numeric>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/manual.h"
#include "routes/ops/operations.h"

namespace breakwater::conf {
namespace {

// An empty path is most likely a variable that is not set.
std::string no_empty_path(const std::string& text) { return text.empty() ? "it is empty" : ""; }

const CLI::App* command_called(const CLI::App& app, const std::string& name) {
  const auto found =
      app.get_subcommands([&name](const CLI::App* command) { return command->get_name() == name; });
  return found.empty() ? nullptr : found.front();
}

// Of verbs of two words, what the first one is about.
constexpr std::array<std::pair<std::string_view, const char*>, 1> kGroups = {
    {{"token", "Access tokens for machines: make, list and revoke them"}}};

// Where the verb's last word belongs, which is left in `name`: "token" for "token create".
CLI::App& group_of(CLI::App& app, std::string& name) {
  const size_t space = name.find(' ');
  if (space == std::string::npos) return app;
  const std::string group = name.substr(0, space);
  name.erase(0, space + 1);
  if (command_called(app, group) != nullptr) return *app.get_subcommand(group);
  const auto* known =
      std::find_if(kGroups.begin(), kGroups.end(), [&group](const auto& one) { return one.first == group; });
  auto* made = app.add_subcommand(group, known == kGroups.end() ? "" : known->second);
  made->require_subcommand(1);
  return *made;
}

CLI::App* add_verb(CLI::App& app, Options& options, Verb verb, std::string name, const std::string& text) {
  auto& group = group_of(app, name);
  auto* command = group.add_subcommand(name, text);
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

// "--dry-run" of "dry_run".
std::string option_of(std::string_view parameter) {
  std::string name = "--" + std::string(parameter);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

// Where the command line's values are until they are all there.
using Values = std::list<std::vector<std::string>>;

void add_parameter(CLI::App& command, const routes::Parameter& parameter, Values& values) {
  using Kind = routes::Parameter::Kind;
  const std::string help(parameter.help);
  if (parameter.kind == Kind::flag) {
    command.add_flag(option_of(parameter.name))->description(help);
    return;
  }
  auto& into = values.emplace_back();
  const std::string name = parameter.is_place ? std::string(parameter.name) : option_of(parameter.name);
  auto* option = command.add_option(name, into, help)->type_name(std::string(parameter.shape));
  if (parameter.shape == "DIR") option->check(no_empty_path);
  option->expected(parameter.kind == Kind::words ? -1 : 1);
  if (parameter.is_place && !parameter.is_required)
    option->expected(0, parameter.kind == Kind::words ? -1 : 1);
  if (parameter.is_required) option->required();
}

void take_parameter(const CLI::App& command, const routes::Parameter& parameter,
                    routes::Arguments& arguments) {
  const auto* option =
      command.get_option(parameter.is_place ? std::string(parameter.name) : option_of(parameter.name));
  if (option->count() == 0) return;
  if (parameter.kind == routes::Parameter::Kind::flag) {
    arguments.add(parameter.name, "true");
    return;
  }
  for (const auto& value : option->results()) arguments.add(parameter.name, value);
}

void add_operation(CLI::App& app, Options& options, const routes::Operation& operation, Values& values) {
  auto* command =
      add_verb(app, options, Verb::operation, std::string(operation.verb), std::string(operation.summary));
  for (const auto& parameter : operation.parameters) add_parameter(*command, parameter, values);
  command->add_flag("--json", options.json, "Print the answer as JSON");
  const bool is_act = operation.effect == routes::Operation::Effect::act;
  if (operation.verb == "import")
    command->add_flag("--init", options.init,
                      "Make the data folder where there is none, before its first start");
  // What goes next is never done by hand; people write --dry-run all the same, to be sure.
  if (operation.verb == "gc")
    command->add_flag("--dry-run")->description("Only tell: there is nothing else that it does");
  if (is_act) {
    command->add_flag("--dry-run")->description("Only tell what would be done");
    command->add_flag("--yes", options.yes, "Do not ask; without a terminal nothing is asked anyway");
  }
  command->callback([&options, &operation, command, is_act] {
    options.verb = Verb::operation;
    options.operation = &operation;
    for (const auto& parameter : operation.parameters) take_parameter(*command, parameter, options.arguments);
    if (is_act && command->get_option("--dry-run")->count() > 0) options.arguments.add("dry_run", "true");
  });
}

// How many letters have to be put in, taken out or changed to make one of the other.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

Exit unknown_verb(const CLI::App& app, const std::string& verb) {
  const CLI::App* nearest = nullptr;
  size_t least = std::max<size_t>(verb.size() / 2, 2) + 1;
  for (const auto* known : app.get_subcommands([](const CLI::App*) { return true; })) {
    const auto from = distance(verb, known->get_name());
    if (from >= least) continue;
    least = from;
    nearest = known;
  }
  std::string text = "there is no verb \"" + verb + "\"";
  if (nearest != nullptr) text += "; did you mean \"breakwater " + nearest->get_name() + "\"?";
  return Exit{2, text + "\nbreakwater help lists them all.\n"};
}

OptionHelp help_of(const CLI::Option& option) {
  OptionHelp help;
  help.is_place = !option.nonpositional();
  help.name = help.is_place ? option.get_name(true) : "--" + option.get_lnames().front();
  help.help = option.get_description();
  if (option.get_items_expected_max() > 0) help.shape = option.get_type_name();
  return help;
}

std::vector<VerbHelp> verbs_of(const CLI::App& app) {
  std::vector<VerbHelp> verbs;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    auto within = verbs_of(*command);
    for (auto& verb : within) verb.verb.insert(0, command->get_name() + " ");
    std::move(within.begin(), within.end(), std::back_inserter(verbs));
    if (!within.empty()) continue;
    auto& verb = verbs.emplace_back(command->get_name(), command->get_description());
    for (const auto* option : command->get_options()) verb.options.push_back(help_of(*option));
  }
  return verbs;
}

// "help", "help VERB", "manual" and "completion SHELL": what is said of the verbs themselves.
std::optional<Exit> said_of_verbs(const CLI::App& app, const std::vector<std::string>& words) {
  if (words.empty()) return std::nullopt;
  if (words[0] == "manual" && words.size() == 1) return Exit{0, manual_page(verbs_of(app), version())};
  if (words[0] == "completion" && words.size() == 2 && !words[1].starts_with('-')) {
    const auto text = completion(verbs_of(app), words[1]);
    return text ? Exit{0, *text} : Exit{2, text.error().message + "\n"};
  }
  if (words[0] != "help") return std::nullopt;
  if (words.size() == 1) return Exit{0, app.help()};
  const auto* command = command_called(app, words[1]);
  if (command == nullptr) return unknown_verb(app, words[1]);
  const auto* within = words.size() > 2 ? command_called(*command, words[2]) : nullptr;
  if (within != nullptr) return Exit{0, within->help(app.get_name() + " " + words[1])};
  return Exit{0, command->help(app.get_name())};
}

}  // namespace

std::variant<Options, Exit> parse_options(int argc, const char* const* argv) {
  Options options;
  CLI::App app("Breakwater: registry mirrors and a registry for a cluster, in one process", "breakwater");
  app.require_subcommand(1);
  app.set_version_flag("--version", "breakwater " + version());
  auto* serve = add_verb(app, options, Verb::serve, "serve",
                         "Run; without a file: the mirrors, the private registry and metrics, on 127.0.0.1");
  serve->add_flag("--take-over", options.take_over,
                  "Go on for the process that serves the data now: no client is refused or cut off");
  add_verb(app, options, Verb::check_config, "check-config",
           "Say everything that is wrong with the configuration and exit 1, else print what would run")
      ->add_flag("--json", options.json, "Print the answer as JSON");
  add_verb(app, options, Verb::doctor, "doctor",
           "Look at it from outside as a client would, and at this machine: what is wrong, and what to do")
      ->add_flag("--json", options.json, "Print the answer as JSON");
  add_verb(app, options, Verb::verify, "verify",
           "Look at everything that is stored while nobody serves it, change nothing, and exit 1 if "
           "something is broken")
      ->add_flag("--json", options.json, "Print the answer as JSON");
  Values values;
  for (const auto& operation : routes::operations()) add_operation(app, options, operation, values);
  add_verb(app, options, Verb::version, "version", "Print the version");
  std::string word;
  app.add_subcommand("help", "Print this, or what a verb takes")
      ->add_option("verb", word, "The verb")
      ->type_name("VERB");
  app.add_subcommand("manual", "Print the manual page, for man");
  app.add_subcommand("completion", "Print what a shell completes the command line by")
      ->add_option("shell", word, "The shell")
      ->type_name("bash|zsh|fish")
      ->required();
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (auto said = said_of_verbs(app, words)) return *std::move(said);
  if (!words.empty() && !words[0].starts_with('-') && command_called(app, words[0]) == nullptr)
    return unknown_verb(app, words[0]);
  try {
    app.parse(argc, argv);
    const auto right =
        options.operation == nullptr ? Result<>() : check(options.arguments, *options.operation);
    if (!right) return Exit{2, right.error().message + "\n"};
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, err;
    int code = app.exit(error, out, err);
    return Exit{code == 0 ? 0 : 2, code == 0 ? out.str() : err.str()};
  }
  return options;
}

std::string version() { return BREAKWATER_VERSION; }

}  // namespace breakwater::conf
