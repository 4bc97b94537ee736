#include "routes/ops/image_tree.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "routes/oci/json_bounds.h"
#include "routes/ops/image_config.h"
#include "store/blobs/manifests.h"
#include "store/catalog/catalog.h"
#include "store/references/manifest_content.h"

namespace breakwater::routes {
namespace {

using Json = nlohmann::ordered_json;
using store::Digest;

const nlohmann::json& list_in(const nlohmann::json& manifest, const char* field) {
  static const auto kNone = nlohmann::json::array();
  const auto& list = in(manifest, field);
  return list.is_array() ? list : kNone;
}

}  // namespace

Result<Json> ImageTree::of(const Digest& manifest) {
  const auto children = store_.catalog().children(repository_, manifest);
  if (!children) return failure(children.error());
  auto is_index = false;
  for (const Digest& child : *children) {
    const auto edge = store_.catalog().edge(child, repository_, manifest);
    if (!edge) return failure(edge.error());
    is_index = is_index || (*edge && (*edge)->is_manifest);
  }
  auto root = node(manifest, is_index ? "index" : "manifest", 0);
  if (!root) return root;
  const auto record = store_.catalog().manifest(repository_, manifest, store::Reach::disk);
  if (!record) return failure(record.error());
  if (*record) (*root)["media_type"] = (*record)->media_type;
  if (*record) (*root)["bytes"] = (*record)->size;
  return root;
}

Result<Json> ImageTree::node(const Digest& digest, const char* kind, int level) {
  ++things_;
  const auto blob = store_.catalog().blob(digest, store::Reach::disk);
  if (!blob) return failure(blob.error());
  Json row = {{"kind", kind},
              {"digest", digest.text()},
              {"media_type", ""},
              {"bytes", uint64_t{0}},
              {"here", blob->has_value()}};
  auto children = children_of(digest, level);
  if (!children) return children;
  if (!children->empty()) row["children"] = *std::move(children);
  return row;
}

Result<Json> ImageTree::children_of(const Digest& digest, int level) {
  Json rows = Json::array();
  const auto children = store_.catalog().children(repository_, digest);
  if (!children) return failure(children.error());
  if (level > store::kManifestLevelsMax && !children->empty()) is_cut_ = true;
  if (level > store::kManifestLevelsMax || children->empty()) return rows;
  const Said said = said_by(digest);
  for (const Digest& child : *children) {
    if (things_ >= kThingsMax) is_cut_ = true;
    if (things_ >= kThingsMax) break;
    const auto edge = store_.catalog().edge(child, repository_, digest);
    if (!edge) return failure(edge.error());
    if (!*edge) continue;
    const auto kind = said.kinds.find(child);
    const char* const as = (*edge)->is_manifest       ? "manifest"
                           : kind == said.kinds.end() ? "blob"
                                                      : kind->second;
    auto row = node(child, as, level + 1);
    if (!row) return row;
    (*row)["media_type"] = (*edge)->media_type;
    (*row)["bytes"] = (*edge)->size;
    const auto platform = said.platforms.find(child);
    if (platform != said.platforms.end()) (*row)["platform"] = platform->second;
    rows.push_back(*std::move(row));
  }
  return rows;
}

// Nothing if the manifest is not here or cannot be read: then its children are told as blobs.
ImageTree::Said ImageTree::said_by(const Digest& manifest) {
  Said said;
  const auto bytes = store_.manifests().bytes(repository_, manifest);
  if (!bytes || !json_within_bounds(*bytes)) return said;
  const auto parsed = nlohmann::json::parse(*bytes, nullptr, false);
  for (const auto& descriptor : list_in(parsed, "manifests")) {
    const auto digest = digest_in(descriptor, "digest");
    const std::string platform = platform_text(in(descriptor, "platform"));
    if (digest && !platform.empty()) said.platforms.emplace(*digest, platform);
  }
  for (const auto& [list, digest_field] : {std::pair("layers", "digest"), std::pair("fsLayers", "blobSum")}) {
    for (const auto& descriptor : list_in(parsed, list)) {
      if (const auto digest = digest_in(descriptor, digest_field)) said.kinds.emplace(*digest, "layer");
    }
  }
  const auto config = digest_in(in(parsed, "config"), "digest");
  if (config) said.kinds.insert_or_assign(*config, "config");
  return said;
}

}  // namespace breakwater::routes
