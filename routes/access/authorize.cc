#include "routes/access/authorize.h"

#include <algorithm>

#include "store/references/retention.h"

namespace breakwater::routes {
namespace {

bool is_about(const Who& who, const Caller& caller) {
  switch (who.kind) {
    case Who::Kind::anonymous: return caller.identity == nullptr;
    case Who::Kind::anybody_named: return caller.identity != nullptr;
    case Who::Kind::user: return caller.identity != nullptr && caller.identity->name == who.name;
    case Who::Kind::group:
      return caller.identity != nullptr &&
             std::find(caller.identity->groups.begin(), caller.identity->groups.end(), who.name) !=
                 caller.identity->groups.end();
    case Who::Kind::network: return who.networks.allows(caller.peer);
  }
  return false;
}

// A name that is not known yet: whether there is any that the patterns have.
bool covers(const std::vector<std::string>& patterns, std::string_view repository) {
  return repository.empty() ? !patterns.empty() : store::matches_any(patterns, std::string(repository));
}

bool allows(const AccessRule& rule, const Caller& caller, Action action, std::string_view repository) {
  return rule.may.has(action) && covers(rule.repositories, repository) &&
         std::any_of(rule.who.begin(), rule.who.end(),
                     [&caller](const Who& who) { return is_about(who, caller); });
}

std::string words_for(Action action, std::string_view repository) {
  std::string words(name_of(action));
  words.append(action == Action::pull ? " from " : action == Action::push ? " to " : " in ");
  return words.append(repository.empty() ? "any repository" : repository);
}

Decision denied(std::string why) { return {Verdict::denied, std::move(why)}; }

}  // namespace

std::string_view name_of(Action action) {
  switch (action) {
    case Action::pull: return "pull";
    case Action::push: return "push";
    case Action::remove: return "delete";
  }
  return "";
}

Decision authorize(const Caller& caller, Action action, const RouteAccess& access,
                   std::string_view repository) {
  if (!access.allow.allows(caller.peer)) return denied(not_allowed_text(caller.peer, "allow", access.route));
  if (caller.identity != nullptr && caller.identity->limit) {
    const Grant& limit = *caller.identity->limit;
    if (!limit.may.has(action) || !covers(limit.repositories, repository))
      return denied(caller.identity->name + " may not " + words_for(action, repository) +
                    "; make a token that may");
  }
  if (!access.rules) {
    if (action == Action::pull || access.allow_push.allows(caller.peer)) return {};
    return denied(not_allowed_text(caller.peer, "allow_push", access.route));
  }
  const auto does = [&](const AccessRule& rule) { return allows(rule, caller, action, repository); };
  if (std::any_of(access.rules->begin(), access.rules->end(), does)) return {};
  const std::string what = words_for(action, repository);
  if (caller.identity == nullptr)
    return {Verdict::needs_name, "nobody without a name may " + what + " on route " + access.route +
                                     "; log in, or ask for a rule in access of that route"};
  return denied(caller.identity->name + " may not " + what + "; ask for a rule in access of route " +
                access.route);
}

}  // namespace breakwater::routes
