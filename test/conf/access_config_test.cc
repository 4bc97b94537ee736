// What a configuration says of who may do what: rules of routes and of the page, users, jobs, and whose
// signatures count.
#include <string>
#include <utility>
#include <vector>

#include "conf/config.h"
#include "conf/describe.h"
#include "conf/part_settings.h"
#include "test/catch.h"
#include "test/conf/made_config.h"
#include "test/fakes/certificate_files.h"
#include "test/fakes/cosign_key.h"

using namespace breakwater::conf;

TEST_CASE("rules say who may do what on a route, of names as it keeps them") {
  using breakwater::routes::Action;
  const auto config = parse_config(registry_with("", R"(, "access": [
      {"who": ["10.0.20.0/24", "anonymous"], "may": "pull", "repositories": ["ci/*", "cache"]},
      {"who": "127.0.0.1", "may": ["pull", "push", "delete"]},
      {"who": ["::/0"], "may": []}])"));
  REQUIRE(config);
  const auto access = access_of(config->routes[0]);
  CHECK(access.route == config->routes[0].name);
  REQUIRE(access.rules);
  REQUIRE(access.rules->size() == 3);
  const auto& rules = *access.rules;
  CHECK(rules[0].is_of_anyone);
  CHECK(rules[0].networks.text() == std::vector<std::string>{"10.0.20.0/24"});
  CHECK(rules[0].may.has(Action::pull));
  CHECK_FALSE(rules[0].may.has(Action::push));
  CHECK(rules[0].repositories == std::vector<std::string>{"ci/*", "cache"});
  CHECK_FALSE(rules[1].is_of_anyone);
  CHECK(rules[1].may.has(Action::remove));
  CHECK(rules[1].repositories == std::vector<std::string>{"*"});
  CHECK_FALSE(rules[2].may.has(Action::pull));
  CHECK_FALSE(access_of(parse_config(registry_with(""))->routes[0]).rules);

  const auto of_mirror = parse_config(
      config_with("", R"(, "access": [{"who": "anonymous", "may": "pull", "repositories": "team/*"}])"));
  REQUIRE(of_mirror);
  CHECK(access_of(of_mirror->routes[0]).rules->size() == 1);
  check_mistakes({
      {registry_with("", R"(, "access": [])"), "routes[0].access: "},
      {registry_with("", R"(, "access": [{"may": "pull"}])"), "routes[0].access[0].who: is missing"},
      {registry_with("", R"(, "access": [{"who": "anonymous"}])"), "routes[0].access[0].may: is missing"},
      {registry_with("", R"(, "access": [{"who": "anybody", "may": "pull"}])"),
       "routes[0].access[0].who: nobody can be \"anybody\": expected \"anonymous\", a network"},
      {registry_with("", R"(, "access": [{"who": "10.0.0.0/99", "may": "pull"}])"),
       "routes[0].access[0].who: '10.0.0.0/99'"},
      {registry_with("", R"(, "access": [{"who": "10.0.0.300", "may": "pull"}])"),
       "routes[0].access[0].who: '10.0.0.300'"},
      {registry_with("", R"(, "access": [{"who": "@ci", "may": "pull"}])"),
       "routes[0].access[0].who: there is no group \"ci\": it has to stand in users.groups"},
      {registry_with("", R"(, "access": [{"who": "CN=ci", "may": "pull"}])"),
       "routes[0].access[0].who: \"CN=ci\" is the subject of a certificate: tls.client_ca"},
      {registry_with("", R"(, "access": [{"who": "anonymous", "may": "write"}])"),
       "routes[0].access[0].may: expected \"pull\", \"push\", \"delete\", \"sign\", not \"write\""},
      {registry_with("", R"(, "access": [{"who": "anonymous", "may": "pull", "repositories": "A"}])"),
       "routes[0].access[0].repositories: expected the characters of repositories' names"},
      {registry_with("", R"(, "access": [{"who": "anonymous", "may": "pull", "on": "A"}])"),
       "routes[0].access[0].on: unknown key"},
      {registry_with("", R"(, "allow_push": "127.0.0.1", "access": [{"who": "anonymous", "may": "pull"}])"),
       "routes[0].access: says who may push: leave allow_push out"},
      {config_with("", R"(, "access": [{"who": "anonymous", "may": ["pull", "push"]}])"),
       "routes[0].access[0].may: nobody may push at a mirror"},
      {config_with("",
                   R"(, "access": [{"who": "anonymous", "may": "pull", "repositories": "one.example/a"}])"),
       "routes[0].access[0].repositories: expected a name without the registry"},
  });
}

TEST_CASE("rules of the page say who may look and who may administer, instead of allow_admin") {
  using breakwater::routes::Action;
  const auto config = parse_config(config_with("", "", R"(, "admin": {"listen": ["127.0.0.1:1"], "access": [
      {"who": ["10.0.20.0/24"], "may": ["look", "administer"]}, {"who": "anonymous", "may": "look"}]})"));
  REQUIRE(config);
  const auto settings = admin_settings(*config);
  REQUIRE(settings.access);
  REQUIRE(settings.access->size() == 2);
  CHECK(settings.access->at(0).may.has_all({Action::pull, Action::administer}));
  CHECK(settings.access->at(1).is_of_anyone);
  CHECK_FALSE(settings.access->at(1).may.has(Action::administer));
  CHECK(describe(*config).find(
            "page on 127.0.0.1:1, access: 10.0.20.0/24 may look, administer; anyone may look\n") !=
        std::string::npos);
  CHECK_FALSE(admin_settings(*parse_config(config_with(""))).access);
  check_mistakes({
      {config_with("", "", R"(, "admin": {"listen": ["127.0.0.1:1"], "allow_admin": [],
                          "access": [{"who": "anonymous", "may": "look"}]})"),
       "admin.access: says who may administer: leave allow_admin out"},
      {config_with("", "", R"(, "admin": {"listen": ["127.0.0.1:1"],
                          "access": [{"who": "127.0.0.1", "may": "administer"}]})"),
       "admin.access[0].may: whoever may \"administer\" has to see what he does"},
      {config_with("", "", R"(, "admin": {"listen": ["127.0.0.1:1"],
                          "access": [{"who": "127.0.0.1", "may": ["look", "pull"]}]})"),
       "admin.access[0].may: expected \"look\", \"administer\", not \"pull\""},
      {config_with("", "", R"(, "admin": {"listen": ["127.0.0.1:1"],
                          "access": [{"who": "@ops", "may": ["look"]}]})"),
       "admin.access[0].who: there is no group \"ops\""},
  });
}

TEST_CASE("users are read with the configuration, and a wrong line of their file is a mistake of it") {
  const std::string hash = "$2y$05$" + std::string(53, 'a');
  const SecretFile right("alice:" + hash + "\nbob:" + hash + "\n"), wrong("alice:" + hash + "\nbob:secret\n");
  const auto with = [](const std::string& users) {
    return config_with("", "", R"(, "users": {)" + users + "}");
  };
  const std::string file = R"("htpasswd_file": ")" + right.path() + "\"";
  const auto config = parse_config(with(file + R"(, "groups": {"ci": ["alice", "robot"], "ops": "bob"})"));
  REQUIRE(config);
  REQUIRE(config->users);
  CHECK(config->users->htpasswd_file == right.path());
  CHECK(config->users->groups.at("ci") == std::vector<std::string>{"alice", "robot"});
  CHECK(config->users->groups.at("ops") == std::vector<std::string>{"bob"});
  CHECK(describe(*config).find("users of " + right.path() + ", ci: alice, robot, ops: bob\n") !=
        std::string::npos);
  CHECK_FALSE(parse_config(config_with(""))->users);
  for (const auto& [users, line] : std::vector<std::pair<std::string, std::string>>{
           {"", "users.htpasswd_file: "},
           {R"("htpasswd_file": "/nowhere")",
            "users.htpasswd_file: cannot read the users from /nowhere: No such file or directory"},
           {R"("htpasswd_file": ")" + wrong.path() + "\"",
            "users.htpasswd_file: " + wrong.path() + " line 2 has a plain password"},
           {file + R"(, "groups": {"C I": ["alice"]})", "users.groups.C I: "},
           {file + R"(, "groups": {"ci": []})", "users.groups.ci: "},
           {file + R"(, "groups": ["alice"])", "users.groups: "},
           {file + R"(, "passwords": "x")", "users.passwords: "}}) {
    CAPTURE(users);
    const auto lines = errors_of(with(users));
    CHECK(lines.size() == 1);
    CHECK(has_line(lines, line));
    for (const auto& told : lines) CHECK(told.find("secret\n") == std::string::npos);
  }
}

TEST_CASE("rules speak of users and groups, and of jobs their issuer's entry does") {
  using breakwater::routes::Action;
  const SecretFile users("alice:$2y$05$" + std::string(53, 'a') + "\n");
  const std::string more =
      R"(, "users": {"htpasswd_file": ")" + users.path() + R"(", "groups": {"ci": "alice"}},
      "oidc": [{"issuer": "https://gitlab.example.org", "audience": "breakwater", "may": ["pull", "push"],
                "claims": {"project_path": "me/*", "ref_protected": ["true"]}, "repositories": ["ci/*"]}])";
  const auto config = parse_config(
      registry_with("", R"(, "access": [{"who": ["alice", "@ci", "10.0.0.0/8"], "may": "push"}])", more));
  REQUIRE(config);
  const auto& rule = config->routes[0].access->front();
  CHECK(rule.users == std::vector<std::string>{"alice"});
  CHECK(rule.groups == std::vector<std::string>{"ci"});
  CHECK(rule.networks.text() == std::vector<std::string>{"10.0.0.0/8"});
  CHECK_FALSE(rule.is_of_anyone);
  REQUIRE(config->oidc.size() == 1);
  const auto& issuer = config->oidc[0];
  CHECK(issuer.grant.may.has(Action::push));
  CHECK_FALSE(issuer.grant.may.has(Action::remove));
  CHECK(issuer.grant.repositories == std::vector<std::string>{"ci/*"});
  CHECK(issuer.claims.size() == 2);
  CHECK(describe(*config).find("10.0.0.0/8, alice, @ci may push in *") != std::string::npos);
  CHECK(describe(*config).find("jobs of https://gitlab.example.org for breakwater, project_path me/*, "
                               "ref_protected true may pull, push in ci/*\n") != std::string::npos);
  const auto with = [](const std::string& entry) {
    return registry_with("", "", R"(, "oidc": [)" + entry + "]");
  };
  for (const auto& [entry, line] : std::vector<std::pair<std::string, std::string>>{
           {R"({"issuer": "https://a.example", "may": "pull"})", "oidc[0].audience: "},
           {R"({"issuer": "https://a.example", "audience": "b"})", "oidc[0].may: is missing"},
           {R"({"issuer": "http://a.example", "audience": "b", "may": "pull"})", "oidc: the issuer"},
           {R"({"issuer": "https://a.example", "audience": "b", "may": "all"})", "oidc[0].may: expected "},
           {R"({"issuer": "https://a.example", "audience": "b", "may": "pull", "for": 1})",
            "oidc[0].for: "}}) {
    CAPTURE(entry);
    CHECK(has_line(errors_of(with(entry)), line));
  }
}

TEST_CASE("a route may serve only what is signed, by one key or any of several") {
  using breakwater::test::CosignKey;
  breakwater::test::CertificateFiles files;
  const auto key = CosignKey::p256(), next = CosignKey::ed25519();
  files.write("a.pub", key.pem());
  files.write("b.pub", next.pem());
  files.write("cosign.key", key.private_pem());
  const auto entry = [&files](const std::string& repository, const std::string& keys) {
    std::string text = R"({"repositories": [")" + repository + R"("], )" + keys + "}";
    for (size_t at = text.find("@"); at != std::string::npos; at = text.find("@"))
      text.replace(at, 1, files.path(""));
    return R"(, "require_signature": [)" + text + "]";
  };
  const auto config = parse_config(registry_with("", entry("prod/*", R"("key_file": "@a.pub")")));
  REQUIRE(config);
  const auto& rules = config->routes[0].require_signature;
  REQUIRE(rules.size() == 1);
  CHECK(rules[0].repositories == std::vector<std::string>{"prod/*"});
  CHECK(rules[0].key_files == std::vector<std::string>{files.path("a.pub")});
  REQUIRE(rules[0].keys.size() == 1);
  CHECK(rules[0].keys[0] == key.key());
  const auto policy = registry_settings(*config, config->routes[0]).require_signature;
  REQUIRE(policy);
  CHECK(policy->size() == 1);

  const auto both = parse_config(config_with("", entry("a/*", R"("key_files": ["@a.pub", "@b.pub"])")));
  REQUIRE(both);
  REQUIRE(both->routes[0].require_signature[0].keys.size() == 2);
  CHECK(both->routes[0].require_signature[0].keys[1] == next.key());
  CHECK(mirror_settings(both->routes[0]).require_signature->size() == 1);
  CHECK(mirror_settings(parse_config(config_with(""))->routes[0]).require_signature == nullptr);

  const std::string at = "routes[0].require_signature[0].";
  const auto wrong = [&](const std::string& repository, const std::string& keys) {
    const auto lines = errors_of(config_with("", entry(repository, keys)));
    REQUIRE(lines.size() == 1);
    return lines[0];
  };
  CHECK(wrong("a/*", R"("key_file": "@absent.pub")")
            .starts_with(at + "key_file: " + files.path("absent.pub") + " cannot be read, or is empty: put"));
  CHECK(wrong("a/*", R"("key_file": "@cosign.key")")
            .starts_with(at + "key_file: " + files.path("cosign.key") +
                         " holds a private key: name the public"));
  CHECK(wrong("a/*", R"("key_files": ["@a.pub", "@absent.pub"])").starts_with(at + "key_files: "));
  CHECK(wrong("a/*", R"("key_files": [])").starts_with(at + "key_files: must name at least one"));
  CHECK(wrong("one.example/a", R"("key_file": "@a.pub")").starts_with(at + "repositories: expected a name"));
  CHECK(has_line(errors_of(config_with("", R"(, "require_signature": [{"key_file": "/x"}])")),
                 at + "repositories: is missing"));
  CHECK(has_line(errors_of(config_with("", R"(, "require_signature": [{"repositories": ["a"]}])")),
                 at + "key_file: is missing: name the public key"));
  CHECK(has_line(errors_of(config_with("", R"(, "require_signature": [])")),
                 "routes[0].require_signature: must"));
}
