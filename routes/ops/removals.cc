#include "routes/ops/removals.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "routes/oci/date_text.h"
#include "store/references/route_rules.h"

namespace breakwater::routes {
namespace {

using Json = nlohmann::ordered_json;
using store::ImagePattern;
using store::Removal;
using Kept = Removal::Kept;

std::string name_of(const store::RepositoryKey& repository) {
  return repository.route + "/" + repository.repository;
}

std::string because(const Kept& kept) {
  switch (kept.by) {
    case Kept::By::pin: return "it is pinned: unpin it first";
    case Kept::By::tag: return "the tag " + kept.name + " names it";
    case Kept::By::manifest: return "the manifest " + kept.by_digest->text() + " needs it";
    case Kept::By::subject: return "it belongs to " + kept.by_digest->text() + ", which stays";
    case Kept::By::repository: return name_of(*kept.other) + " has it too";
  }
  return "";
}

Json json_of(const Kept& kept) {
  const char* const kind = kept.kind == Kept::Kind::tag        ? "tag"
                           : kept.kind == Kept::Kind::manifest ? "manifest"
                                                               : "blob";
  const std::string image = kept.kind == Kept::Kind::tag
                                ? name_of(kept.repository) + ":" + kept.tag
                                : name_of(kept.repository) + "@" + kept.digest->text();
  Json row = {{"kind", kind}, {"image", image}};
  if (kept.kind == Kept::Kind::blob) row["bytes"] = kept.bytes;
  row["because"] = because(kept);
  return row;
}

std::string counted(size_t count, const char* one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

std::string words_of(const Removal& removal, bool is_dry_run) {
  std::string words = is_dry_run ? "would remove " : "removed ";
  words += counted(removal.tags.size(), "tag");
  const std::string content =
      counted(removal.manifests.size(), "manifest") + " and " + counted(removal.blobs.size(), "blob");
  if (removal.is_of_mirror) {
    words += ", " + content + (is_dry_run ? "; frees " : "; freed ") + std::to_string(removal.bytes) +
             " bytes; asked for again, it is fetched anew";
  } else if (removal.manifests.empty()) {
    words += "; what it names stays, because others need it";
  } else {
    store::Time last{};
    for (const Removal::Manifest& manifest : removal.manifests)
      last = std::max(last, manifest.goes_after.value_or(store::Time()));
    words += "; with it go " + content + " of " + std::to_string(removal.bytes) +
             " bytes, by collection: what clients were told of stays for its lease, the manifests until " +
             date_text(last) + " and layers as long after that as somebody relies on them";
  }
  if (removal.kept_total > 0) words += "; " + counted(removal.kept_total, "thing") + " under it stay";
  if (removal.is_cut) words += "; there is more: do it again to go on";
  return words;
}

Json json_of(const Removal& removal, const ImagePattern& what, bool is_dry_run) {
  Json tags = Json::array(), manifests = Json::array(), blobs = Json::array(), stays = Json::array();
  for (size_t i = 0; i < std::min(removal.tags.size(), kListedMax); ++i) {
    const Removal::Tag& tag = removal.tags[i];
    tags.push_back({{"image", name_of(tag.repository) + ":" + tag.tag.tag},
                    {"digest", tag.tag.record.digest.text()},
                    {"belongs", tag.belongs}});
  }
  for (size_t i = 0; i < std::min(removal.manifests.size(), kListedMax); ++i) {
    const Removal::Manifest& manifest = removal.manifests[i];
    Json row = {{"image", name_of(manifest.repository) + "@" + manifest.digest.text()},
                {"media_type", manifest.media_type},
                {"bytes", manifest.size}};
    if (manifest.goes_after) row["goes_after"] = date_text(*manifest.goes_after);
    manifests.push_back(std::move(row));
  }
  for (size_t i = 0; i < std::min(removal.blobs.size(), kListedMax); ++i)
    blobs.push_back({{"digest", removal.blobs[i].digest.text()}, {"bytes", removal.blobs[i].bytes}});
  for (const Kept& kept : removal.kept) stays.push_back(json_of(kept));
  return {{"what", what.text()},
          {"kind", removal.is_of_mirror ? "mirror" : "registry"},
          {"dry_run", is_dry_run},
          {"words", words_of(removal, is_dry_run)},
          {"tags", std::move(tags)},
          {"manifests", std::move(manifests)},
          {"blobs", std::move(blobs)},
          {"stays", std::move(stays)},
          {"totals",
           {{"tags", removal.tags.size()},
            {"manifests", removal.manifests.size()},
            {"blobs", removal.blobs.size()},
            {"links", removal.links},
            {"stays", removal.kept_total}}},
          {"freed_bytes", removal.bytes},
          {"cut", removal.is_cut}};
}

enum class Kind { mirror, registry };

Result<> check(const store::Store& store, const ImagePattern& what, Kind kind) {
  const bool is_mirror = store.rules().is_mirror(what.route);
  if (kind == Kind::mirror && !is_mirror)
    return failure(Error::Kind::invalid,
                   what.route + " is a registry, and nobody could fetch it again: use rm instead of purge");
  if (kind == Kind::registry && is_mirror)
    return failure(Error::Kind::invalid, what.route + " is a mirror: use purge instead of rm");
  return {};
}

store::Removing removing(store::Store& store) { return {store.parts(), store.blobs(), store.trash()}; }

Result<Json> planned(store::Store& store, const ImagePattern& what, Kind kind, const std::stop_token& stop) {
  if (auto checked = check(store, what, kind); !checked) return failure(checked.error());
  const auto plan = store::plan_removal(removing(store), what, stop);
  if (!plan) return failure(plan.error());
  return json_of(*plan, what, true);
}

Result<Json> done(store::Store& store, const ImagePattern& what, Kind kind, const store::ManifestGone& gone,
                  const std::stop_token& stop) {
  if (auto checked = check(store, what, kind); !checked) return failure(checked.error());
  const auto removal = store::remove(removing(store), what, gone, stop);
  if (!removal) return failure(removal.error());
  return json_of(*removal, what, false);
}

}  // namespace

Result<Json> plan_purge(store::Store& store, const ImagePattern& what, const std::stop_token& stop) {
  return planned(store, what, Kind::mirror, stop);
}

Result<Json> purge(store::Store& store, const ImagePattern& what, const store::ManifestGone& gone,
                   const std::stop_token& stop) {
  return done(store, what, Kind::mirror, gone, stop);
}

Result<Json> plan_rm(store::Store& store, const ImagePattern& what, const std::stop_token& stop) {
  return planned(store, what, Kind::registry, stop);
}

Result<Json> rm(store::Store& store, const ImagePattern& what, const std::stop_token& stop) {
  return done(store, what, Kind::registry, {}, stop);
}

}  // namespace breakwater::routes
