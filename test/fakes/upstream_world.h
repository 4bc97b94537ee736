// An upstream registry, hosts that it may send us to, and our RegistryClient for it.
//
//   UpstreamWorld world(me());
//   world.registry.ask_for_token(world.auth, "x");
//   CHECK(world.get("/v2/library/alpine/manifests/1"));
//
// Settings that are changed count after begin().
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/upstream/registry_client.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_log.h"
#include "test/fakes/fake_registry.h"
#include "test/fakes/host_patterns.h"
#include "test/fakes/run.h"

namespace breakwater::test {

inline constexpr const char* kAlpine = "library/alpine";
inline constexpr const char* kScope = "repository:library/alpine:pull";
inline constexpr const char* kImageType = "application/vnd.oci.image.manifest.v1+json";

inline proxy::Credentials me() { return proxy::Credentials{"me", "s3cret"}; }
inline const std::string kBasicMe = "Basic bWU6czNjcmV0";

struct UpstreamWorld {
  explicit UpstreamWorld(std::optional<proxy::Credentials> credentials = std::nullopt,
                         const proxy::HttpClientSettings& http_client_settings = proxy::HttpClientSettings())
      : http_client(loop, http_client_settings) {
    settings.name = "hub";
    settings.upstream = registry.endpoint();
    settings.allow_private = host_patterns({"127.0.0.2", "127.0.0.3", "127.0.0.4"});
    settings.credentials = std::move(credentials);
    begin();
  }
  void begin() { client = std::make_unique<proxy::RegistryClient>(loop, http_client, clock, log, settings); }

  proxy::RegistryClientRequest request(const std::string& method, const std::string& path) const {
    proxy::RegistryClientRequest made(method, path);
    made.scope = kScope;
    made.headers.add("Accept", kImageType);
    return made;
  }
  Result<proxy::Reply> fetch(proxy::RegistryClientRequest asked) {
    return run(loop, client->fetch(std::move(asked), 1 << 20));
  }
  Result<proxy::Reply> get(const std::string& path) { return fetch(request("GET", path)); }

  proxy::Loop loop;
  FakeClock clock;
  FakeLog log;
  proxy::HttpClient http_client;
  FakeRegistry registry{loop};
  FakeRegistry auth{loop, "127.0.0.2"};
  FakeRegistry cdn{loop, "127.0.0.3"};
  proxy::RegistryClientSettings settings;
  std::unique_ptr<proxy::RegistryClient> client;
};

// What each request to that host brought, "" for nothing.
inline std::vector<std::string> authorizations(const FakeRegistry& host) {
  std::vector<std::string> list;
  for (const auto& seen : host.seen()) list.emplace_back(seen.headers.get("Authorization"));
  return list;
}

inline Canned status_of(int status, proxy::Headers headers = {}, std::string body = "") {
  Canned canned;
  canned.status = status;
  canned.headers = std::move(headers);
  canned.body = std::move(body);
  return canned;
}

}  // namespace breakwater::test
