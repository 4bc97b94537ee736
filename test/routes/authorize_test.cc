#include "routes/access/authorize.h"

#include <arpa/inet.h>

#include <string>

#include "test/catch.h"

namespace breakwater::routes {
namespace {

proxy::Peer peer_of(const std::string& text) {
  proxy::Peer peer;
  peer.text = text;
  peer.address[10] = peer.address[11] = 0xff;
  REQUIRE(inet_pton(AF_INET, text.c_str(), peer.address.data() + 12) == 1);
  return peer;
}

AccessRule rule(std::vector<std::string> who, Actions may, std::vector<std::string> repositories = {"*"}) {
  AccessRule made;
  made.is_of_anyone = std::erase(who, "anonymous") > 0;
  made.networks = *Networks::parse(who);
  made.may = may;
  made.repositories = std::move(repositories);
  return made;
}

constexpr Action kActions[] = {Action::pull, Action::push, Action::remove, Action::sign, Action::administer};

// What the caller may, in the order of Action: "pull push".
std::string rights_of(const Identity* who, const std::string& address, const RouteAccess& access,
                      const std::string& repository) {
  const auto peer = peer_of(address);
  std::string all;
  for (const Action action : kActions) {
    const auto decision = authorize({peer, who}, action, {access, access, repository});
    if (decision.verdict == Verdict::allowed) all += (all.empty() ? "" : " ") + std::string(name_of(action));
    CHECK(decision.why.empty() == (decision.verdict == Verdict::allowed));
  }
  return all;
}

std::string rights(const std::string& address, const RouteAccess& access, const std::string& repository) {
  return rights_of(nullptr, address, access, repository);
}

constexpr const char* kAll = "pull push delete administer";

}  // namespace

TEST_CASE("without rules the first list may pull, and the second everything, but only within the first") {
  RouteAccess access;
  access.route = "private";
  access.allow.networks = *Networks::parse({"10.0.0.0/8", "127.0.0.1"});
  access.allow_change.networks = *Networks::parse({"10.0.20.0/24", "192.0.2.0/24"});
  struct Row {
    std::string address, may;
  };
  const auto row = GENERATE(values<Row>({
      {"10.0.20.7", kAll},
      {"10.0.21.7", "pull"},
      {"127.0.0.1", "pull"},
      {"192.0.2.1", ""},
      {"8.8.8.8", ""},
  }));
  CAPTURE(row.address);
  for (const std::string repository : {"", "a", "team/app"})
    CHECK(rights(row.address, access, repository) == row.may);
}

TEST_CASE("to sign is what a rule or a token gives, and no list; a token of /token that may pull is enough") {
  RouteAccess access;
  access.route = "private";
  access.allow_change.networks = Networks::internal();
  CHECK(rights("10.0.0.1", access, "prod/app") == kAll);
  access.rules = {rule({"10.0.0.1"}, {Action::push, Action::sign}, {"prod/*"}),
                  rule({"anonymous"}, {Action::pull, Action::push})};
  CHECK(rights("10.0.0.1", access, "prod/app") == "push sign");
  CHECK(rights("10.0.0.1", access, "team/app") == "pull push");
  CHECK(rights("10.0.0.2", access, "prod/app") == "pull push");

  Identity signer{"token ci", {}, Grant{{Action::pull, Action::sign}, {"prod/*"}}};
  CHECK(rights_of(&signer, "10.0.0.2", access, "prod/app") == "pull sign");
  CHECK(rights_of(&signer, "10.0.0.2", access, "team/app").empty());
  signer.scopes = {{"private", "prod/app", {Action::pull}}};
  CHECK(rights_of(&signer, "10.0.0.2", access, "prod/app") == "pull sign");
  CHECK(rights_of(&signer, "10.0.0.2", access, "prod/tool").empty());
  signer.scopes = {{"private", "prod/app", {Action::push}}};
  CHECK(rights_of(&signer, "10.0.0.2", access, "prod/app").empty());
}

TEST_CASE("with rules the first counts that speaks of the caller and the repository") {
  RouteAccess access;
  access.route = "private";
  access.allow_change.networks = *Networks::parse({"127.0.0.1"});  // counts for nothing
  access.rules = {rule({"10.0.9.0/24"}, {}),
                  rule({"10.0.20.0/24", "10.0.21.7"}, {Action::pull, Action::push}, {"ci/*", "cache"}),
                  rule({"10.0.20.8"}, {Action::remove}, {"old/*"}),
                  rule({"anonymous"}, {Action::pull}, {"ci/*", "public/*", "old/*"}),
                  rule({"10.0.30.0/24"}, {Action::pull, Action::push, Action::remove})};
  struct Row {
    std::string address, repository, may;
  };
  const auto row = GENERATE(values<Row>({
      {"10.0.9.1", "public/app", ""},  // a rule that allows nothing
      {"10.0.9.1", "", ""},
      {"10.0.20.7", "ci/app", "pull push"},
      {"10.0.20.7", "ci/deep/app", "pull push"},
      {"10.0.20.7", "cache", "pull push"},
      {"10.0.20.7", "cache/app", ""},
      {"10.0.20.7", "ci", ""},
      {"10.0.20.7", "xci/app", ""},
      {"10.0.20.7", "public/app", "pull"},
      {"10.0.21.7", "ci/app", "pull push"},
      {"10.0.21.8", "ci/app", "pull"},
      {"10.0.20.8", "old/app", "delete"},
      {"10.0.20.7", "old/app", "pull"},
      {"10.0.30.1", "ci/app", "pull"},  // the one before speaks of it
      {"10.0.30.1", "team/app", "pull push delete"},
      {"127.0.0.1", "team/app", ""},
      {"127.0.0.1", "public/app", "pull"},
      {"8.8.8.8", "public/app", ""},  // not in allow
      // Of some repository:
      {"10.0.20.7", "", "pull push"},
      {"10.0.20.8", "", "pull push delete"},
      {"10.0.30.1", "", "pull push delete"},
      {"127.0.0.1", "", "pull"},
  }));
  CAPTURE(row.address, row.repository);
  CHECK(rights(row.address, access, row.repository) == row.may);
}

TEST_CASE("a route that ?ns= names is only for who may use the listener too, whose rules are of its own") {
  RouteAccess listener, other;
  listener.route = "dockerhub";
  listener.allow.networks = *Networks::parse({"10.0.0.0/8"});
  listener.rules = {rule({"anonymous"}, {}, {"library/secret"})};
  other.route = "ghcr";
  other.allow.networks = *Networks::parse({"10.0.20.0/24", "127.0.0.1"});
  struct Row {
    std::string address;
    std::string lacks;  // from
  };
  const auto row = GENERATE(values<Row>({
      {"10.0.20.7", ""},
      {"10.0.21.7", "allow of route ghcr"},
      {"127.0.0.1", "allow of route dockerhub"},
      {"8.8.8.8", "allow of route dockerhub"},
  }));
  const auto peer = peer_of(row.address);
  const auto decision = authorize({peer}, Action::pull, {listener, other, "library/secret"});
  CHECK((decision.verdict == Verdict::allowed) == row.lacks.empty());
  CHECK(decision.why.find(row.lacks) != std::string::npos);
}

TEST_CASE("who is refused is told what lacks, and in which key") {
  RouteAccess access;
  access.route = "private";
  access.allow_change.networks = *Networks::parse({"10.0.20.0/24"});
  const auto peer = peer_of("10.0.9.1");
  const auto why = [&](Action action, const std::string& repository) {
    return authorize({peer}, action, {access, access, repository}).why;
  };
  CHECK(why(Action::push, "app") ==
        "the address 10.0.9.1 is not in allow_push of route private; add it there, if it may");
  access.rules = {rule({"10.0.20.0/24"}, {Action::pull})};
  CHECK(
      why(Action::push, "app") ==
      "the address 10.0.9.1 may not push to app by \"access\" of route private; add a rule there, if it may");
  CHECK(why(Action::remove, "app").find("may not delete in app") != std::string::npos);
  CHECK(why(Action::pull, "").find("may not pull from any repository") != std::string::npos);
}

TEST_CASE(
    "users, groups, subjects, tokens and jobs may what speaks of them, in each place and nothing else") {
  RouteAccess access;
  access.route = "private";
  access.allow.networks = *Networks::parse({"10.0.0.0/8"});
  auto of_alice = rule({}, {Action::pull, Action::push}, {"team/*"});
  of_alice.users = {"alice", "CN=ci"};
  auto of_group = rule({}, {Action::pull, Action::push, Action::remove});
  of_group.groups = {"ops"};
  access.rules = {of_alice, of_group, rule({"anonymous"}, {Action::pull}, {"public/*"})};
  const Identity alice{"alice", {}}, olga{"olga", {"dev", "ops"}}, bob{"bob", {"dev"}},
      certificate{"CN=ci", {}};
  const Identity token{"token ci", {"ops"}, Grant{{Action::push}, {"cache/*"}}};
  const Identity alike{"@ops", {}};  // a name that looks like a group is none
  struct Row {
    const Identity* who;
    std::string repository, may;
  };
  const std::vector<Row> rows = {
      {nullptr, "team/app", ""},
      {nullptr, "public/app", "pull"},
      {nullptr, "", "pull"},
      {&alice, "team/app", "pull push"},
      {&alice, "other/app", ""},
      {&alice, "public/app", "pull"},
      {&certificate, "team/app", "pull push"},
      {&bob, "team/app", ""},
      {&bob, "public/app", "pull"},
      {&olga, "team/app", "pull push delete"},
      {&olga, "", "pull push delete"},
      {&token, "cache/app", "push"},
      {&token, "public/app", ""},
      {&token, "team/app", ""},
      {&token, "", "push"},
      {&alike, "team/app", ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.who == nullptr ? "nobody" : row.who->name, row.repository);
    CHECK(rights_of(row.who, "10.0.0.7", access, row.repository) == row.may);
    CHECK(rights_of(row.who, "192.0.2.7", access, row.repository).empty());  // whatever his name is
  }
}

TEST_CASE("who could say his name is asked for it, but not who is kept out by his address") {
  RouteAccess access;
  access.route = "private";
  access.allow.networks = *Networks::parse({"10.0.0.0/8"});
  access.allow_change.networks = *Networks::parse({"10.0.20.0/24"});
  const auto verdict = [&access](const std::string& address, const Identity* who, bool can_log_in) {
    const auto peer = peer_of(address);
    return authorize({peer, who, can_log_in}, Action::push, {access, access, "app"}).verdict;
  };
  const Identity bob{"bob", {}};
  for (const bool has_rules : {false, true}) {
    if (has_rules) access.rules = {rule({"10.0.20.0/24"}, {Action::push})};
    CHECK(verdict("10.0.20.7", nullptr, true) == Verdict::allowed);
    CHECK(verdict("10.0.9.7", nullptr, true) == Verdict::needs_name);
    CHECK(verdict("10.0.9.7", nullptr, false) == Verdict::denied);
    CHECK(verdict("10.0.9.7", &bob, true) == Verdict::denied);
    CHECK(verdict("192.0.2.7", nullptr, true) == Verdict::denied);
  }
}

TEST_CASE(
    "a token of some repositories is for these on its own route, by the names that clients have for them") {
  RouteAccess access, other;
  access.route = "any";
  other.route = "other";
  Identity alice{"alice", {}};
  alice.scopes = {{"any", "team/app", {Action::pull}}};
  const auto peer = peer_of("10.0.0.7");
  const auto verdict = [&](const RouteAccess& listener, Action action, std::string_view name) {
    const std::string kept = name.empty() ? "" : "gcr.io/" + std::string(name);
    return authorize({peer, &alice, true}, action, {listener, access, kept, name}).verdict;
  };
  CHECK(verdict(access, Action::pull, "team/app") == Verdict::allowed);
  CHECK(verdict(access, Action::pull, "") == Verdict::allowed);  // GET /v2/
  CHECK(verdict(access, Action::push, "team/app") == Verdict::needs_name);
  CHECK(verdict(access, Action::push, "") == Verdict::needs_name);
  CHECK(verdict(access, Action::pull, "team/app2") == Verdict::needs_name);
  CHECK(verdict(access, Action::pull, "gcr.io/team/app") == Verdict::needs_name);
  CHECK(verdict(other, Action::pull, "team/app") == Verdict::needs_name);
  CHECK(listing_for(alice, "any").scopes);
  alice.scopes->push_back({"any", "", {Action::pull}});
  CHECK_FALSE(listing_for(alice, "any").scopes);
  CHECK(listing_for(alice, "other").scopes);
}

TEST_CASE("a name helps where more may be done with one") {
  RouteAccess access;
  const auto peer = peer_of("10.0.0.7");
  const auto helps = [&] {
    return what_a_name_helps(peer, {Action::pull, Action::push, Action::remove}, access);
  };
  CHECK(helps() == NameHelps::nothing);
  access.allow_change.networks = *Networks::parse({"127.0.0.1"});
  CHECK(helps() == NameHelps::some);
  CHECK(what_a_name_helps(peer, {Action::pull}, access) == NameHelps::nothing);
  access.rules.emplace();
  CHECK(helps() == NameHelps::all);
  access.rules = {rule({"127.0.0.1"}, {Action::pull})};
  CHECK(helps() == NameHelps::all);
  access.rules = {rule({"anonymous"}, {Action::push})};
  CHECK(helps() == NameHelps::all);
  access.rules = {rule({"anonymous"}, {Action::pull})};
  CHECK(helps() == NameHelps::some);
  CHECK(what_a_name_helps(peer, {Action::pull}, access) == NameHelps::nothing);
  access.rules = {rule({"anonymous"}, {Action::pull}, {"public/*"})};
  CHECK(what_a_name_helps(peer, {Action::pull}, access) == NameHelps::some);
  access.rules = {rule({"10.0.0.0/8"}, {Action::pull, Action::push, Action::remove})};
  CHECK(helps() == NameHelps::nothing);
  access.rules->insert(access.rules->begin(), rule({"anonymous"}, {Action::pull}, {"fixed/*"}));
  CHECK(helps() == NameHelps::some);
}

TEST_CASE("each request of the API is one action") {
  using Kind = OciPath::Kind;
  struct Row {
    std::string method;
    Kind kind;
    Action action;
  };
  const auto row = GENERATE(values<Row>({
      {"GET", Kind::manifest, Action::pull},
      {"HEAD", Kind::blob, Action::pull},
      {"GET", Kind::tags, Action::pull},
      {"GET", Kind::catalog, Action::pull},
      {"GET", Kind::referrers, Action::pull},
      {"PUT", Kind::manifest, Action::push},
      {"POST", Kind::upload_start, Action::push},
      {"GET", Kind::upload, Action::push},
      {"HEAD", Kind::upload, Action::push},
      {"PATCH", Kind::upload, Action::push},
      {"PUT", Kind::upload, Action::push},
      {"DELETE", Kind::upload, Action::push},
      {"DELETE", Kind::manifest, Action::remove},
      {"DELETE", Kind::blob, Action::remove},
      {"BREW", Kind::manifest, Action::push},
  }));
  CAPTURE(row.method);
  CHECK(action_of(row.method, row.kind) == row.action);
}

}  // namespace breakwater::routes
