// Which repositories a route mirrors, as its operator decides. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace breakwater::routes {

// Patterns of names as the store has them: "library/alpine"; of a route that mirrors any registry
// "gcr.io/distroless/static". `*` stands for any characters, `/` included.
struct RepositoryRules {
  std::vector<std::string> allow = {"*"};
  std::vector<std::string> deny;  // goes before `allow`
};

// Why `route` does not serve the repository, in one sentence for whoever asked for it; nothing if it does.
std::optional<std::string> refusal_of(const RepositoryRules& rules, const std::string& route,
                                      const std::string& repository);

}  // namespace breakwater::routes
