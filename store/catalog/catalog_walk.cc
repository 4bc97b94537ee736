#include "store/catalog/catalog_walk.h"

#include <string_view>
#include <utility>

#include "store/catalog/catalog_keys.h"
#include "store/catalog/database.h"

namespace breakwater::store {
namespace {

// An error that says whose record it is.
tl::unexpected<Error> malformed_record(const std::string& whose, const Error& error) {
  return failure(error.kind, whose + ": " + error.message);
}

Result<TagOf> tag_row(std::string_view key, std::string_view value) {
  KeyReader in(key, 1);
  RepositoryKey repository = in.repository();
  std::string tag = in.rest();
  if (in.failed()) return malformed_key();
  auto record = decode<TagRecord>(value);
  if (!record)
    return malformed_record(repository.route + "/" + repository.repository + ":" + tag, record.error());
  return TagOf{std::move(repository), std::move(tag), *std::move(record)};
}

Result<TagHistory> history_row(std::string_view key, std::string_view value) {
  KeyReader in(key, 1);
  RepositoryKey repository = in.repository();
  std::string tag = in.rest();
  if (in.failed()) return malformed_key();
  auto record = decode<TagHistoryRecord>(value);
  if (!record)
    return malformed_record(repository.route + "/" + repository.repository + ":" + tag, record.error());
  return TagHistory{std::move(repository), std::move(tag), *std::move(record)};
}

Result<NamedManifest> manifest_row(std::string_view key, std::string_view value) {
  KeyReader in(key, 1);
  RepositoryKey repository = in.repository();
  const Digest digest = in.digest();
  if (in.failed()) return malformed_key();
  auto record = decode<ManifestRecord>(value);
  if (!record)
    return malformed_record(repository.route + "/" + repository.repository + "@" + digest.text(),
                            record.error());
  return NamedManifest{std::move(repository), digest, *std::move(record)};
}

Result<Edge> edge_row(std::string_view key, std::string_view) {
  KeyReader in(key, 1);
  RepositoryKey repository = in.repository();
  const Digest parent = in.digest();
  const Digest child = in.digest();
  if (in.failed()) return malformed_key();
  return Edge{std::move(repository), parent, child};
}

Result<LinkOf> link_row(std::string_view key, std::string_view) {
  KeyReader in(key, 1);
  const Digest digest = in.digest();
  RepositoryKey repository = in.repository();
  if (in.failed()) return malformed_key();
  return LinkOf{digest, std::move(repository)};
}

Result<UsedBlob> blob_row(std::string_view key, std::string_view value) {
  KeyReader in(key, 1);
  const Digest digest = in.digest();
  if (in.failed()) return malformed_key();
  auto record = decode<BlobRecord>(value);
  if (!record) return malformed_record(digest.text(), record.error());
  return UsedBlob{digest, *std::move(record)};
}

}  // namespace

Result<std::vector<TagOf>> CatalogWalk::next_tags(std::string& position, size_t limit,
                                                  const Malformed& malformed) const {
  return database_.walk<TagOf>(kTags, position, limit, malformed, tag_row);
}
Result<std::vector<TagHistory>> CatalogWalk::next_histories(std::string& position, size_t limit,
                                                            const Malformed& malformed) const {
  return database_.walk<TagHistory>(kHistories, position, limit, malformed, history_row);
}
Result<std::vector<NamedManifest>> CatalogWalk::next_manifests(std::string& position, size_t limit,
                                                               const Malformed& malformed) const {
  return database_.walk<NamedManifest>(kManifests, position, limit, malformed, manifest_row);
}
Result<std::vector<Edge>> CatalogWalk::next_edges(std::string& position, size_t limit,
                                                  const Malformed& malformed) const {
  return database_.walk<Edge>(kChildren, position, limit, malformed, edge_row);
}
Result<std::vector<LinkOf>> CatalogWalk::next_links(std::string& position, size_t limit,
                                                    const Malformed& malformed) const {
  return database_.walk<LinkOf>(kLinks, position, limit, malformed, link_row);
}
Result<std::vector<UsedBlob>> CatalogWalk::next_blobs(std::string& position, size_t limit,
                                                      const Malformed& malformed) const {
  return database_.walk<UsedBlob>(kBlobs, position, limit, malformed, blob_row);
}

double CatalogWalk::share_before(const std::string& position) {
  const std::string of_sha256 = kBlobs + std::string{static_cast<char>(Algorithm::sha256)};
  constexpr size_t kBytes = 4;
  if (position.size() < of_sha256.size() + kBytes) return 0;
  // The few of another algorithm are behind all of sha256.
  if (!position.starts_with(of_sha256)) return 1;
  uint32_t first = 0;
  for (size_t i = 0; i < kBytes; ++i)
    first = first << 8U | static_cast<uint8_t>(position[of_sha256.size() + i]);
  return static_cast<double>(first) / 4294967296.0;
}

Result<std::vector<UsedBlob>> CatalogWalk::blobs_in(Algorithm algorithm, uint8_t first,
                                                    const Malformed& malformed) const {
  const std::string prefix = kBlobs + std::string{static_cast<char>(algorithm), static_cast<char>(first)};
  std::string position;
  return database_.walk<UsedBlob>(prefix, position, SIZE_MAX, malformed, blob_row);
}

}  // namespace breakwater::store
