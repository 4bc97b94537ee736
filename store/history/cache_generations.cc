#include "store/history/cache_generations.h"

#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <utility>

#include "store/catalog/batch.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_history.h"
#include "store/catalog/catalog_keys.h"
#include "store/references/retention.h"

namespace breakwater::store {
namespace {

constexpr size_t kRowsAtOnce = 100;
constexpr uint32_t kMask = (1U << GenerationsRecord::kGenerationsMax) - 1;

using Generation = GenerationsRecord::Generation;
using Layer = GenerationsRecord::Layer;

// Configs and attestations are documents, everything else that is no manifest is a layer.
bool is_layer(const EdgeRecord& edge) {
  return !edge.is_manifest && !edge.media_type.ends_with("json") &&
         edge.media_type.find("cacheconfig") == std::string::npos;
}

uint64_t bytes_of(const RepositoryKey& repository, const std::string& tag, const GenerationsRecord& record) {
  return generations_key(repository, tag).size() + encode(record).size();
}

// The longest gone, then the smallest, have no place among `layers`.
void keep_layers(std::vector<Layer>& layers) {
  std::erase_if(layers, [](const Layer& layer) { return layer.in == 0; });
  const auto age_of = [](const Layer& layer) { return std::countr_zero(layer.in); };
  const auto goes_later = [age_of](const Layer& a, const Layer& b) {
    return age_of(a) != age_of(b) ? age_of(a) < age_of(b) : a.bytes > b.bytes;
  };
  if (layers.size() > GenerationsRecord::kLayersMax) {
    std::sort(layers.begin(), layers.end(), goes_later);
    layers.erase(layers.begin() + GenerationsRecord::kLayersMax, layers.end());
  }
  std::sort(layers.begin(), layers.end(), [age_of](const Layer& a, const Layer& b) {
    return age_of(a) != age_of(b) ? age_of(a) < age_of(b) : a.position < b.position;
  });
}

}  // namespace

// Everything that a manifest needs, each digest once, and the manifest itself.
struct CacheGenerations::Brought {
  struct Thing {
    Digest digest;
    EdgeRecord edge;
    uint64_t position = Layer::kNoPosition;
    bool is_new = false;  // no other manifest of the repository has it
  };
  std::vector<Thing> things;
  std::vector<Digest> manifests;  // sorted in the end
  std::set<Digest> known;
};

bool CacheGenerations::is_noted(const RepositoryKey& repository, const std::string& tag) const {
  return !rules_.is_mirror(repository.route) && is_cache(rules_.policy_for(repository), tag) &&
         !subject_of_tag(tag);
}

Result<> CacheGenerations::note_push(const RepositoryKey& repository, const Digest& digest,
                                     std::span<const ManifestContent::Child> children,
                                     const std::vector<std::string>& tags) {
  std::vector<std::string> noted;
  for (const std::string& tag : tags) {
    if (is_noted(repository, tag)) noted.push_back(tag);
  }
  if (noted.empty()) return {};
  const auto brought = brought_by(repository, digest, children);
  if (!brought) return failure(brought.error());
  const Lock lock(mutex_);
  for (const std::string& tag : noted) {
    if (auto done = note_push(repository, tag, digest, *brought); !done) return done;
  }
  return {};
}

Result<CacheGenerations::Brought> CacheGenerations::brought_by(
    const RepositoryKey& repository, const Digest& digest,
    std::span<const ManifestContent::Child> children) const {
  Brought brought;
  const auto manifest = catalog_.manifest(repository, digest, Reach::disk);
  if (!manifest) return failure(manifest.error());
  if (!*manifest) return failure(Error::Kind::not_found, "no manifest " + digest.text());
  brought.things.push_back({digest, {(*manifest)->media_type, (*manifest)->size, true}});
  brought.things.back().is_new = true;
  brought.known.insert(digest);
  brought.manifests.push_back(digest);
  uint64_t position = 0;
  for (const ManifestContent::Child& child : children) {
    if (brought.things.size() >= kDigestsMax || !brought.known.insert(child.digest).second) continue;
    brought.things.push_back({child.digest, child.edge});
    if (is_layer(child.edge)) brought.things.back().position = position++;
  }
  // It grows while it is walked over.
  for (size_t i = 1; i < brought.things.size(); ++i) {
    const Digest at = brought.things[i].digest;
    if (!brought.things[i].edge.is_manifest) continue;
    brought.manifests.push_back(at);
    if (auto added = add_children(repository, at, brought); !added) return failure(added.error());
  }
  std::sort(brought.manifests.begin(), brought.manifests.end());
  for (auto& thing : brought.things) {
    if (thing.digest == digest) continue;
    const auto has_other = catalog_.has_other_parent(thing.digest, repository, brought.manifests);
    if (!has_other) return failure(has_other.error());
    thing.is_new = !*has_other;
  }
  return brought;
}

Result<> CacheGenerations::add_children(const RepositoryKey& repository, const Digest& parent,
                                        Brought& brought) const {
  const auto children = catalog_.children(repository, parent);
  if (!children) return failure(children.error());
  for (const Digest& child : *children) {
    if (brought.things.size() >= kDigestsMax) return {};
    if (!brought.known.insert(child).second) continue;
    const auto edge = catalog_.edge(child, repository, parent);
    if (!edge) return failure(edge.error());
    if (*edge) brought.things.push_back({child, **edge});
  }
  return {};
}

Result<> CacheGenerations::note_push(const RepositoryKey& repository, const std::string& tag,
                                     const Digest& digest, const Brought& brought) {
  auto known = catalog_.past().generations(repository, tag);
  if (!known && known.error().kind != Error::Kind::corrupt) return failure(known.error());
  const bool is_known = known && *known;
  GenerationsRecord record = is_known ? **known : GenerationsRecord();
  const bool is_same = !record.generations.empty() && record.generations.front().digest == digest;
  std::map<Digest, Layer> layers;
  for (Layer layer : record.layers) {
    layer.in = layer.in << 1 & kMask;
    layers.emplace(layer.digest, layer);
  }
  Generation pushed{clock_.wall(), digest};
  for (const auto& thing : brought.things) {
    pushed.bytes += thing.edge.size;
    const auto at = layers.find(thing.digest);
    const bool was_in_last = at != layers.end() && (at->second.in & 2) != 0;
    const bool is_new = thing.is_new && !is_same && !was_in_last;
    if (is_new) pushed.new_bytes += thing.edge.size;
    if (!is_layer(thing.edge)) continue;
    Layer& layer = layers.try_emplace(thing.digest, Layer{thing.digest, thing.edge.size}).first->second;
    layer.in |= 1;
    layer.position = thing.position;
    ++pushed.layers;
    if (is_new) ++pushed.new_layers;
  }
  record.layers.clear();
  for (const auto& [of, layer] : layers) record.layers.push_back(layer);
  keep_layers(record.layers);
  record.generations.insert(record.generations.begin(), pushed);
  if (record.generations.size() > GenerationsRecord::kGenerationsMax) record.generations.pop_back();
  ++record.pushes;
  record.pushed_at = clock_.now();
  const uint64_t before = is_known ? bytes_of(repository, tag, **known) : 0;
  const uint64_t after = bytes_of(repository, tag, record);
  if (after > before) bytes_ += after - before;
  Batch batch;
  batch.put_generations(repository, tag, record);
  return catalog_.write(std::move(batch), Durability::buffered);
}

Result<> CacheGenerations::note_imports(std::span<const Import> imports) {
  const Lock lock(mutex_);
  std::map<std::pair<RepositoryKey, std::string>, GenerationsRecord> changed;
  for (const Import& import : imports) {
    std::vector<std::string> tags{import.tag};
    if (import.digest) {
      auto of_digest = catalog_.tags_of(import.repository, *import.digest);
      if (!of_digest) return failure(of_digest.error());
      tags = *std::move(of_digest);
    }
    for (const std::string& tag : tags) {
      const auto [at, is_first] = changed.try_emplace({import.repository, tag});
      if (is_first) {
        const auto known = catalog_.past().generations(import.repository, tag);
        if (!known && known.error().kind != Error::Kind::corrupt) return failure(known.error());
        if (known && *known) at->second = **known;
      }
      at->second.imports += import.times;
      at->second.imported_at = std::max(at->second.imported_at, clock_.to_wall(import.at));
    }
  }
  Batch batch;
  for (const auto& [of, record] : changed) {
    if (!record.generations.empty()) batch.put_generations(of.first, of.second, record);
  }
  return batch.empty() ? Result<>() : catalog_.write(std::move(batch), Durability::buffered);
}

Result<> CacheGenerations::trim() {
  if (is_counted_ && bytes_ <= bytes_max_) return {};
  const Lock lock(mutex_);
  // What belongs to no tag is from a push beside which the tag was deleted.
  bytes_ = 0;
  std::vector<std::pair<Time, uint64_t>> sizes;
  const auto count = [&](const TagGenerations& row) -> Result<std::optional<bool>> {
    const auto tag = catalog_.tag(row.repository, row.tag, Reach::disk);
    if (!tag) return failure(tag.error());
    if (!*tag) return std::optional(true);
    sizes.emplace_back(row.record.pushed_at, bytes_of(row.repository, row.tag, row.record));
    bytes_ += sizes.back().second;
    return std::optional(false);
  };
  if (auto counted = delete_rows("", count); !counted) return counted;
  is_counted_ = true;
  if (bytes_ <= bytes_max_) return {};
  std::sort(sizes.begin(), sizes.end());
  Time oldest_kept{};
  uint64_t kept = bytes_;
  for (auto size = sizes.begin(); kept > bytes_max_ - bytes_max_ / 10 && size != sizes.end(); ++size) {
    kept -= size->second;
    oldest_kept = size->first + Time::duration(1);
  }
  int64_t removed = 0;
  const auto is_older = [&](const TagGenerations& row) -> Result<std::optional<bool>> {
    const bool goes = row.record.pushed_at < oldest_kept;
    removed += goes ? 1 : 0;
    return std::optional(goes);
  };
  if (auto deleted = delete_rows("", is_older); !deleted) return deleted;
  bytes_ = kept;
  log_.info("cache_generations_trimmed", {{"removed", removed}});
  return {};
}

Result<> CacheGenerations::forget(const std::string& route) {
  const Lock lock(mutex_);
  const auto is_of_route = [&](const TagGenerations& row) -> Result<std::optional<bool>> {
    return row.repository.route == route ? std::optional(true) : std::nullopt;
  };
  return delete_rows(route_generations_prefix(route), is_of_route);
}

// Walks from `position` on, until `goes` gives nothing.
Result<> CacheGenerations::delete_rows(
    const std::string& position,
    const std::function<Result<std::optional<bool>>(const TagGenerations&)>& goes) {
  bool is_more = true;
  for (std::string at = position; is_more;) {
    const auto rows = catalog_.past().next_generations(at, kRowsAtOnce, [](const Error&) {});
    if (!rows) return failure(rows.error());
    is_more = rows->size() == kRowsAtOnce;
    Batch batch;
    for (const TagGenerations& row : *rows) {
      const auto go = goes(row);
      if (!go) return failure(go.error());
      if (!*go) is_more = false;
      if (!*go) break;
      if (**go) batch.delete_generations(row.repository, row.tag);
    }
    auto written = batch.empty() ? Result<>() : catalog_.write(std::move(batch), Durability::buffered);
    if (!written) return written;
  }
  return {};
}

}  // namespace breakwater::store
