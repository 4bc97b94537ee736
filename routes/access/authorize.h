// Who may do what: the one decision, which every listener asks. Pure; any thread.
//
//   const Decision decision = authorize({peer, identity, true}, Action::push, {listener, route, "team/app"});
//   if (decision.verdict == Verdict::needs_name) … 401 with a challenge, decision.why
//   if (decision.verdict == Verdict::denied) … 403 DENIED, decision.why
//
// Whoever is not in `allow` of the listener and of the route may do nothing, whatever his name is. A token,
// or a job of a CI system, may what it was made for, and nothing else: no rule speaks of it. For all others,
// a route without rules lets those in `allow` pull, and those of them that are in its second list do the
// rest. A route with rules goes by the first that speaks of the caller and of the repository: it allows what
// it says, and nothing else. What no rule speaks of is refused. A name that was given for some repositories
// alone (Scope) may nothing in others, whatever else says.
//
// To sign is what somebody is allowed by a rule, or was made for; no list of networks gives it.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/exchange.h"
#include "routes/access/access.h"
#include "routes/oci/oci_path.h"

namespace breakwater::routes {

// `remove` is of tags, manifests and blobs; who may `sign` is shown what has to be signed before it is;
// `administer` is what the API changes.
enum class Action : uint8_t { pull, push, remove, sign, administer };
// As rules and refusals say it: "pull", "push", "delete", "sign".
std::string_view name_of(Action action);
// What rules, tokens and jobs may have of a repository.
inline constexpr std::array kActionsOfRepositories = {Action::pull, Action::push, Action::remove,
                                                      Action::sign};
// What a request of the registry's API is. Whoever works on an upload pushes, also if he asks how far it is
// or cancels it.
Action action_of(std::string_view method, OciPath::Kind kind);

class Actions {
 public:
  constexpr Actions() = default;
  constexpr Actions(std::initializer_list<Action> actions) {
    for (const Action action : actions) add(action);
  }
  constexpr void add(Action action) { bits_ = static_cast<uint8_t>(bits_ | bit(action)); }
  constexpr bool has(Action action) const { return (bits_ & bit(action)) != 0; }
  constexpr bool has_all(Actions others) const { return (bits_ & others.bits_) == others.bits_; }

 private:
  static constexpr uint8_t bit(Action action) {
    return static_cast<uint8_t>(1U << static_cast<unsigned>(action));
  }
  uint8_t bits_ = 0;
};

// What a token, or a job of a CI system, may.
struct Grant {
  Actions may;
  std::vector<std::string> repositories = {"*"};  // patterns; `*` stands for any characters
};

// What the bearer of a token of /token asked for: a repository, as clients of that route's listener name it;
// "" is the list of all.
struct Scope {
  std::string route;
  std::string repository;
  Actions may;
};

// Somebody who has proved who he is.
struct Identity {
  // "alice"; of a token "token ci-cache"; of a job its issuer and subject; of a certificate its subject
  std::string name;
  std::vector<std::string> groups;                // "ci", as "@ci" in rules
  std::optional<Grant> grant = {};                // of a token or a job; nothing: the rules decide
  std::optional<std::vector<Scope>> scopes = {};  // nothing: all that he may
};

struct Caller {
  const proxy::Peer& peer;
  const Identity* identity = nullptr;  // null: he has not said who he is
  // Whether anybody can say who he is: then who has not is asked for it before he is refused.
  bool can_log_in = false;
};

// Speaks of each of these.
struct AccessRule {
  bool is_of_anyone = false;  // "anonymous": named or not
  Networks networks;          // likewise
  std::vector<std::string> users;
  std::vector<std::string> groups;
  Actions may;
  std::vector<std::string> repositories = {"*"};  // patterns; `*` stands for any characters
};

// A list of networks, and the key of the configuration that has it.
struct AllowList {
  std::string key;
  Networks networks;
};

// Who may do what on a route, or on the listener of the metrics or of the page.
struct RouteAccess {
  std::string route;  // its name; "" for what is none
  AllowList allow = {"allow", Networks::internal()};
  AllowList allow_change = {"allow_push", Networks::internal()};
  std::optional<std::vector<AccessRule>> rules;  // nothing: the lists alone decide
};

// What is asked for, and where.
struct Asked {
  const RouteAccess& listener;  // of the listener's own route
  const RouteAccess& route;     // of the one that answers; the same, but if ?ns= names another
  // As `ls` prints it, without the route; "" for what is of no repository, or of all: then whoever may do it
  // to some repository may.
  std::string_view repository;
  std::string_view name = repository;  // as the client calls it
};

enum class Verdict : uint8_t { allowed, needs_name, denied };

struct Decision {
  Verdict verdict = Verdict::allowed;
  std::string why;  // in one sentence, for who was refused: what lacks, and in which key of the configuration
};

// Whether the addresses in `allow` let the caller in at all, which authorize() asks first: whoever they keep
// out is not worth asking for a name. `allowed` or `denied`.
Decision let_in(const proxy::Peer& peer, const RouteAccess& listener, const RouteAccess& route);
Decision authorize(const Caller& caller, Action action, const Asked& asked);

// Whether the caller may do it to every repository of the route, whatever it is called.
bool may_everywhere(const Caller& caller, Action action, const RouteAccess& route);

// The same identity, for what a list of the listener's may show: a scope of the list itself shows all that he
// may pull.
Identity listing_for(Identity identity, const std::string& route);

// What it helps a caller without a name to say who he is, to do some of `wanted` on the route.
enum class NameHelps : uint8_t {
  nothing,  // he may all of it without
  some,     // he may pull from some repository without, and not all of it
  all       // he may not even pull
};
NameHelps what_a_name_helps(const proxy::Peer& peer, Actions wanted, const RouteAccess& route);

}  // namespace breakwater::routes
