// Patterns of repositories' names in the configuration, and the rules of a mirror that are made of them. A
// pattern that no name can match is a mistake: a rule that refuses nothing would be believed to protect.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "conf/json_object.h"
#include "proxy/http/host_pattern.h"
#include "routes/mirror/repository_rules.h"

namespace breakwater::conf {

// At least `min` patterns of the characters of names, and `*`, which stands for any characters.
void read_name_patterns(JsonObject& object, std::string_view key, std::vector<std::string>& patterns,
                        size_t min);
// The same, of names as a mirror of `registry` keeps them.
void read_name_patterns(JsonObject& object, std::string_view key, const std::string& registry,
                        std::vector<std::string>& patterns, size_t min);
// And as a mirror of any of `registries` does: <registry>/<name>.
void read_name_patterns(JsonObject& object, std::string_view key,
                        const std::vector<proxy::HostPattern>& registries, std::vector<std::string>& patterns,
                        size_t min);

// Reads "repositories" of a mirror of `registry`, whose names are as the registry has them.
void read_repository_rules(JsonObject& mirror, const std::string& registry, routes::RepositoryRules& rules);
// Reads "repositories" of a mirror of any of `registries`, whose names are <registry>/<name>.
void read_repository_rules(JsonObject& any, const std::vector<proxy::HostPattern>& registries,
                           routes::RepositoryRules& rules);

}  // namespace breakwater::conf
