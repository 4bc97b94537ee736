#include "routes/ops/gc_plan.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "routes/oci/date_text.h"

namespace breakwater::routes {
namespace {

using Json = nlohmann::ordered_json;
using store::Planned;
using store::Time;

const char* kind_of(const Planned& item) {
  switch (item.kind) {
    case Planned::Kind::tag:
    case Planned::Kind::cache: return "tag";
    case Planned::Kind::digest: return item.is_manifest ? "manifest" : "blob";
    case Planned::Kind::upload: return "upload";
    case Planned::Kind::fill: return "download";
    case Planned::Kind::mirror: return "mirror";
    case Planned::Kind::left: return "route";
  }
  return "";
}

const char* reason_of(const Planned& item) {
  switch (item.kind) {
    case Planned::Kind::tag:
      if (item.cause == Planned::Cause::orphan) return "orphan";
      return item.cause == Planned::Cause::belonging ? "belongs" : "retention";
    case Planned::Kind::cache: return "cache";
    case Planned::Kind::digest: return "unreferenced";
    case Planned::Kind::upload: return item.is_abandoned ? "refused" : "broken off";
    case Planned::Kind::fill: return "broken off";
    case Planned::Kind::mirror: return "bound";
    case Planned::Kind::left: return "left";
  }
  return "";
}

std::string why(const Planned& item) {
  switch (item.kind) {
    case Planned::Kind::tag: return item.reason;
    case Planned::Kind::cache: return "its policy calls it cache; last used " + date_text(item.used_at);
    case Planned::Kind::digest: return "no tag and no manifest needs it";
    case Planned::Kind::upload:
      return item.is_abandoned ? "it was refused for want of room"
                               : "nobody has continued it since " + date_text(item.used_at);
    case Planned::Kind::fill: return "it broke off";
    case Planned::Kind::mirror: return "the mirror is over its bound";
    case Planned::Kind::left: return "its route is not configured any more: forget-route gives it back";
  }
  return "";
}

const char* when_of(const Planned& item) {
  switch (item.kind) {
    case Planned::Kind::tag:
    case Planned::Kind::digest: return item.when ? "later" : "now";
    case Planned::Kind::left: return "never by itself";
    case Planned::Kind::cache:
    case Planned::Kind::mirror:
    case Planned::Kind::upload:
    case Planned::Kind::fill: break;
  }
  return "if room is needed";
}

std::string what_of(const Planned& item) {
  const std::string& route = item.repository.route.empty() ? item.route : item.repository.route;
  std::string name = route.empty() ? "unattributed" : route;
  if (!item.repository.repository.empty()) name += "/" + item.repository.repository;
  if (item.tag) return name + ":" + item.tag->tag;
  return item.digest ? name + "@" + item.digest->text() : name;
}

Json json_of(const Planned& item, Time now) {
  const std::string& route = item.repository.route.empty() ? item.route : item.repository.route;
  Json row = {{"kind", kind_of(item)}, {"what", what_of(item)}};
  if (!route.empty()) row["route"] = route;
  if (!item.repository.repository.empty()) row["repository"] = item.repository.repository;
  if (item.tag) row["tag"] = item.tag->tag;
  if (item.tag) row["digest"] = item.tag->record.digest.text();
  if (item.digest) row["digest"] = item.digest->text();
  if (!item.id.empty()) row["id"] = item.id;
  row["bytes"] = item.bytes;
  if (item.since != Time()) {
    const auto age = std::max(Time::duration(), now - item.since);
    row["age_s"] = std::chrono::floor<std::chrono::seconds>(age).count();
  }
  row["reason"] = reason_of(item);
  row["why"] = why(item);
  row["when"] = when_of(item);
  if (item.when) row["at"] = date_text(*item.when);
  if (item.under_total == 0) return row;
  row["under"] = Json::array();
  for (const Planned::Under& thing : item.under) {
    row["under"].push_back({{"kind", thing.is_manifest ? "manifest" : "blob"},
                            {"digest", thing.digest.text()},
                            {"bytes", thing.bytes}});
  }
  row["under_total"] = item.under_total;
  return row;
}

}  // namespace

Json json_of(const store::Plan& plan, Time now) {
  struct Total {
    uint64_t items = 0;
    uint64_t bytes = 0;
  };
  std::map<std::pair<std::string, std::string>, Total> totals;
  Json items = Json::array(), sums = Json::array();
  for (const Planned& item : plan.items) {
    Total& total = totals[{reason_of(item), when_of(item)}];
    ++total.items;
    total.bytes += item.bytes;
    items.push_back(json_of(item, now));
  }
  for (const auto& [of, total] : totals) {
    sums.push_back(
        {{"reason", of.first}, {"when", of.second}, {"items", total.items}, {"bytes", total.bytes}});
  }
  return {{"items", std::move(items)}, {"totals", std::move(sums)}, {"more", plan.is_cut}};
}

}  // namespace breakwater::routes
