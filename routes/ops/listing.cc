#include "routes/ops/listing.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "routes/oci/date_text.h"
#include "routes/ops/image_tree.h"
#include "store/capacity/budget.h"
#include "store/catalog/catalog.h"
#include "store/catalog/store_clock.h"
#include "store/references/dependents.h"
#include "store/references/pins.h"
#include "store/references/route_rules.h"
#include "store/upkeep/image_size.h"

namespace breakwater::routes {
namespace {

using Json = nlohmann::ordered_json;
using store::RepositoryKey;

constexpr size_t kRowsMax = 1000;
constexpr size_t kTagsCountedMax = 1000;

size_t rows_of(const ListPageOf& page) { return std::clamp<size_t>(page.n, 1, kRowsMax); }

const char* kind_of(const store::RouteRules& rules, const std::string& route) {
  if (!rules.is_configured(route)) return "left";
  return rules.is_mirror(route) ? "mirror" : "registry";
}

void add_size(Json& row, const store::ImageSize& size) {
  row["bytes"] = size.bytes;
  row["here_bytes"] = size.here_bytes;
  row["missing"] = size.missing;
  row["at_least"] = size.is_at_least;
}

Result<bool> is_kept(const store::Store& store, const RepositoryKey& repository, const std::string& tag,
                     const store::Digest& digest) {
  if (store.pins().covers_tag(repository, tag)) return true;
  if (!store.rules().is_mirror(repository.route)) return false;
  return store::is_pinned_in(store.catalog(), store.pins(), repository, digest);
}

Result<Json> tag_row(store::Store& store, const RepositoryKey& repository, const store::NamedTag& tag) {
  const store::TagRecord& record = tag.record;
  const auto size = store::image_size(store.catalog(), repository, record.digest);
  if (!size) return failure(size.error());
  const auto blob = store.catalog().blob(record.digest, store::Reach::disk);
  if (!blob) return failure(blob.error());
  const auto kept = is_kept(store, repository, tag.tag, record.digest);
  if (!kept) return failure(kept.error());
  Json row = {{"tag", tag.tag}, {"digest", record.digest.text()}, {"media_type", record.media_type}};
  add_size(row, *size);
  row["set_at"] = date_text(record.set_at);
  if (store.rules().is_mirror(repository.route))
    row["checked_at"] = date_text(store.clock().to_wall(record.checked_at));
  if (*blob) row["last_pulled_at"] = date_text(store.clock().to_wall((*blob)->used_at));
  row["pinned"] = *kept;
  return row;
}

Json referrers_of(const store::Store& store, const std::vector<store::NamedReferrer>& referrers,
                  const RepositoryKey& repository) {
  Json rows = Json::array();
  for (const store::NamedReferrer& referrer : referrers) {
    const auto manifest = store.catalog().manifest(repository, referrer.digest, store::Reach::disk);
    const auto blob = store.catalog().blob(referrer.digest, store::Reach::disk);
    Json row = {{"digest", referrer.digest.text()}, {"artifact_type", referrer.record.artifact_type}};
    if (manifest && *manifest) row["bytes"] = (*manifest)->size;
    row["here"] = blob && *blob;
    rows.push_back(std::move(row));
  }
  return rows;
}

// As many as a page has, if there are so many.
Result<std::vector<std::string>> names_seen(const store::Catalog& catalog, const std::string& route,
                                            const ListPageOf& page, const Sight& sight) {
  std::vector<std::string> seen;
  std::string last = page.last;
  const size_t at_once = sight.is_of_all() ? rows_of(page) : kRowsMax;
  for (bool is_more = true; is_more && seen.size() < rows_of(page);) {
    const auto names = catalog.repositories(route, last, at_once);
    if (!names) return failure(names.error());
    is_more = names->size() == at_once;
    if (is_more) last = names->back();
    for (const std::string& name : *names) {
      if (seen.size() < rows_of(page) && sight.sees(route, name)) seen.push_back(name);
    }
  }
  return seen;
}

}  // namespace

Json list_routes(store::Store& store) {
  Json rows = Json::array();
  std::map<std::string, store::Budget::Use> routes = store.budget().routes();
  for (const std::string& mirror : store.rules().mirrors()) routes.try_emplace(mirror);
  routes.erase(std::string());
  for (const auto& [route, use] : routes) {
    Json row = {{"route", route},
                {"kind", kind_of(store.rules(), route)},
                {"stored_bytes", use.stored},
                {"reserved_bytes", use.reserved}};
    if (use.bytes_max != store::Budget::kUnbounded) row["bytes_max"] = use.bytes_max;
    rows.push_back(std::move(row));
  }
  return {{"routes", std::move(rows)}};
}

Result<Json> list_repositories(store::Store& store, const std::string& route, const ListPageOf& page,
                               const Sight& sight) {
  const auto names = names_seen(store.catalog(), route, page, sight);
  if (!names) return failure(names.error());
  if (names->empty() && page.last.empty() && !store.rules().is_configured(route))
    return failure(Error::Kind::not_found, "there is no route " + route);
  Json rows = Json::array();
  for (const std::string& name : *names) {
    const auto tags = store.catalog().tags({route, name}, "", kTagsCountedMax);
    if (!tags) return failure(tags.error());
    rows.push_back(
        {{"repository", name}, {"tags", tags->size()}, {"more_tags", tags->size() == kTagsCountedMax}});
  }
  Json answer = {{"route", route}, {"repositories", std::move(rows)}};
  if (names->size() == rows_of(page)) answer["last"] = names->back();
  return answer;
}

Result<Json> list_tags(store::Store& store, const RepositoryKey& repository, const ListPageOf& page) {
  const auto tags = store.catalog().tags(repository, page.last, rows_of(page));
  if (!tags) return failure(tags.error());
  const auto has_any = store.catalog().has_manifests(repository);
  if (!has_any) return failure(has_any.error());
  if (tags->empty() && page.last.empty() && !*has_any)
    return failure(Error::Kind::not_found,
                   "there is no repository " + repository.route + "/" + repository.repository);
  Json rows = Json::array();
  for (const store::NamedTag& tag : *tags) {
    auto row = tag_row(store, repository, tag);
    if (!row) return row;
    rows.push_back(*std::move(row));
  }
  Json answer = {
      {"route", repository.route}, {"repository", repository.repository}, {"tags", std::move(rows)}};
  if (tags->size() == rows_of(page)) answer["last"] = tags->back().tag;
  return answer;
}

Result<Json> image_tree(store::Store& store, const RepositoryKey& repository, const std::string& reference) {
  const std::string name = repository.route + "/" + repository.repository;
  auto digest = store::Digest::parse(reference);
  const std::string image = name + (digest ? "@" : ":") + reference;
  if (!digest) {
    const auto tag = store.catalog().tag(repository, reference, store::Reach::disk);
    if (!tag) return failure(tag.error());
    if (!*tag) return failure(Error::Kind::not_found, "there is no image " + image);
    digest = (*tag)->digest;
  }
  const auto manifest = store.catalog().manifest(repository, *digest, store::Reach::disk);
  if (!manifest) return failure(manifest.error());
  if (!*manifest) return failure(Error::Kind::not_found, "there is no image " + image);
  const auto size = store::image_size(store.catalog(), repository, *digest);
  if (!size) return failure(size.error());
  const auto kept = is_kept(store, repository, reference, *digest);
  if (!kept) return failure(kept.error());
  ImageTree tree(store, repository);
  auto root = tree.of(*digest);
  if (!root) return root;
  const auto referrers = store.catalog().referrers(repository, *digest, std::nullopt, kRowsMax);
  if (!referrers) return failure(referrers.error());
  const auto belonging = store::tags_belonging_to(store.catalog(), repository, *digest);
  if (!belonging) return failure(belonging.error());
  Json signatures = Json::array();
  for (const store::NamedTag& tag : *belonging)
    signatures.push_back({{"tag", tag.tag}, {"digest", tag.record.digest.text()}});
  Json answer = {{"image", image}, {"digest", digest->text()}, {"pinned", *kept}};
  add_size(answer, *size);
  answer["tree"] = *std::move(root);
  answer["referrers"] = referrers_of(store, *referrers, repository);
  answer["signatures"] = std::move(signatures);
  answer["cut"] = tree.is_cut() || referrers->size() == kRowsMax;
  return answer;
}

}  // namespace breakwater::routes
