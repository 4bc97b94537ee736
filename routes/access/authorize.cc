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

bool has_star(const std::vector<std::string>& patterns) {
  return std::find(patterns.begin(), patterns.end(), "*") != patterns.end();
}

bool is_of_all(const AccessRule& rule) { return has_star(rule.repositories); }

// Of no repository in particular: whether a rule allows it for any, before one that speaks of all of them.
bool rules_allow(const std::vector<AccessRule>& rules, const Caller& caller, Action action,
                 std::string_view repository) {
  for (const AccessRule& rule : rules) {
    if (!speaks_of(rule, caller) || !covers(rule.repositories, repository)) continue;
    if (rule.may.has(action)) return true;
    if (!repository.empty() || is_of_all(rule)) return false;
  }
  return false;
}

std::string words_for(Action action, std::string_view repository) {
  std::string words(name_of(action));
  words += action == Action::pull ? " from " : action == Action::push ? " to " : " in ";
  return words.append(repository.empty() ? "any repository" : repository);
}

bool is_within(const std::vector<Scope>& scopes, Action action, const std::string& route,
               std::string_view name) {
  // Who is to sign an image pulls it first, and no client asks for a token to sign.
  const Action asked = action == Action::sign ? Action::pull : action;
  return std::any_of(scopes.begin(), scopes.end(), [&](const Scope& scope) {
    return scope.route == route && scope.repository == name && scope.may.has(asked);
  });
}

Decision by_grant(const Identity& identity, Action action, std::string_view repository) {
  if (identity.grant->may.has(action) && covers(identity.grant->repositories, repository)) return {};
  return {Verdict::denied, identity.name + " was not made to " + words_for(action, repository)};
}

Decision by_lists(const Caller& caller, Action action, const RouteAccess& route) {
  if (action == Action::sign)
    return {Verdict::denied, "no rule of route " + route.route + " is about signing"};
  if (action == Action::pull || route.allow_change.networks.allows(caller.peer)) return {};
  const auto why = not_allowed_text(caller.peer, route.allow_change.key, route.route);
  if (caller.identity == nullptr && caller.can_log_in)
    return {Verdict::needs_name, why + ", or log in with a token that may"};
  return {Verdict::denied, why};
}

Decision by_rules(const Caller& caller, Action action, const Asked& asked) {
  if (rules_allow(*asked.route.rules, caller, action, asked.repository)) return {};
  const std::string what =
      " may not " + words_for(action, asked.repository) + " by \"access\" of route " + asked.route.route;
  const bool is_nobody = caller.identity == nullptr;
  const std::string who = is_nobody ? "the address " + caller.peer.text : caller.identity->name;
  if (is_nobody && caller.can_log_in) return {Verdict::needs_name, who + what + " without a name; log in"};
  return {Verdict::denied, who + what + "; add a rule there, if it may"};
}

}  // namespace

std::string_view name_of(Action action) {
  switch (action) {
    case Action::pull: return "pull";
    case Action::push: return "push";
    case Action::remove: return "delete";
    case Action::sign: return "sign";
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

Decision let_in(const proxy::Peer& peer, const RouteAccess& listener, const RouteAccess& route) {
  for (const RouteAccess* access : {&listener, &route}) {
    if (access->allow.networks.allows(peer)) continue;
    return {Verdict::denied, not_allowed_text(peer, access->allow.key, access->route)};
  }
  return {};
}

Decision authorize(const Caller& caller, Action action, const Asked& asked) {
  auto entry = let_in(caller.peer, asked.listener, asked.route);
  if (entry.verdict != Verdict::allowed) return entry;
  const Identity* identity = caller.identity;
  // To begin with, clients ask what no scope is for.
  const bool is_base = action == Action::pull && asked.name.empty();
  if (identity != nullptr && identity->scopes && !is_base &&
      !is_within(*identity->scopes, action, asked.listener.route, asked.name))
    return {Verdict::needs_name, "the token of " + identity->name + " is not to " +
                                     words_for(action, asked.name) + "; ask for one"};
  if (identity != nullptr && identity->grant) return by_grant(*identity, action, asked.repository);
  return asked.route.rules ? by_rules(caller, action, asked) : by_lists(caller, action, asked.route);
}

bool may_everywhere(const Caller& caller, Action action, const RouteAccess& route) {
  if (let_in(caller.peer, route, route).verdict != Verdict::allowed) return false;
  const Identity* identity = caller.identity;
  if (identity != nullptr && identity->scopes) return false;
  if (identity != nullptr && identity->grant)
    return identity->grant->may.has(action) && has_star(identity->grant->repositories);
  if (!route.rules) return by_lists(caller, action, route).verdict == Verdict::allowed;
  for (const AccessRule& rule : *route.rules) {
    if (!speaks_of(rule, caller)) continue;
    if (!rule.may.has(action)) return false;
    if (is_of_all(rule)) return true;
  }
  return false;
}

NameHelps what_a_name_helps(const proxy::Peer& peer, Actions wanted, const RouteAccess& route) {
  if (!route.rules) {
    const bool only_pulls = !wanted.has(Action::push) && !wanted.has(Action::remove);
    return only_pulls || route.allow_change.networks.allows(peer) ? NameHelps::nothing : NameHelps::some;
  }
  if (!rules_allow(*route.rules, {peer}, Action::pull, {})) return NameHelps::all;
  for (const AccessRule& rule : *route.rules) {
    if (!speaks_of(rule, {peer})) continue;
    if (!rule.may.has_all(wanted)) return NameHelps::some;
    if (is_of_all(rule)) return NameHelps::nothing;
  }
  return NameHelps::some;
}

Identity listing_for(Identity identity, const std::string& route) {
  if (identity.scopes && is_within(*identity.scopes, Action::pull, route, {})) identity.scopes.reset();
  return identity;
}

}  // namespace breakwater::routes
