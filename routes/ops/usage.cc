#include "routes/ops/usage.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "store/blobs/blobs.h"
#include "store/capacity/budget.h"
#include "store/catalog/catalog.h"
#include "store/references/route_rules.h"
#include "store/upkeep/tag_usage.h"
#include "store/upkeep/usage.h"

namespace breakwater::routes {
namespace {

using Json = nlohmann::ordered_json;
using store::ClientUsage;
using store::RepositoryKey;
using store::RepositoryUsage;
using store::RouteUsage;

constexpr char kRule[] =
    "a blob is stored once, and counts for the route that stored it first; a registry that is pushed what a "
    "mirror has takes it over, and a mirror takes over what no registry needs any more";

const char* kind_of(const store::RouteRules& rules, const std::string& route) {
  if (!rules.is_configured(route)) return "left";
  return rules.is_mirror(route) ? "mirror" : "registry";
}

Json routes_of(store::Store& store, const store::Usage& usage, const UsageQuestion& question) {
  std::vector<std::pair<std::string, RouteUsage>> rows(usage.routes.begin(), usage.routes.end());
  std::erase_if(rows, [&](const auto& row) {
    return row.first.empty() || (!question.route.empty() && row.first != question.route) ||
           !question.sight.sees_any(row.first);
  });
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second.freed_bytes > b.second.freed_bytes; });
  Json routes = Json::array();
  for (const auto& [route, use] : rows) {
    Json row = {{"route", route},
                {"kind", kind_of(store.rules(), route)},
                {"blobs", use.blobs},
                {"unique_bytes", use.unique_bytes},
                {"shared_bytes", use.shared_bytes},
                {"paid_bytes", use.paid_bytes},
                {"pinned_bytes", use.pinned_bytes},
                {"incoming_bytes", use.incoming_bytes},
                {"freed_bytes", use.freed_bytes}};
    const uint64_t bytes_max = store.budget().of(route).bytes_max;
    if (bytes_max != store::Budget::kUnbounded) row["bytes_max"] = bytes_max;
    routes.push_back(std::move(row));
  }
  return routes;
}

void add_repositories(Json& answer, const store::Usage& usage, const UsageQuestion& question) {
  std::vector<std::pair<RepositoryKey, RepositoryUsage>> rows;
  for (const auto& row : usage.repositories) {
    const bool is_asked = question.route.empty() || row.first.route == question.route;
    if (is_asked && question.sight.sees(row.first.route, row.first.repository)) rows.push_back(row);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return a.second.unique_bytes > b.second.unique_bytes;
  });
  const bool sees_all = question.sight.is_of_all();
  uint64_t left_out_bytes = sees_all ? usage.left_out.unique_bytes : 0;
  Json repositories = Json::array();
  for (const auto& [repository, use] : rows) {
    if (repositories.size() >= question.rows_max) {
      left_out_bytes += use.unique_bytes;
      continue;
    }
    repositories.push_back({{"route", repository.route},
                            {"repository", repository.repository},
                            {"unique_bytes", use.unique_bytes},
                            {"shared_bytes", use.shared_bytes},
                            {"freed_bytes", use.unique_bytes}});
  }
  const bool is_cut = (sees_all && usage.is_cut) || rows.size() > repositories.size();
  answer["shared_bytes"] = usage.shared_bytes;
  answer["unheld_bytes"] = usage.unheld_bytes;
  const size_t left_out = rows.size() - repositories.size();
  answer["repositories"] = std::move(repositories);
  if (!is_cut) return;
  answer["left_out"] = {{"unique_bytes", left_out_bytes}};
  // Of those that the walk did not remember the number is not known.
  if (!usage.is_cut) answer["left_out"]["repositories"] = left_out;
}

void add_clients(Json& answer, const store::Usage& usage, const UsageQuestion& question) {
  const auto is_asked = [&](const std::string& route) {
    return question.route.empty() || route == question.route;
  };
  std::map<std::string, ClientUsage> by_client;
  for (const auto& [key, use] : usage.clients) {
    if (is_asked(key.first)) by_client[key.second] += use;
  }
  ClientUsage left_out;
  for (const auto& [route, use] : usage.clients_left_out) {
    if (is_asked(route)) left_out += use;
  }
  std::vector<std::pair<std::string, ClientUsage>> rows(by_client.begin(), by_client.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
  Json clients = Json::array();
  for (const auto& [client, use] : rows) {
    if (clients.size() >= question.rows_max) {
      left_out += use;
      continue;
    }
    clients.push_back({{"client", client},
                       {"blobs", use.blobs},
                       {"bytes", use.bytes},
                       {"incoming_bytes", use.incoming_bytes}});
  }
  answer["clients"] = std::move(clients);
  if (left_out.bytes + left_out.incoming_bytes > 0)
    answer["left_out"] = {{"bytes", left_out.bytes}, {"incoming_bytes", left_out.incoming_bytes}};
}

std::string_view name_of(UsageQuestion::By by) {
  switch (by) {
    case UsageQuestion::By::route: return "route";
    case UsageQuestion::By::repository: return "repository";
    case UsageQuestion::By::client: return "client";
  }
  return "";
}

}  // namespace

Result<Json> usage_by_tag(store::Store& store, const TagUsageQuestion& question,
                          const std::stop_token& stop) {
  const RepositoryKey& repository = question.repository;
  const size_t rows_max = std::clamp<size_t>(question.rows_max, 1, TagUsageQuestion::kRowsMax);
  const auto tags = store.catalog().tags(repository, question.after, rows_max);
  if (!tags) return failure(tags.error());
  const auto has_any = store.catalog().has_manifests(repository);
  if (!has_any) return failure(has_any.error());
  if (tags->empty() && question.after.empty() && !*has_any)
    return failure(Error::Kind::not_found,
                   "there is no repository " + repository.route + "/" + repository.repository);
  Json rows = Json::array();
  for (const store::NamedTag& tag : *tags) {
    const auto use = store::tag_usage({store.parts(), store.blobs(), store.trash()}, repository, tag, stop);
    if (!use) return failure(use.error());
    rows.push_back({{"tag", tag.tag},
                    {"digest", tag.record.digest.text()},
                    {"bytes", use->bytes},
                    {"unique_bytes", use->unique_bytes},
                    {"shared_bytes", use->bytes - use->unique_bytes},
                    {"freed_bytes", use->freed_bytes},
                    {"pinned", use->is_kept},
                    {"at_least", use->is_at_least}});
  }
  Json answer = {{"by", "tag"},
                 {"route", repository.route},
                 {"repository", repository.repository},
                 {"tags", std::move(rows)}};
  if (tags->size() == rows_max) answer["last"] = tags->back().tag;
  return answer;
}

Result<Json> usage(store::Store& store, const UsageQuestion& question, const std::stop_token& stop) {
  store::UsageWalk walk(store.parts());
  while (!walk.ended()) {
    if (stop.stop_requested()) return failure(Error::Kind::conflict, "stopped before all was added up");
    if (auto done = walk.step(); !done) return failure(done.error());
  }
  const store::Usage found = walk.take();
  const auto nobody = found.routes.find(std::string());
  Json answer = {
      {"by", name_of(question.by)},
      {"total_bytes", found.total_bytes()},
      {"blobs_bytes", found.blobs_bytes},
      {"incoming_bytes", found.incoming_bytes},
      {"trash_bytes", found.trash_bytes},
      {"catalog_bytes", found.catalog_bytes},
      {"other_bytes", found.other_bytes},
      {"unattributed_bytes", nobody == found.routes.end() ? uint64_t{0} : nobody->second.paid_bytes},
      {"rule", kRule}};
  switch (question.by) {
    case UsageQuestion::By::route: answer["routes"] = routes_of(store, found, question); break;
    case UsageQuestion::By::repository: add_repositories(answer, found, question); break;
    case UsageQuestion::By::client: add_clients(answer, found, question); break;
  }
  return answer;
}

}  // namespace breakwater::routes
