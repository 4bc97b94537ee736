#include "routes/access/authorize.h"

#include <algorithm>
#include <utility>

#include "store/references/retention.h"

namespace breakwater::routes {
namespace {

bool has_any(const std::vector<std::string>& names, const std::vector<std::string>& of) {
  return std::any_of(of.begin(), of.end(), [&names](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  });
}

bool speaks_of(const AccessRule& rule, const Caller& caller) {
  if (rule.is_of_anyone || rule.networks.allows(caller.peer)) return true;
  return caller.identity != nullptr &&
         (has_any(rule.users, {caller.identity->name}) || has_any(rule.groups, caller.identity->groups));
}

bool covers(const std::vector<std::string>& patterns, std::string_view repository) {
  return repository.empty() ? !patterns.empty() : store::matches_any(patterns, std::string(repository));
}

// Of no repository in particular: whether a rule allows it for any, before one that speaks of all of them.
bool rules_allow(const std::vector<AccessRule>& rules, const Caller& caller, Action action,
                 std::string_view repository) {
  for (const AccessRule& rule : rules) {
    if (!speaks_of(rule, caller) || !covers(rule.repositories, repository)) continue;
    const bool is_of_all =
        std::find(rule.repositories.begin(), rule.repositories.end(), "*") != rule.repositories.end();
    if (rule.may.has(action)) return true;
    if (!repository.empty() || is_of_all) return false;
  }
  return false;
}

std::string words_for(Action action, std::string_view repository) {
  std::string words(name_of(action));
  words += action == Action::pull ? " from " : action == Action::push ? " to " : " in ";
  return words.append(repository.empty() ? "any repository" : repository);
}

Decision refused_by(const Caller& caller, const AllowList& list, const std::string& route) {
  return {Verdict::denied, not_allowed_text(caller.peer, list.key, route)};
}

}  // namespace

std::string_view name_of(Action action) {
  switch (action) {
    case Action::pull: return "pull";
    case Action::push: return "push";
    case Action::remove: return "delete";
    case Action::administer: return "administer";
  }
  return {};
}

Action action_of(std::string_view method, OciPath::Kind kind) {
  const bool is_upload = kind == OciPath::Kind::upload || kind == OciPath::Kind::upload_start;
  if (is_upload) return Action::push;
  if (method == "GET" || method == "HEAD") return Action::pull;
  return method == "DELETE" ? Action::remove : Action::push;
}

Decision authorize(const Caller& caller, Action action, const Asked& asked) {
  for (const RouteAccess* access : {&asked.listener, &asked.route}) {
    if (!access->allow.networks.allows(caller.peer)) return refused_by(caller, access->allow, access->route);
  }
  const RouteAccess& route = asked.route;
  const Identity* identity = caller.identity;
  if (identity != nullptr && identity->grant) {
    if (identity->grant->may.has(action) && covers(identity->grant->repositories, asked.repository))
      return {};
    return {Verdict::denied, identity->name + " was not made to " + words_for(action, asked.repository)};
  }
  if (!route.rules) {
    if (action == Action::pull || route.allow_change.networks.allows(caller.peer)) return {};
    return refused_by(caller, route.allow_change, route.route);
  }
  if (rules_allow(*route.rules, caller, action, asked.repository)) return {};
  const std::string what =
      " may not " + words_for(action, asked.repository) + " by \"access\" of route " + route.route;
  const std::string who = identity == nullptr ? "the address " + caller.peer.text : identity->name;
  if (identity == nullptr && route.knows_names)
    return {Verdict::needs_name, who + what + " without a name; log in"};
  return {Verdict::denied, who + what + "; add a rule there, if it may"};
}

}  // namespace breakwater::routes
