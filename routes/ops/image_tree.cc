#include "routes/ops/image_tree.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "store/blobs/manifests.h"
#include "store/catalog/catalog.h"
#include "store/references/manifest_content.h"

namespace breakwater::routes {
namespace {

using Json = nlohmann::ordered_json;
using store::Digest;

std::string text_in(const Json& object, const char* field) {
  const auto found = object.is_object() ? object.find(field) : object.end();
  return object.is_object() && found != object.end() && found->is_string() ? found->get<std::string>()
                                                                           : std::string();
}

std::optional<Digest> digest_in(const Json& descriptor) {
  const auto digest = Digest::parse(text_in(descriptor, "digest"));
  return digest ? std::optional(*digest) : std::nullopt;
}

// "linux/arm64/v8"
std::string platform_of(const Json& descriptor) {
  if (!descriptor.is_object() || !descriptor.contains("platform")) return "";
  const Json& platform = descriptor["platform"];
  std::string text = text_in(platform, "os") + "/" + text_in(platform, "architecture");
  const std::string variant = text_in(platform, "variant");
  if (!variant.empty()) text += "/" + variant;
  return text == "/" ? "" : text;
}

const Json& list_in(const Json& manifest, const char* field) {
  static const Json kNone = Json::array();
  const bool has_list = manifest.is_object() && manifest.contains(field) && manifest[field].is_array();
  return has_list ? manifest[field] : kNone;
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
  if (!bytes) return said;
  const Json parsed = Json::parse(*bytes, nullptr, false);
  for (const Json& descriptor : list_in(parsed, "manifests")) {
    const auto digest = digest_in(descriptor);
    const std::string platform = platform_of(descriptor);
    if (digest && !platform.empty()) said.platforms.emplace(*digest, platform);
  }
  for (const char* field : {"layers", "fsLayers"}) {
    for (const Json& descriptor : list_in(parsed, field)) {
      if (const auto digest = digest_in(descriptor)) said.kinds.emplace(*digest, "layer");
    }
  }
  if (!parsed.is_object() || !parsed.contains("config")) return said;
  if (const auto config = digest_in(parsed["config"])) said.kinds.insert_or_assign(*config, "config");
  return said;
}

}  // namespace breakwater::routes
