#include "conf/upstream_list.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include "proxy/upstream/password_file.h"
#include "proxy/upstream/upstreams.h"

namespace breakwater::conf {
namespace {

Result<std::string> secret_of_environment(const std::string& name) {
  const char* secret =
      std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets variables here
  if (secret == nullptr || *secret == '\0')
    return failure(Error::Kind::invalid, "the environment has no " + name);
  return std::string(secret);
}

void read_credentials(JsonObject& object, proxy::RegistryClientSettings& settings) {
  std::string username, file, variable;
  object.string("username", username);
  object.string("password_file", file);
  object.string("password_env", variable);
  if (object.has("password"))
    return object.wrong("password", "secrets do not belong here: use password_file or password_env");
  if (!file.empty() && !variable.empty())
    return object.wrong("password_env", "give password_file or password_env, not both");
  const bool has_secret = !file.empty() || !variable.empty();
  if (username.empty() && has_secret) return object.wrong("username", "is missing, but a password is given");
  if (username.empty()) return;
  if (!has_secret) return object.wrong("username", "needs password_file or password_env");
  if (username.find(':') != std::string::npos)
    return object.wrong("username", "must not hold a colon: HTTP ends the name there");
  auto password = file.empty() ? secret_of_environment(variable) : proxy::read_password_file(file);
  if (!password)
    return object.wrong(file.empty() ? "password_env" : "password_file", password.error().message);
  settings.credentials = proxy::Credentials(username, *password);
  settings.password_file = file;
}

// What may be said of an upstream beside its URL.
constexpr std::array<std::string_view, 5> kUpstreamKeys = {"username", "password_file", "password_env",
                                                           "token_realms", "allow_private"};

void read_upstream_keys(JsonObject& object, proxy::RegistryClientSettings& upstream) {
  read_credentials(object, upstream);
  object.parsed_strings("token_realms", upstream.token_realms, proxy::HostPattern::parse);
  object.parsed_strings("allow_private", upstream.allow_private, proxy::HostPattern::parse);
}

// Adds the endpoint that `text` names, under `key`, to those before it.
void add_endpoint(JsonObject& object, std::string_view key, const std::string& text,
                  std::vector<proxy::Endpoint>& endpoints) {
  auto parsed = proxy::Endpoint::parse(text);
  if (!parsed) return object.wrong(key, parsed.error().message);
  if (std::find(endpoints.begin(), endpoints.end(), *parsed) != endpoints.end())
    return object.wrong(key, "is there twice: " + parsed->text());
  endpoints.push_back(*parsed);
}

// A list of upstreams: each is a URL, or an object with its `url` and its keys. If a URL is wrong, nobody
// will use what is read.
void read_upstream_list(JsonObject& object, std::vector<proxy::RegistryClientSettings>& upstreams) {
  std::vector<proxy::Endpoint> endpoints;
  const auto add = [&](JsonObject& place, std::string_view key, const std::string& url) {
    auto& upstream = upstreams.emplace_back();
    if (!url.empty()) add_endpoint(place, key, url, endpoints);
    if (!endpoints.empty()) upstream.upstream = endpoints.back();
  };
  object.strings_and_objects(
      "upstream", proxy::Upstreams::kUpstreamsMax,
      [&](const std::string& place, const std::string& url) { add(object, place, url); },
      [&](JsonObject& entry) {
        std::string url;
        entry.required_string("url", url);
        add(entry, "url", url);
        read_upstream_keys(entry, upstreams.back());
      });
  for (const auto key : kUpstreamKeys) {
    if (object.has(key))
      object.wrong(key, "belongs into the list of upstreams, beside the \"url\" of the one that it is for");
  }
}

}  // namespace

void read_upstreams(JsonObject& object, std::vector<proxy::RegistryClientSettings>& upstreams) {
  if (object.has("upstream") && !object.is_string("upstream")) return read_upstream_list(object, upstreams);
  std::string text;
  object.required_string("upstream", text);
  std::vector<proxy::Endpoint> endpoints;
  if (!text.empty()) add_endpoint(object, "upstream", text, endpoints);
  auto& upstream = upstreams.emplace_back();
  if (!endpoints.empty()) upstream.upstream = endpoints.front();
  read_upstream_keys(object, upstream);
}

void read_endpoints(JsonObject& object, const std::string& key, const std::vector<std::string>& texts,
                    std::vector<proxy::Endpoint>& endpoints) {
  if (texts.size() > proxy::Upstreams::kUpstreamsMax)
    object.wrong(key, "must hold at most " + std::to_string(proxy::Upstreams::kUpstreamsMax));
  for (size_t i = 0; i < texts.size(); ++i)
    add_endpoint(object, texts.size() == 1 ? key : key + "[" + std::to_string(i) + "]", texts[i], endpoints);
}

}  // namespace breakwater::conf
