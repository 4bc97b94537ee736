#include "conf/describe.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <ostream>
#include <sstream>
#include <string_view>
#include <vector>

#include "conf/default_bound.h"
#include "conf/log_names.h"
#include "conf/units.h"

namespace breakwater::conf {
namespace {

template <class Names, class Value>
std::string_view name_in(const Names& names, Value value) {
  const auto found =
      std::find_if(names.begin(), names.end(), [value](const auto& name) { return name.second == value; });
  return found == names.end() ? std::string_view() : found->first;
}

void describe_bound(std::ostream& out, const std::optional<uint64_t>& bytes_max) {
  out << (bytes_max ? "at most " + size_text(*bytes_max) : std::string("no bound of its own"));
}

std::string joined(const std::vector<std::string>& list) {
  std::string text;
  for (const auto& item : list) text += (text.empty() ? "" : ", ") + item;
  return text;
}

template <class Item>
std::string joined_texts(const std::vector<Item>& list) {
  std::vector<std::string> texts;
  texts.reserve(list.size());
  for (const auto& item : list) texts.push_back(item.text());
  return joined(texts);
}

void describe_rules(std::ostream& out, const routes::RepositoryRules& repositories, int64_t min_age_ms) {
  if (repositories.allow != routes::RepositoryRules().allow)
    out << ", only repositories " << joined(repositories.allow);
  if (!repositories.deny.empty()) out << ", no repositories " << joined(repositories.deny);
  if (min_age_ms > 0) out << ", tags move after " << duration_text(min_age_ms);
}

void describe_mirror(std::ostream& out, const MirrorConfig& mirror) {
  out << "mirror of " << mirror.registry << " at ";
  for (const auto& upstream : mirror.upstreams) {
    if (&upstream != &mirror.upstreams.front()) out << ", then ";
    out << upstream.upstream.text();
    if (upstream.credentials) out << " as " << upstream.credentials->username;
  }
  describe_rules(out, mirror.repositories, mirror.min_age_ms);
}

void describe_any(std::ostream& out, const AnyConfig& any) {
  out << "mirror of any registry of " << joined_texts(any.registries);
  for (const auto& [registry, upstreams] : any.upstreams) {
    out << ", " << registry << " at " << upstreams.front().text();
    for (size_t i = 1; i < upstreams.size(); ++i) out << ", then " << upstreams[i].text();
  }
  describe_rules(out, any.repositories, any.min_age_ms);
}

void describe_policy(std::ostream& out, const store::RetentionPolicy& policy) {
  if (policy.keep_last) out << " the last " << *policy.keep_last << " tags stay,";
  if (policy.keep_for) out << " tags of the last " << duration_text(policy.keep_for->count()) << " stay,";
  if (!policy.protect.empty()) out << " protected are " << joined(policy.protect) << ",";
  if (!policy.immutable.empty()) out << " immutable are " << joined(policy.immutable) << ",";
  if (policy.untagged_after)
    out << " untagged manifests go after " << duration_text(policy.untagged_after->count()) << ",";
  out << " cache tags " << joined(policy.cache_tags);
}

std::vector<std::string> words_on_page(routes::Actions actions) {
  std::vector<std::string> words;
  if (actions.has(routes::Action::pull)) words.emplace_back("look");
  if (actions.has(routes::Action::administer)) words.emplace_back("administer");
  if (words.empty()) words.emplace_back("do nothing");
  return words;
}

std::vector<std::string> words_of(routes::Actions actions) {
  std::vector<std::string> words;
  for (const auto action : routes::kActionsOfRepositories) {
    if (actions.has(action)) words.emplace_back(name_of(action));
  }
  if (words.empty()) words.emplace_back("do nothing");
  return words;
}

std::string who_of(const routes::AccessRule& rule) {
  auto who = rule.networks.text();
  who.insert(who.end(), rule.users.begin(), rule.users.end());
  for (const auto& group : rule.groups) who.push_back("@" + group);
  if (rule.is_of_anyone) who.emplace_back("anyone");
  return joined(who);
}

void describe_page(std::ostream& out, const AdminConfig& admin) {
  out << "page on " << joined_texts(admin.listen);
  const char* before = ", access: ";
  if (!admin.access) return void(out << "\n");
  for (const auto& rule : *admin.access) {
    out << before << who_of(rule) << " may " << joined(words_on_page(rule.may));
    before = "; ";
  }
  out << "\n";
}

void describe_access(std::ostream& out, const std::vector<routes::AccessRule>& rules) {
  const char* before = ", access: ";
  for (const auto& rule : rules) {
    out << before << who_of(rule) << " may " << joined(words_of(rule.may)) << " in "
        << joined(rule.repositories);
    before = "; ";
  }
}

void describe_registry(std::ostream& out, const RegistryConfig& registry) {
  out << "registry ";
  if (!registry.names.empty()) out << "called " << joined(registry.names) << " ";
  out << (registry.removal ? "with" : "without") << " delete, leases of " << duration_text(registry.lease_ms)
      << ", uploads kept for " << duration_text(registry.upload_expiry_ms) << ",";
  describe_policy(out, registry.policy);
  for (const auto& policy : registry.retention) {
    out << "; in " << joined(policy.repositories) << ":";
    describe_policy(out, policy);
  }
}

void describe_hosts(std::ostream& out, const Config& config) {
  out << "hosts: addresses, localhost";
  if (!config.own_names.empty()) out << ", " << joined(config.own_names);
  if (config.hosts && !config.hosts->empty()) out << ", " << joined_texts(*config.hosts);
  out << (config.hosts ? ", for every client\n" : ", for browsers; other clients may use any name\n");
}

}  // namespace

std::string describe(const Config& config) {
  std::ostringstream out;
  out << "data " << std::filesystem::absolute(config.data).string() << ", the whole store ";
  const auto assumed = config.bytes_max ? std::nullopt : default_bound(config.data);
  describe_bound(out, assumed ? assumed : config.bytes_max);
  if (assumed) out << ", " << kDefaultBoundPercent << " % of its file system, because bytes_max is not set";
  out << "\n";
  for (const auto& route : config.routes) {
    out << "route " << route.name << " on " << joined_texts(route.listen) << ": ";
    if (route.mirror) describe_mirror(out, *route.mirror);
    if (route.registry) describe_registry(out, *route.registry);
    if (route.any) describe_any(out, *route.any);
    out << ", ";
    describe_bound(out, route.bytes_max);
    out << ", for " << joined(route.allow.text());
    if (route.proxy_protocol) out << ", behind the PROXY protocol";
    if (route.registry && !route.access) out << ", pushes from " << joined(route.registry->allow_push.text());
    if (route.access) describe_access(out, *route.access);
    out << "\n";
  }
  if (!config.metrics.listen.empty()) out << "metrics on " << joined_texts(config.metrics.listen) << "\n";
  if (!config.admin.listen.empty()) describe_page(out, config.admin);
  describe_hosts(out, config);
  if (!config.server.trusted_proxies.empty())
    out << "proxies that say who asks: " << joined(config.server.trusted_proxies.text()) << "\n";
  if (config.scrub.bytes_per_second > 0) {
    out << "scrub of " << size_text(config.scrub.bytes_per_second) << " a second, pauses of "
        << duration_text(config.scrub.pause_ms) << "\n";
  } else {
    out << "no scrub\n";
  }
  out << config.workers << " workers, buffers of at most " << size_text(config.buffer_bytes_max) << ", log "
      << name_in(kLogLevels, config.log.level) << " as " << name_in(kLogFormats, config.log.format) << "\n"
      << config.webhooks.size() << " webhooks, audit to "
      << (config.audit.file.empty() ? std::string("the log") : config.audit.file) << "\n";
  if (config.users) {
    out << "users of " << config.users->htpasswd_file;
    for (const auto& [group, members] : config.users->groups) out << ", " << group << ": " << joined(members);
    out << "\n";
  }
  for (const auto& issuer : config.oidc) {
    out << "jobs of " << issuer.issuer << " for " << issuer.audience;
    for (const auto& claim : issuer.claims) out << ", " << claim.claim << " " << joined(claim.patterns);
    out << " may " << joined(words_of(issuer.grant.may)) << " in " << joined(issuer.grant.repositories)
        << "\n";
  }
  return out.str();
}

}  // namespace breakwater::conf
