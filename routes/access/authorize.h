// Who may do what: the one decision, which every listener asks. Pure; any thread.
//
//   const Decision decision = authorize({peer, identity}, Action::push, access, "team/app");
//   if (decision.verdict == Verdict::needs_name) … 401 with a challenge, decision.why
//   if (decision.verdict == Verdict::denied) … 403 DENIED, decision.why
//
// A route without rules goes by addresses: `allow` may pull, and of those `allow_push` may push and delete. A
// route with rules goes by the first rule that names the caller, the action and the repository; if none does,
// nobody may. `allow` is asked before the rules: who is outside of it is refused whatever his name is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/exchange.h"
#include "routes/access/access.h"

namespace breakwater::routes {

enum class Action : uint8_t { pull, push, remove };
std::string_view name_of(Action action);  // "pull", "push", "delete"

// Some of the actions.
class Actions {
 public:
  constexpr Actions() = default;
  constexpr Actions(std::initializer_list<Action> actions) {
    for (const Action action : actions) bits_ |= bit(action);
  }
  constexpr bool has(Action action) const { return (bits_ & bit(action)) != 0; }

 private:
  static constexpr uint8_t bit(Action action) { return static_cast<uint8_t>(1U << static_cast<unsigned>(action)); }
  uint8_t bits_ = 0;
};

// What a token, or a claim of a CI job, may at most, whatever its user may.
struct Grant {
  Actions may;
  std::vector<std::string> repositories = {"*"};  // patterns of "<repository>"; `*` stands for any characters
};

// Somebody who has proved who he is.
struct Identity {
  std::string name;                 // "alice"; of a token "token ci-cache"; of a job "gitlab.example:me/app"
  std::vector<std::string> groups;  // "ci", as "@ci" in the rules
  std::optional<Grant> limit;       // nothing: none but that of the rules
};

struct Caller {
  const proxy::Peer& peer;
  const Identity* identity = nullptr;  // null: nobody has said who he is
};

// Whom a rule is about.
struct Who {
  enum class Kind : uint8_t { anonymous, anybody_named, user, group, network };
  Kind kind = Kind::anonymous;
  std::string name;   // of a user or a group
  Networks networks;  // of a network: named or not
};

struct AccessRule {
  std::vector<Who> who;
  Actions may;
  std::vector<std::string> repositories = {"*"};
};

// Who may do what on a route.
struct RouteAccess {
  std::string route;
  Networks allow = Networks::internal();
  Networks allow_push = Networks::internal();
  std::optional<std::vector<AccessRule>> rules;  // nothing: `allow` and `allow_push` alone decide
};

enum class Verdict : uint8_t { allowed, needs_name, denied };

struct Decision {
  Verdict verdict = Verdict::allowed;
  std::string why;  // in one sentence, for who was refused: what is missing, and in which key of the configuration
};

// `repository` is as clients of the route call it; "" asks whether any may be the answer (GET /v2/, _catalog).
Decision authorize(const Caller& caller, Action action, const RouteAccess& access, std::string_view repository);

}  // namespace breakwater::routes
