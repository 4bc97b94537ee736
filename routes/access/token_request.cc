#include "routes/access/token_request.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "proxy/http/http.h"
#include "routes/access/passes.h"

namespace breakwater::routes {
namespace {

constexpr std::string_view kRepository = "repository:";
constexpr std::string_view kCatalog = "registry:catalog:*";

std::string_view take_until(std::string_view& text, char divider) {
  const auto part = text.substr(0, text.find(divider));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return part;
}

Actions actions_of(std::string_view words) {
  Actions actions;
  while (!words.empty()) {
    const auto word = take_until(words, ',');
    for (const Action action : {Action::pull, Action::push, Action::remove}) {
      if (word == name_of(action) || word == "*") actions.add(action);
    }
  }
  return actions;
}

// Nothing for what is none of ours. A name may have colons in it: the actions are behind the last.
std::optional<Scope> scope_of(std::string_view text, const std::string& route) {
  if (text == kCatalog) return Scope{route, "", {Action::pull}};
  if (!text.starts_with(kRepository)) return std::nullopt;
  text.remove_prefix(kRepository.size());
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  return Scope{route, std::string(text.substr(0, colon)), actions_of(text.substr(colon + 1))};
}

}  // namespace

std::string scope_text(Action action, std::string_view repository) {
  if (repository.empty()) return std::string(kCatalog);
  std::string text = std::string(kRepository).append(repository).append(":");
  if (action == Action::push) return text + "pull,push";
  return text.append(name_of(action));
}

Result<std::vector<Scope>> scopes_of_query(std::string_view query, const std::string& route) {
  std::vector<Scope> scopes;
  while (!query.empty()) {
    auto pair = take_until(query, '&');
    if (take_until(pair, '=') != "scope") continue;
    const auto value = proxy::percent_decode(pair, proxy::Plus::space);
    if (!value) return failure(Error::Kind::invalid, "the query has a broken %-escape");
    std::string_view words = *value;
    while (!words.empty()) {
      auto scope = scope_of(take_until(words, ' '), route);
      if (scope) scopes.push_back(*std::move(scope));
      if (scopes.size() > Passes::kScopesMax)
        return failure(Error::Kind::invalid, "a token has 16 scopes at most");
    }
  }
  return scopes;
}

}  // namespace breakwater::routes
