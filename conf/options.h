// The command line: the verb, its arguments, and where the configuration and the data are.
//
//   breakwater serve        [--take-over] [--config FILE] [--data DIR]
//   breakwater check-config [--json] [--config FILE] [--data DIR]
//   breakwater doctor       [--json] [--config FILE] [--data DIR]
//   breakwater verify       [--json] [--config FILE] [--data DIR]
//   breakwater version
//   breakwater help [VERB]
//
// and a verb for each operation of routes/ops/operations.h, with its parameters, and
// [--json] [--dry-run] [--yes] [--config FILE] [--data DIR].
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>

#include "routes/ops/operation.h"

namespace breakwater::conf {

enum class Verb { serve, check_config, doctor, verify, operation, version };

struct Options {
  Verb verb = Verb::serve;
  std::optional<std::filesystem::path> config;   // absent: the default configuration, on loopback
  std::optional<std::filesystem::path> data;     // overrides the configuration's own
  bool init = false;                             // import: makes a data folder where there is none
  bool take_over = false;                        // serve: goes on for the process that serves the folder
  const routes::Operation* operation = nullptr;  // Verb::operation, with what was given for it
  routes::Arguments arguments;
  bool yes = false;   // an act does not ask
  bool json = false;  // the answer as it is, and not in words
};

// Nothing is run. The process prints `text` (to stdout if `code` is 0, else to stderr) and ends with `code`.
struct Exit {
  int code = 0;
  std::string text;
};

std::variant<Options, Exit> parse_options(int argc, const char* const* argv);

std::string version();  // "0.1.0"

}  // namespace breakwater::conf
