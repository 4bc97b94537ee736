#include "conf/config.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>
#include <utility>

#include "conf/access_config.h"
#include "conf/behind_proxies.h"
#include "conf/collisions.h"
#include "conf/json_object.h"
#include "conf/json_text.h"
#include "conf/log_names.h"
#include "conf/repository_patterns.h"
#include "conf/upstream_list.h"
#include "proxy/upstream/ca_file.h"
#include "proxy/upstream/password_file.h"
#include "routes/mirror/registry_name.h"
#include "routes/ops/notification.h"

namespace breakwater::conf {
namespace {

using nlohmann::json;

constexpr uint64_t kBytesMaxMin = 1ULL << 20;
constexpr uint64_t kRegistryBytesMax = 100ULL << 30;  // of the private registry in the default configuration
constexpr int64_t kLeaseMinMs = 1'000;
constexpr int64_t kUploadExpiryMinMs = 1'000;
constexpr int64_t kScrubPauseMinMs = 100;
// Of a client's or an upstream's patience. Less would fail what is well; libcurl takes no more than 24 days.
constexpr uint32_t kBodyRateMax = 1U << 30;
constexpr int64_t kTimeoutMinMs = 100;
constexpr int64_t kTimeoutMaxMs = 86'400'000;
constexpr uint32_t kHeadBytesMax = 1 << 20;  // is read in one piece

void read_listen(JsonObject& object, std::vector<ListenAddress>& listen) {
  if (!object.has("listen")) return object.wrong("listen", "is missing");
  object.parsed_strings("listen", listen, ListenAddress::parse, 1);
}

// What cannot be used is found here, with the file that is to blame.
void read_tls(JsonObject& object, std::optional<proxy::TlsSettings>& tls) {
  object.object("tls", [&tls](JsonObject& files) {
    proxy::TlsSettings settings;
    files.required_string("certificate", settings.certificate);
    files.required_string("key", settings.key);
    files.string("client_ca", settings.client_ca);
    if (settings.certificate.empty() || settings.key.empty()) return;
    const auto usable = proxy::read_tls_files(settings);
    if (usable) {
      tls = std::move(settings);
    } else {
      files.wrong("certificate", usable.error().message);
    }
  });
}

Result<std::string> parse_registry_name(std::string_view text) {
  auto name = routes::normal_registry(text);
  if (name) return std::move(*name);
  return failure(Error::Kind::invalid,
                 "expected the name that clients know it by, such as \"docker.io\" or "
                 "\"registry.example:5000\", not \"" +
                     std::string(text) + "\"");
}

void read_registry_name(JsonObject& object, std::string& registry) {
  std::string text;
  object.required_string("registry", text);
  if (text.empty()) return;
  auto name = parse_registry_name(text);
  if (!name) return object.wrong("registry", name.error().message);
  registry = std::move(*name);
}

void read_mirror(JsonObject& object, MirrorConfig& mirror) {
  read_registry_name(object, mirror.registry);
  read_upstreams(object, mirror.upstreams);
  object.duration("fresh", mirror.freshness.fresh_ms, 0);
  object.duration("stale", mirror.freshness.stale_ms, 0);
  object.duration("stale_when_missing", mirror.freshness.missing_stale_ms, 0);
  object.duration("missing", mirror.freshness.missing_fresh_ms, 0);
  object.duration("manifest_timeout", mirror.manifest_timeout_ms, kTimeoutMinMs, kTimeoutMaxMs);
  read_repository_rules(object, mirror.registry, mirror.repositories);
  object.duration("min_age", mirror.min_age_ms, 0);
}

// Accepts the characters of tags, and `*`, which stands for any characters.
bool is_tag_pattern(const std::string& text) {
  static constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-*";
  return !text.empty() && text.size() <= 128 && text.find_first_not_of(kAllowed) == std::string::npos;
}

void read_tag_patterns(JsonObject& object, std::string_view key, std::vector<std::string>& patterns) {
  object.strings(key, patterns);
  for (const auto& pattern : patterns) {
    if (!is_tag_pattern(pattern))
      object.wrong(key,
                   "expected the characters of tags and *, such as \"*cache*\", not \"" + pattern + "\"");
  }
}

void read_time(JsonObject& object, std::string_view key, std::optional<store::Time::duration>& time) {
  int64_t ms = -1;
  object.duration(key, ms, 0);
  if (ms >= 0) time = std::chrono::milliseconds(ms);
}

// Reads the retention of all repositories, or of those that an entry of `retention` names.
void read_policy(JsonObject& object, store::RetentionPolicy& policy) {
  if (object.has("keep_last")) {
    uint32_t tags = 0;
    object.number("keep_last", tags, 0, UINT32_MAX);
    policy.keep_last = tags;
  }
  read_time(object, "keep_for", policy.keep_for);
  read_time(object, "untagged_after", policy.untagged_after);
  read_tag_patterns(object, "protect", policy.protect);
  read_tag_patterns(object, "cache_tags", policy.cache_tags);
  read_tag_patterns(object, "immutable", policy.immutable);
}

void read_retention(JsonObject& object, store::RetentionPolicy& policy) {
  if (!object.has("repositories")) object.wrong("repositories", "is missing");
  read_name_patterns(object, "repositories", policy.repositories, 1);
  read_policy(object, policy);
}

void read_registry(JsonObject& object, RegistryConfig& registry) {
  object.parsed_strings("names", registry.names, parse_registry_name);
  object.boolean("delete", registry.removal);
  object.duration("lease", registry.lease_ms, kLeaseMinMs);
  object.duration("upload_expiry", registry.upload_expiry_ms, kUploadExpiryMinMs);
  object.number("uploads_max", registry.uploads_max, 1, 1'000'000);
  read_policy(object, registry.policy);
  if (!object.has("retention")) return;
  object.objects("retention", [&registry](JsonObject& entry) {
    read_retention(entry, registry.retention.emplace_back(registry.policy));
  });
}

// One name is taken in its normal form, in which registries are compared.
Result<proxy::HostPattern> parse_registry_pattern(std::string_view text) {
  auto pattern = proxy::HostPattern::parse(routes::normal_registry(text).value_or(std::string(text)));
  if (pattern && pattern->is_address())
    return failure(Error::Kind::invalid, "'" + std::string(text) +
                                             "' is an address: write names of registries, such as gcr.io or "
                                             "*.gcr.io");
  return pattern;
}

void read_any(JsonObject& object, AnyConfig& any) {
  if (!object.has("registries")) object.wrong("registries", "is missing");
  object.parsed_strings("registries", any.registries, parse_registry_pattern, 1);
  read_repository_rules(object, any.registries, any.repositories);
  object.duration("min_age", any.min_age_ms, 0);
  object.named_strings("upstreams", [&](const std::string& name, const std::vector<std::string>& texts) {
    const auto registry = parse_registry_name(name);
    if (!registry) return object.wrong("upstreams", registry.error().message);
    const std::string key = "upstreams." + name;
    std::vector<proxy::Endpoint> upstreams;
    read_endpoints(object, key, texts, upstreams);
    if (upstreams.size() != texts.size()) return;
    const auto is_listed =
        std::any_of(any.registries.begin(), any.registries.end(),
                    [&registry](const auto& pattern) { return routes::names_registry(pattern, *registry); });
    if (!is_listed) object.wrong(key, "is not among the registries");
    if (!any.upstreams.emplace(*registry, std::move(upstreams)).second)
      object.wrong(key, "is there twice, in another spelling");
  });
}

// A route is exactly one of these.
void check_kinds(JsonObject& object) {
  std::string kind;
  for (const char* key : {"mirror", "registry", "any"}) {
    if (!object.has(key)) continue;
    if (!kind.empty()) object.wrong(key, "a route is a mirror, a registry or any, and this is a " + kind);
    kind = key;
  }
  if (kind.empty()) object.wrong("mirror", "is missing: a route is a mirror, a registry or any");
}

void read_kind(JsonObject& object, RouteConfig& route) {
  object.object("mirror", [&route](JsonObject& mirror) { read_mirror(mirror, route.mirror.emplace()); });
  object.object("registry",
                [&route](JsonObject& registry) { read_registry(registry, route.registry.emplace()); });
  if (route.mirror) {
    for (auto& upstream : route.mirror->upstreams) upstream.name = route.name;
  }
  object.object("any", [&route](JsonObject& any) { read_any(any, route.any.emplace()); });
  check_kinds(object);
  if (object.has("allow_push") && !object.has("registry"))
    object.wrong("allow_push", "belongs to a registry: nobody pushes to a mirror");
  if (route.registry) read_networks(object, "allow_push", route.registry->allow_push);
}

void read_route(JsonObject& object, const Config& config, RouteConfig& route) {
  object.required_string("name", route.name);
  if (!route.name.empty() && !is_plain_name(route.name))
    object.wrong("name", "may have lower-case letters, digits, - and _ only");
  if (route.name == "metrics") object.wrong("name", "metrics is the name of the metrics' own listener");
  if (route.name == "admin") object.wrong("name", "admin is the name of the page's own listener");
  read_listen(object, route.listen);
  read_tls(object, route.tls);
  object.boolean("proxy_protocol", route.proxy_protocol);
  uint64_t bytes = 0;
  object.size("bytes_max", bytes, kBytesMaxMin);
  if (bytes > 0) route.bytes_max = bytes;
  read_networks(object, "allow", route.allow);
  read_kind(object, route);
  read_access(object, config, route);
  read_require_signature(object, route);
}

void read_server(JsonObject& object, proxy::ServerSettings& server) {
  object.number("connections_max", server.connections_max, 1, 1'000'000);
  object.size("header_bytes_max", server.header_bytes_max, 1024, kHeadBytesMax);
  object.size("target_bytes_max", server.target_bytes_max, 512, kHeadBytesMax);
  object.size("drain_bytes_max", server.drain_bytes_max, 0);
  object.duration("idle_timeout", server.idle_timeout_ms, kTimeoutMinMs, kTimeoutMaxMs);
  object.duration("header_timeout", server.header_timeout_ms, kTimeoutMinMs, kTimeoutMaxMs);
  object.duration("body_timeout", server.body_timeout_ms, kTimeoutMinMs, kTimeoutMaxMs);
  object.size("body_rate_min", server.body_rate_min_bytes, 0, kBodyRateMax);
  object.duration("body_rate_time", server.body_rate_time_ms, kTimeoutMinMs, kTimeoutMaxMs);
  object.duration("write_timeout", server.write_timeout_ms, kTimeoutMinMs, kTimeoutMaxMs);
}

void read_per_client(JsonObject& object, PerClientConfig& client) {
  object.number("connections", client.limits.connections_max, 1, 1'000'000);
  object.number("requests", client.limits.requests_max, 1, 1'000'000);
  object.number("uploads", client.uploads_max, 1, 1'000'000);
  object.size("buffer_bytes", client.limits.buffer_bytes_max, 1ULL << 20);
  object.number("upstream_misses_per_minute", client.limits.questions_per_minute_max, 1, 1'000'000);
}

void read_upstream(JsonObject& object, proxy::HttpClientSettings& settings) {
  object.duration("connect_timeout", settings.connect_timeout_ms, kTimeoutMinMs, kTimeoutMaxMs);
  object.duration("stall_timeout", settings.stall_timeout_ms, kTimeoutMinMs, kTimeoutMaxMs);
  object.string("ca_file", settings.ca_file);
  const auto usable = settings.ca_file.empty() ? Result<>() : proxy::check_ca_file(settings.ca_file);
  if (!usable) object.wrong("ca_file", usable.error().message);
  object.number("connections_per_host_max", settings.connections_per_host_max, 1, 10'000);
}

void read_scrub(JsonObject& object, store::ScrubSettings& scrub) {
  object.size("bytes_per_second", scrub.bytes_per_second, 0);
  object.duration("pause", scrub.pause_ms, kScrubPauseMinMs);
}

// Reads a key whose value is one of `names`, which `expected` lists for the operator.
template <class Names, class Value>
void read_choice(JsonObject& object, std::string_view key, const Names& names, const std::string& expected,
                 Value& into) {
  std::string text;
  object.string(key, text);
  if (text.empty()) return;
  const auto found =
      std::find_if(names.begin(), names.end(), [&text](const auto& name) { return name.first == text; });
  if (found == names.end()) return object.wrong(key, "must be " + expected + ", not \"" + text + "\"");
  into = found->second;
}

void read_log(JsonObject& object, store::LogSettings& log) {
  read_choice(object, "level", kLogLevels, "debug, info, warning or error", log.level);
  read_choice(object, "format", kLogFormats, "text or json", log.format);
}

void read_audit(JsonObject& object, AuditConfig& audit) {
  object.required_string("file", audit.file);
  if (!audit.file.empty() && !audit.file.starts_with('/'))
    object.wrong("file", "expected a path that begins with /, not \"" + audit.file + "\"");
}

constexpr std::array kEventKinds = {store::Event::Kind::push, store::Event::Kind::removal,
                                    store::Event::Kind::cache_eviction, store::Event::Kind::integrity,
                                    store::Event::Kind::upstream};

Result<store::Event::Kind> parse_event_kind(std::string_view text) {
  std::string names;
  for (const auto kind : kEventKinds) {
    if (routes::name_of(kind) == text) return kind;
    names += (names.empty() ? "" : ", ") + std::string(routes::name_of(kind));
  }
  return failure(Error::Kind::invalid, "expected one of " + names + ", not \"" + std::string(text) + "\"");
}

void read_webhook(JsonObject& object, std::vector<routes::WebhookSettings>& webhooks) {
  std::string text, file;
  std::vector<store::Event::Kind> kinds;
  object.required_string("url", text);
  object.required_string("secret_file", file);
  if (!object.has("events")) object.wrong("events", "is missing");
  object.parsed_strings("events", kinds, parse_event_kind, 1);
  const auto url = text.empty() ? Result<proxy::Url>() : proxy::Url::parse(text);
  const auto secret = file.empty() ? Result<std::string>() : proxy::read_password_file(file);
  if (!url) object.wrong("url", url.error().message);
  if (!secret) object.wrong("secret_file", secret.error().message);
  if (!url || !secret) return;
  const auto is_same = [&url](const auto& other) { return other.url.text() == url->text(); };
  if (!text.empty() && std::any_of(webhooks.begin(), webhooks.end(), is_same))
    object.wrong("url", "is there twice");
  webhooks.push_back({*url, *secret, {kinds.begin(), kinds.end()}, file});
}

void read_data(JsonObject& object, std::filesystem::path& data) {
  std::string text = data;
  object.string("data", text);
  data = text;
  if (auto checked = check_data(data); !checked) object.wrong("data", checked.error().message);
}

void read_whole(JsonObject& object, Config& config) {
  read_data(object, config.data);
  uint64_t bytes = 0;
  object.size("bytes_max", bytes, kBytesMaxMin);
  if (bytes > 0) config.bytes_max = bytes;
  read_who_may_log_in(object, config);
  object.objects("routes",
                 [&config](JsonObject& route) { read_route(route, config, config.routes.emplace_back()); });
  if (!object.has("routes")) object.wrong("routes", "is missing");
  object.object("metrics", [&config](JsonObject& metrics) {
    read_listen(metrics, config.metrics.listen);
    read_tls(metrics, config.metrics.tls);
    metrics.boolean("proxy_protocol", config.metrics.proxy_protocol);
    read_networks(metrics, "allow", config.metrics.allow);
  });
  object.object("admin", [&config](JsonObject& admin) {
    read_listen(admin, config.admin.listen);
    read_tls(admin, config.admin.tls);
    admin.boolean("proxy_protocol", config.admin.proxy_protocol);
    read_networks(admin, "allow", config.admin.allow);
    read_networks(admin, "allow_admin", config.admin.allow_admin);
    read_access(admin, config, config.admin);
  });
  read_trusted_proxies(object, config.server.trusted_proxies);
  if (object.has("hosts")) object.parsed_strings("hosts", config.hosts.emplace(), proxy::HostPattern::parse);
  object.size("buffer_bytes_max", config.buffer_bytes_max, 8ULL << 20);
  object.number("workers", config.workers, 1, 64);
  object.number("fills_max", config.fills.fills_max, 1, 10'000);
  object.duration("drain_timeout", config.drain_timeout_ms, 0, kTimeoutMaxMs);
  object.object("server", [&config](JsonObject& server) { read_server(server, config.server); });
  object.object("per_client", [&config](JsonObject& client) { read_per_client(client, config.per_client); });
  object.object("upstream", [&config](JsonObject& upstream) { read_upstream(upstream, config.http_client); });
  object.object("scrub", [&config](JsonObject& scrub) { read_scrub(scrub, config.scrub); });
  object.object("log", [&config](JsonObject& log) { read_log(log, config.log); });
  if (object.has("webhooks"))
    object.objects("webhooks", [&config](JsonObject& webhook) { read_webhook(webhook, config.webhooks); });
  object.object("audit", [&config](JsonObject& audit) { read_audit(audit, config.audit); });
  object.finish();
}

bool is_data_folder(const std::filesystem::path& folder) {
  std::error_code none;
  return std::filesystem::is_regular_file(folder / "format", none) &&
         std::filesystem::is_directory(folder / "catalog", none);
}

// Of a folder that is not there yet.
Result<> check_new_data(const std::filesystem::path& data) {
  auto above = std::filesystem::absolute(data).lexically_normal();
  while (above.has_relative_path()) {
    above = above.parent_path();
    if (!is_data_folder(above)) continue;
    return failure(Error::Kind::invalid, data.string() +
                                             " would be a new data folder inside of another: name " +
                                             above.string() + ", or move what is in it to " + data.string());
  }
  return {};
}

ListenAddress on_loopback(uint16_t port) {
  return ListenAddress::parse("127.0.0.1:" + std::to_string(port)).value();
}

RouteConfig default_mirror(const std::string& name, uint16_t port, const std::string& registry,
                           const std::string& url) {
  RouteConfig route;
  route.name = name;
  route.listen.push_back(on_loopback(port));
  route.mirror.emplace();
  route.mirror->registry = registry;
  auto& upstream = route.mirror->upstreams.emplace_back();
  upstream.name = name;
  upstream.upstream = proxy::Endpoint::parse(url).value();
  return route;
}

RouteConfig default_registry(const std::string& name, uint16_t port) {
  RouteConfig route;
  route.name = name;
  route.listen.push_back(on_loopback(port));
  route.bytes_max = kRegistryBytesMax;
  route.registry.emplace();
  return route;
}

RouteConfig default_any(const std::string& name, uint16_t port) {
  RouteConfig route;
  route.name = name;
  route.listen.push_back(on_loopback(port));
  route.any.emplace();
  for (const char* registry :
       {"mcr.microsoft.com", "gcr.io", "*.gcr.io", "*.pkg.dev", "public.ecr.aws", "registry.gitlab.com",
        "lscr.io", "docker.elastic.co", "nvcr.io", "registry.access.redhat.com"})
    route.any->registries.push_back(proxy::HostPattern::parse(registry).value());
  return route;
}

}  // namespace

Config default_config() {
  Config config;
  config.routes.push_back(default_mirror("dockerhub", 5000, "docker.io", "https://registry-1.docker.io"));
  config.routes.push_back(default_mirror("ghcr", 5010, "ghcr.io", "https://ghcr.io"));
  config.routes.push_back(default_mirror("quay", 5020, "quay.io", "https://quay.io"));
  config.routes.push_back(default_mirror("k8s", 5030, "registry.k8s.io", "https://registry.k8s.io"));
  config.routes.push_back(default_mirror("kyverno", 5040, "reg.kyverno.io", "https://reg.kyverno.io"));
  config.routes.push_back(default_registry("private", 5050));
  config.routes.push_back(default_any("any", 5060));
  config.metrics.listen.push_back(on_loopback(5001));
  config.admin.listen.push_back(on_loopback(8080));
  return config;
}

Result<> check_data(const std::filesystem::path& data) {
  std::error_code none;
  if (!std::filesystem::exists(data, none)) return check_new_data(data);
  if (std::filesystem::is_directory(data, none)) return {};
  return failure(Error::Kind::invalid, data.string() + " is there and is no folder");
}

tl::expected<Config, ConfigErrors> parse_config(std::string_view text) {
  ConfigErrors errors;
  const json parsed = parse_json(text, errors.lines);
  if (!errors.lines.empty()) return tl::unexpected<ConfigErrors>(std::move(errors));
  Config config;
  JsonObject whole(parsed, "", errors.lines);
  if (parsed.is_object()) read_whole(whole, config);
  // Compared only if every route is an object; else config.routes[2] would not be the file's routes[2].
  const bool routes_are_whole =
      parsed.is_object() && config.routes.size() == parsed.value("routes", json::array()).size();
  if (routes_are_whole) {
    check_names(config, errors.lines);
    check_listeners(config, errors.lines);
    check_proxy_protocol(config, errors.lines);
  }
  if (!errors.lines.empty()) return tl::unexpected<ConfigErrors>(std::move(errors));
  config.text = text;
  return config;
}

tl::expected<Config, ConfigErrors> read_config(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  if (file) text << file.rdbuf();
  if (file) return parse_config(text.str());
  ConfigErrors errors;
  errors.lines.push_back(path.string() + ": cannot be read");
  return tl::unexpected<ConfigErrors>(std::move(errors));
}

}  // namespace breakwater::conf
