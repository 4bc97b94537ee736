#include "routes/ops/notification.h"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>

#include "routes/oci/date_text.h"
#include "store/base/hmac.h"
#include "store/base/printable.h"

namespace breakwater::routes {
namespace {

using nlohmann::ordered_json;

constexpr char kEventsType[] = "application/vnd.docker.distribution.events.v2+json";

void add(ordered_json& json, const char* name, const std::string& text) {
  if (!text.empty()) json[name] = store::printable(text);
}

ordered_json target_of(const store::Event& event) {
  ordered_json target = ordered_json::object();
  add(target, "mediaType", event.media_type);
  if (event.size > 0) target["size"] = target["length"] = event.size;
  add(target, "digest", event.digest);
  add(target, "repository", event.repository);
  const auto& reference = event.digest.empty() ? event.tag : event.digest;
  if (!event.host.empty() && !event.repository.empty() && !reference.empty())
    add(target, "url",
        (event.is_secure ? "https://" : "http://") + event.host + "/v2/" + event.repository + "/manifests/" +
            reference);
  add(target, "tag", event.tag);
  return target;
}

}  // namespace

std::string notification_body(const store::Event& event, const std::string& machine) {
  ordered_json one;
  one["id"] = event.id;
  one["timestamp"] = date_text(event.at);
  one["action"] = event.action;
  one["target"] = target_of(event);
  ordered_json request = ordered_json::object();
  add(request, "id", event.request_id);
  add(request, "addr", event.address);
  add(request, "host", event.host);
  add(request, "method", event.method);
  add(request, "useragent", event.user_agent);
  one["request"] = std::move(request);
  one["actor"] = ordered_json::object();
  add(one["actor"], "name", event.user);
  one["source"] = {{"addr", machine}};
  one["breakwater"] = {{"kind", name_of(event.kind)}};
  add(one["breakwater"], "route", event.route);
  add(one["breakwater"], "reason", event.reason);
  const ordered_json envelope = {{"events", ordered_json::array({std::move(one)})}};
  return envelope.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

proxy::Headers notification_headers(const store::Event& event, const std::string& body,
                                    const std::string& secret, store::Time now) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  const std::string timestamp = std::to_string(seconds);
  const std::string once = timestamp + "." + event.id + "." + body;
  proxy::Headers headers;
  headers.add("Content-Type", kEventsType);
  headers.add("X-Hub-Signature-256", "sha256=" + store::hmac_sha256(secret, body));
  headers.add("X-Breakwater-Delivery", event.id);
  headers.add("X-Breakwater-Timestamp", timestamp);
  headers.add("X-Breakwater-Signature-256", "sha256=" + store::hmac_sha256(secret, once));
  return headers;
}

std::string_view name_of(store::Event::Kind kind) {
  switch (kind) {
    case store::Event::Kind::push: return "push";
    case store::Event::Kind::removal: return "delete";
    case store::Event::Kind::cache_eviction: return "evict_cache_tag";
    case store::Event::Kind::integrity: return "integrity";
    case store::Event::Kind::upstream: break;
  }
  return "upstream";
}

std::string new_event_id() {
  std::random_device random;
  std::string id;
  for (int i = 0; i < 4; ++i) {
    std::array<char, 9> text{};
    (void)std::snprintf(text.data(), text.size(), "%08x", random());
    id += text.data();
  }
  return id;
}

}  // namespace breakwater::routes
