// The verbs that look at something and change nothing: check-config and verify. Each prints what it finds, in
// words or as JSON, and returns the exit status of the process.
#pragma once

#include <filesystem>
#include <optional>

#include "conf/config.h"

namespace breakwater::conf {

enum class Printed { words, json };

// `config` is what was made of `file`, or of nothing if there is none.
int see_configuration(const tl::expected<Config, ConfigErrors>& config,
                      const std::optional<std::filesystem::path>& file, Printed printed);
// Shows how far it is, and stops on Ctrl-C.
int see_folder(const Config& config, Printed printed);

}  // namespace breakwater::conf
