#include "routes/ops/status_rows.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "routes/oci/date_text.h"

namespace breakwater::routes {
namespace {

bool is_throttled(const proxy::RegistryClientStats& stats, store::Time now) {
  return stats.throttled_until > now;
}

Json rate_limit(const proxy::RegistryClientStats& stats) {
  Json json = {{"left", *stats.ratelimit_remaining}};
  if (stats.ratelimit_limit) json["limit"] = *stats.ratelimit_limit;
  if (stats.ratelimit_window_s) json["window_s"] = *stats.ratelimit_window_s;
  return json;
}

Json json_of(const store::Blobs::Evicted& evicted) {
  return {{"last_age_s", std::chrono::duration_cast<std::chrono::seconds>(evicted.unused).count()},
          {"bytes_total", evicted.bytes},
          {"last_at", date_text(evicted.last_at)}};
}

// What `fetch` asks for comes from no address.
std::string client_words(const std::string& client) { return client == "::" ? "fetch" : client; }

const char* words_of(store::BrokenThing::Kind kind) {
  using Kind = store::BrokenThing::Kind;
  switch (kind) {
    case Kind::missing: return "missing";
    case Kind::unreadable: return "unreadable";
    case Kind::dangling: return "dangling";
    case Kind::lacking: return "lacking";
  }
  return "";
}

const char* remedy_of(store::BrokenThing::Kind kind) {
  using Kind = store::BrokenThing::Kind;
  switch (kind) {
    case Kind::missing:
      return "push one of its tags again, from whoever still has the image: the client then sends what is "
             "missing";
    case Kind::unreadable:
      return "see the disk and its cables: it is read again in each pass, and heals if the disk gives it "
             "back, or if one of its tags is pushed again";
    case Kind::dangling: return "push the tag again, or delete it";
    case Kind::lacking: return "push the index again with all of its images, or delete its tags";
  }
  return "";
}

Json json_of(const ServerState::Upstream& upstream, store::Time now) {
  Json json;
  json["url"] = upstream.url;
  json["state"] = state_of(upstream.stats, now);
  if (is_throttled(upstream.stats, now)) json["throttled_until"] = date_text(upstream.stats.throttled_until);
  if (upstream.stats.ratelimit_remaining) json["pulls_left"] = *upstream.stats.ratelimit_remaining;
  if (upstream.stats.ratelimit_remaining) json["rate_limit"] = rate_limit(upstream.stats);
  if (const auto latency = upstream.stats.latency.summary())
    json["latency_s"] = {{"median", latency->median_s},
                         {"worst", latency->worst_s},
                         {"answers", upstream.stats.latency.size()}};
  if (upstream.stats.last_answered_at != store::Time())
    json["last_answered_at"] = date_text(upstream.stats.last_answered_at);
  json["refused_credentials_total"] = upstream.stats.refusals.credentials;
  json["requests"] = upstream.stats.requests_total;
  json["failures"] = upstream.stats.failures.total();
  json["fetched_bytes"] = upstream.stats.fetched_bytes;
  return json;
}

}  // namespace

std::string_view state_of(const proxy::RegistryClientStats& stats, store::Time now) {
  if (stats.credentials_rest) return "refuses_credentials";
  if (is_throttled(stats, now)) return "throttled";
  return stats.unwell ? "unreachable" : "well";
}

int64_t seconds_between(store::Time from, store::Time to) {
  return std::chrono::duration_cast<std::chrono::seconds>(to - from).count();
}

void add_use(Json& json, const store::Budget::Use& use) {
  json["bytes"] = use.stored;
  json["reserved_bytes"] = use.reserved;
  if (use.bytes_max != store::Budget::kUnbounded) json["bytes_max"] = use.bytes_max;
}

Json json_of(const ServerState::Route& route, store::Time now) {
  Json json;
  json["name"] = route.name;
  json["kind"] = name_of(route.kind);
  if (!route.registry.empty()) json["registry"] = route.registry;
  json["listen"] = route.listen;
  json["connections"] = route.connections;
  json["requests"] = route.requests_running;
  add_use(json, route.use);
  if (route.kind == RouteDirectory::Kind::registry) json["uploads"] = route.uploads_open;
  json["broken"] = route.broken;
  json["stale_total"] = route.stale_total;
  if (route.evicted) json["evicted"] = json_of(*route.evicted);
  if (route.oldest_used_at != store::Time())
    json["oldest_s"] = std::max<int64_t>(seconds_between(route.oldest_used_at, now), 0);
  json["upstreams"] = Json::array();
  for (const auto& upstream : route.upstreams) json["upstreams"].push_back(json_of(upstream, now));
  return json;
}

Json json_of(const proxy::RunningFill& fill, store::Time now) {
  Json json;
  json["route"] = fill.home.route;
  json["repository"] = fill.home.repository;
  json["digest"] = fill.digest.text();
  json["bytes"] = fill.available;
  if (fill.size) json["size"] = *fill.size;
  json["readers"] = fill.followers;
  json["clients_count"] = fill.clients_count;
  json["clients"] = Json::array();
  for (const auto& client : fill.clients) json["clients"].push_back(client_words(client));
  json["started_at"] = date_text(now - fill.age);
  json["from"] = fill.resumed_from;
  json["state"] = fill.failure.empty() ? fill.runs ? "running" : "waiting" : "trying_again";
  if (!fill.failure.empty()) json["failure"] = fill.failure;
  return json;
}

Json json_of(const ServerState::Upload& upload) {
  Json json;
  json["id"] = upload.upload.id;
  json["route"] = upload.upload.repository.route;
  json["repository"] = upload.upload.repository.repository;
  json["bytes"] = upload.upload.received;
  if (upload.begun_at != store::Time()) json["started_at"] = date_text(upload.begun_at);
  if (!upload.upload.client.empty()) json["client"] = upload.upload.client;
  return json;
}

Json json_of(const store::BrokenThing& thing) {
  Json json;
  json["kind"] = words_of(thing.kind);
  json["what"] = thing.name();
  json["digest"] = thing.digest.text();
  json["routes"] = thing.routes;
  json["tags"] = thing.tags;
  json["more_tags"] = thing.more_tags;
  json["since"] = date_text(thing.since);
  json["do"] = remedy_of(thing.kind);
  return json;
}

Json json_of(const WebhookState& webhook) {
  Json json;
  json["endpoint"] = webhook.endpoint;
  json["state"] = webhook.is_well ? "well" : "failing";
  if (!webhook.is_well) {
    json["failing_since"] = date_text(webhook.failing_since);
    json["reason"] = webhook.error;
  }
  json["waiting"] = webhook.queue.waiting;
  if (webhook.queue.oldest_at) json["oldest_at"] = date_text(*webhook.queue.oldest_at);
  json["delivered"] = webhook.delivered;
  json["given_up"] = webhook.given_up;
  json["dropped"] = webhook.queue.dropped;
  return json;
}

}  // namespace breakwater::routes
