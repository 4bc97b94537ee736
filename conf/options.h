// The command line: which verb, and where the configuration and the data are.
//
//   breakwater serve        [--config FILE] [--data DIR]
//   breakwater check-config [--config FILE] [--data DIR]
//   breakwater verify       [--config FILE] [--data DIR]
//   breakwater version
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>

namespace breakwater::conf {

enum class Verb { serve, check_config, verify, version };

struct Options {
  Verb verb = Verb::serve;
  std::optional<std::filesystem::path> config;  // without one: the mirrors of the README, on loopback
  std::optional<std::filesystem::path> data;    // goes before the configuration's own
};

// Nothing is to be run: `text` is to be printed (to stdout if `code` is 0, else to stderr) and the process ends with `code`.
struct Exit {
  int code = 0;
  std::string text;
};

std::variant<Options, Exit> parse_options(int argc, const char* const* argv);

std::string version();  // "0.1.0"

}  // namespace breakwater::conf
