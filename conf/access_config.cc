#include "conf/access_config.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "conf/repository_patterns.h"
#include "routes/access/htpasswd_file.h"

namespace breakwater::conf {
namespace {

using routes::Action;

constexpr std::string_view kAnonymous = "anonymous";

struct Word {
  std::string_view word;
  Action action;
};
constexpr std::array<Word, 4> kOfRoute = {
    {{"pull", Action::pull}, {"push", Action::push}, {"delete", Action::remove}, {"sign", Action::sign}}};
constexpr std::array<Word, 2> kOfPage = {{{"look", Action::pull}, {"administer", Action::administer}}};

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

// What was meant for an address and is none is no name either: a rule that speaks of nobody would be believed
// to protect.
bool is_like_address(std::string_view text) {
  return text.find_first_not_of("0123456789abcdefABCDEF.:/") == std::string_view::npos &&
         text.find_first_of(".:/") != std::string_view::npos;
}

bool is_subject(std::string_view text) { return text.find('=') != std::string_view::npos; }

// Who rules may speak of.
struct Known {
  const Config& config;
  bool has_certificates;
};

void read_group(JsonObject& object, const Known& known, std::string group, routes::AccessRule& rule) {
  if (!known.config.users || !known.config.users->groups.contains(group))
    object.wrong("who", "there is no group " + in_quotes(group) + ": it has to stand in users.groups");
  rule.groups.push_back(std::move(group));
}

void read_user(JsonObject& object, const Known& known, std::string user, routes::AccessRule& rule) {
  if (is_subject(user) && !known.has_certificates) {
    object.wrong("who", in_quotes(user) +
                            " is the subject of a certificate: tls.client_ca of the same listener has "
                            "to say who vouches for it");
  } else if (!is_subject(user) && !known.config.users) {
    object.wrong("who", "nobody can be " + in_quotes(user) +
                            ": expected \"anonymous\", a network such as \"10.0.0.0/8\", or with \"users\" a "
                            "user or a \"@group\"");
  }
  rule.users.push_back(std::move(user));
}

void read_who(JsonObject& object, const Known& known, routes::AccessRule& rule) {
  std::vector<std::string> who, networks;
  object.strings("who", who, 1);
  for (auto& one : who) {
    if (one == kAnonymous) {
      rule.is_of_anyone = true;
    } else if (one.starts_with('@')) {
      read_group(object, known, one.substr(1), rule);
    } else if (is_like_address(one)) {
      networks.push_back(std::move(one));
    } else {
      read_user(object, known, std::move(one), rule);
    }
  }
  auto parsed = routes::Networks::parse(networks);
  if (!parsed) return object.wrong("who", parsed.error().message);
  rule.networks = *std::move(parsed);
}

void read_may(JsonObject& object, std::span<const Word> words, routes::AccessRule& rule) {
  std::vector<std::string> may;
  object.strings("may", may);
  for (const auto& one : may) {
    const auto found =
        std::find_if(words.begin(), words.end(), [&one](const Word& word) { return word.word == one; });
    if (found != words.end()) {
      rule.may.add(found->action);
      continue;
    }
    std::string expected;
    for (const Word& word : words) expected += (expected.empty() ? "" : ", ") + in_quotes(word.word);
    object.wrong("may", "expected " + expected + ", not " + in_quotes(one));
  }
}

void read_repositories(JsonObject& rule, const RouteConfig& route, std::vector<std::string>& patterns) {
  patterns.clear();
  if (route.mirror) return read_name_patterns(rule, "repositories", route.mirror->registry, patterns, 1);
  if (route.any) return read_name_patterns(rule, "repositories", route.any->registries, patterns, 1);
  read_name_patterns(rule, "repositories", patterns, 1);
}

void read_rule(JsonObject& entry, const Known& known, std::span<const Word> words, routes::AccessRule& rule) {
  for (const char* key : {"who", "may"}) {
    if (!entry.has(key)) entry.wrong(key, "is missing");
  }
  read_who(entry, known, rule);
  read_may(entry, words, rule);
}

void check_mirror(JsonObject& entry, const routes::AccessRule& rule) {
  for (const Action action : {Action::push, Action::remove, Action::sign}) {
    if (rule.may.has(action))
      entry.wrong("may",
                  "nobody may " + std::string(routes::name_of(action)) + " at a mirror, which is only read");
  }
}

// Who is in a group and not in the file is no mistake: the file changes by itself.
void read_users(JsonObject& object, routes::UsersSettings& users) {
  object.required_string("htpasswd_file", users.htpasswd_file);
  const auto& file = users.htpasswd_file;
  const auto read = file.empty() ? Result<routes::Htpasswd>() : routes::read_htpasswd(file);
  if (!read) object.wrong("htpasswd_file", read.error().message);
  object.named_strings("groups", [&](const std::string& name, const std::vector<std::string>& members) {
    if (!is_plain_name(name))
      return object.wrong("groups." + name,
                          "a group's name may have lower-case letters, digits, - and _ only");
    users.groups[name] = members;
  });
}

void read_issuer(JsonObject& object, routes::OidcEntry& entry) {
  object.required_string("issuer", entry.issuer);
  object.required_string("audience", entry.audience);
  object.string("jwks_file", entry.jwks_file);
  object.string("ca_file", entry.ca_file);
  object.named_strings("claims",
                       [&entry](const std::string& claim, const std::vector<std::string>& patterns) {
                         entry.claims.push_back({claim, patterns});
                       });
  routes::AccessRule rule;
  if (!object.has("may")) object.wrong("may", "is missing");
  read_may(object, kOfRoute, rule);
  entry.grant.may = rule.may;
  if (!object.has("repositories")) return;
  entry.grant.repositories.clear();
  read_name_patterns(object, "repositories", entry.grant.repositories, 1);
}

void read_signature_keys(JsonObject& entry, routes::SignatureRule& rule) {
  std::string one;
  entry.string("key_file", one);
  if (!one.empty()) rule.key_files.push_back(one);
  std::vector<std::string> more;
  entry.strings("key_files", more, 1);
  rule.key_files.insert(rule.key_files.end(), more.begin(), more.end());
  if (!entry.has("key_file") && !entry.has("key_files"))
    entry.wrong("key_file",
                "is missing: name the public key that signatures are made for, such as cosign.pub");
  for (const auto& file : rule.key_files) {
    auto key = routes::read_signature_key(file);
    if (key) {
      rule.keys.push_back(*std::move(key));
    } else {
      entry.wrong(file == one ? "key_file" : "key_files", key.error().message);
    }
  }
}

}  // namespace

bool is_plain_name(std::string_view text) {
  static constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-_";
  return !text.empty() && text.size() <= 64 && text.find_first_not_of(kAllowed) == std::string_view::npos;
}

void read_networks(JsonObject& object, std::string_view key, routes::Networks& networks) {
  if (!object.has(key)) return;
  std::vector<std::string> entries;
  object.strings(key, entries);
  auto parsed = routes::Networks::parse(entries);
  if (!parsed) return object.wrong(key, parsed.error().message);
  networks = *parsed;
}

void read_who_may_log_in(JsonObject& object, Config& config) {
  object.object("users", [&config](JsonObject& users) { read_users(users, config.users.emplace()); });
  if (!object.has("oidc")) return;
  object.objects("oidc", [&config](JsonObject& issuer) { read_issuer(issuer, config.oidc.emplace_back()); });
  const auto right = routes::check_oidc(config.oidc);
  if (!right) object.wrong("oidc", right.error().message);
}

void read_access(JsonObject& object, const Config& config, RouteConfig& route) {
  if (!object.has("access")) return;
  if (object.has("allow_push"))
    object.wrong("access", "says who may push: leave allow_push out, or make a rule of it");
  auto& rules = route.access.emplace();
  const Known known{config, route.tls && !route.tls->client_ca.empty()};
  object.objects("access", [&](JsonObject& entry) {
    auto& rule = rules.emplace_back();
    read_rule(entry, known, kOfRoute, rule);
    if (!route.registry) check_mirror(entry, rule);
    if (entry.has("repositories")) read_repositories(entry, route, rule.repositories);
  });
}

void read_access(JsonObject& object, const Config& config, AdminConfig& admin) {
  if (!object.has("access")) return;
  if (object.has("allow_admin"))
    object.wrong("access", "says who may administer: leave allow_admin out, or make a rule of it");
  auto& rules = admin.access.emplace();
  const Known known{config, admin.tls && !admin.tls->client_ca.empty()};
  object.objects("access", [&](JsonObject& entry) {
    auto& rule = rules.emplace_back();
    read_rule(entry, known, kOfPage, rule);
    if (rule.may.has(Action::administer) && !rule.may.has(Action::pull))
      entry.wrong("may", "whoever may \"administer\" has to see what he does: add \"look\"");
  });
}

void read_require_signature(JsonObject& object, RouteConfig& route) {
  if (!object.has("require_signature")) return;
  object.objects("require_signature", [&route](JsonObject& entry) {
    auto& rule = route.require_signature.emplace_back();
    if (entry.has("repositories")) {
      read_repositories(entry, route, rule.repositories);
    } else {
      entry.wrong("repositories", "is missing");
    }
    read_signature_keys(entry, rule);
  });
}

}  // namespace breakwater::conf
