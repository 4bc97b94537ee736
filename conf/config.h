// The whole configuration, as read from one JSON file (with comments), or the default one.
//
// Every mistake is found before anything is opened, and each is one line with the path of its key
// (`routes[2].mirror.upstream: …`). Everything is parsed once, into types that hold nothing but what can be
// used, so that what passes check-config is what serve runs. Settings structs live beside the code that they
// configure; this file only composes them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/listen_address.h"
#include "proxy/clients/clients.h"
#include "proxy/fill/fill.h"
#include "proxy/http/host_pattern.h"
#include "proxy/http/url.h"
#include "proxy/server/http_server.h"
#include "proxy/stream/tls_files.h"
#include "proxy/upstream/http_client.h"
#include "proxy/upstream/registry_client.h"
#include "routes/access/authorize.h"
#include "routes/access/oidc_entry.h"
#include "routes/access/users_settings.h"
#include "routes/mirror/repository_rules.h"
#include "routes/oci/freshness.h"
#include "routes/ops/webhooks.h"
#include "routes/signatures/signature_policy.h"
#include "store/base/log.h"
#include "store/base/result.h"
#include "store/references/retention.h"
#include "store/upkeep/scrub.h"

namespace breakwater::conf {

struct MirrorConfig {
  std::string registry;  // the name that clients use for it: "docker.io"
  // In the order in which they are asked; at least one. Their name is the route's.
  std::vector<proxy::RegistryClientSettings> upstreams;
  routes::FreshnessSettings freshness;
  int64_t manifest_timeout_ms = 120'000;  // as MirrorSettings has it
  routes::RepositoryRules repositories;
  int64_t min_age_ms = 0;  // as MirrorSettings has it
};

// Whatever registry a client names by ?ns=, if the list has it. Its repositories are kept as
// "<registry>/<repository>".
struct AnyConfig {
  std::vector<proxy::HostPattern> registries;  // names and *.names; without a port they mean port 443
  // By the registry's name in normal form, in the order in which they are asked; at least one. Of the others
  // it is default_upstream() in routes/mirror/registry_name.h, which has to resolve to addresses of the
  // internet, because a client named it.
  std::map<std::string, std::vector<proxy::Endpoint>> upstreams;
  routes::RepositoryRules repositories;
  int64_t min_age_ms = 0;  // as MirrorSettings has it
};

struct RegistryConfig {
  // What clients call it, in normal form: requests with ?ns= and one of these are for it.
  std::vector<std::string> names;
  bool removal = true;           // "delete"
  int64_t lease_ms = 3'600'000;  // how long content is kept after a client was told that it exists
  int64_t upload_expiry_ms = 168LL * 3600 * 1000;
  uint32_t uploads_max = 4096;
  store::RetentionPolicy policy;                  // for repositories that no entry of `retention` names
  std::vector<store::RetentionPolicy> retention;  // unset values are those of `policy`
  routes::Networks allow_push = routes::Networks::internal();
};

// A mirror, a registry of our own, or a mirror of any registry.
struct RouteConfig {
  std::string name;
  std::vector<ListenAddress> listen;
  std::optional<proxy::TlsSettings> tls;  // nothing: plain HTTP
  bool proxy_protocol = false;            // as ServerSettings has it
  std::optional<MirrorConfig> mirror;
  std::optional<RegistryConfig> registry;
  std::optional<AnyConfig> any;
  std::optional<uint64_t> bytes_max;
  routes::Networks allow = routes::Networks::internal();
  std::optional<std::vector<routes::AccessRule>> access;  // instead of allow_push
  routes::SignaturePolicy require_signature;              // of what clients pull; empty: of nothing
};

struct MetricsConfig {
  std::vector<ListenAddress> listen;
  std::optional<proxy::TlsSettings> tls;
  bool proxy_protocol = false;
  routes::Networks allow = routes::Networks::internal();
};

// The page and its API, for whoever `allow` names; what changes anything only for `allow_admin`, or by the
// rules of `access`.
struct AdminConfig {
  std::vector<ListenAddress> listen;
  std::optional<proxy::TlsSettings> tls;
  bool proxy_protocol = false;
  routes::Networks allow = routes::Networks::internal();
  routes::Networks allow_admin = routes::Networks::loopback();
  std::optional<std::vector<routes::AccessRule>> access;  // instead of allow_admin
};

struct AuditConfig {
  std::string file;  // an absolute path; "": to the log
};

// What one client may have of everything.
struct PerClientConfig {
  proxy::ClientLimits limits;
  uint32_t uploads_max = 64;  // that it has worked on in the last minute
};

struct Config {
  std::string text;  // the JSON that it was parsed from; "" for the default one
  std::filesystem::path data = "data";
  std::string data_from = "built in";  // who says so, for messages: "--data", or the configuration's file
  std::optional<uint64_t> bytes_max;   // for the whole store
  std::vector<RouteConfig> routes;
  MetricsConfig metrics;
  AdminConfig admin;
  std::optional<std::vector<proxy::HostPattern>> hosts;  // as HostSettings::named has it
  std::vector<std::string> own_names;                    // of this machine, if it was asked: own_names.h
  uint64_t buffer_bytes_max = 128ULL << 20;
  uint32_t workers = 2;
  int64_t drain_timeout_ms = 30'000;
  proxy::ServerSettings server;  // with "trusted_proxies"
  PerClientConfig per_client;
  proxy::HttpClientSettings http_client;
  proxy::FillSettings fills;
  store::ScrubSettings scrub;
  store::LogSettings log;
  AuditConfig audit;
  std::vector<routes::WebhookSettings> webhooks;
  std::optional<routes::UsersSettings> users;  // nothing: there are none, but there may be tokens
  std::vector<routes::OidcEntry> oidc;
};

// The five mirrors, the private registry, the mirror of any registry, the metrics and the page on 127.0.0.1.
Config default_config();

// `invalid` if something is there that is no folder, or if it would be made inside of another data folder, as
// happens when the setting changes from /var/lib/breakwater to a folder in it: a new store would seem empty.
[[nodiscard]] Result<> check_data(const std::filesystem::path& data);

// All mistakes, one line each with its path. There is no partial Config.
struct ConfigErrors {
  std::vector<std::string> lines;
};
[[nodiscard]] tl::expected<Config, ConfigErrors> parse_config(std::string_view json);
[[nodiscard]] tl::expected<Config, ConfigErrors> read_config(const std::filesystem::path& file);

}  // namespace breakwater::conf
