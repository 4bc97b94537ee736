// Makes a data folder as a big registry's: manifests with a tag each, four small layers each and a base layer
// that all have, on account of the route "private".
//
//   store_maker FOLDER MANIFESTS     # 100000: with 400 001 layers, and a catalog of 3 million records
//
// Written past the Store, because a push syncs; the files are right, and the end is a clean one.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/base/disk.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_state.h"
#include "store/files/files.h"

namespace {

using namespace breakwater::store;

constexpr size_t kLayers = 4;             // of a manifest, beside the base
constexpr size_t kTags = 100;             // of a repository
constexpr size_t kManifestsAtOnce = 200;  // in a batch of the catalog
constexpr uint64_t kCatalogCacheBytes = 64ULL << 20;
constexpr char kMediaType[] = "application/vnd.oci.image.manifest.v1+json";

class Maker {
 public:
  explicit Maker(std::filesystem::path data)
      : data_(std::move(data)), disk_(make_posix_disk()), files_(*disk_, data_) {}

  bool make(size_t manifests) {
    if (!files_.prepare()) return false;
    auto catalog = Catalog::open(*disk_, data_ / "catalog", kCatalogCacheBytes);
    if (!catalog) return false;
    for (size_t i = 0; i < manifests;) {
      Batch batch;
      for (const size_t end = std::min(i + kManifestsAtOnce, manifests); i < end; ++i) add_image(batch, i);
      if (!(*catalog)->write(std::move(batch), Durability::buffered)) return false;
    }
    return (*catalog)->flush().has_value() && (*catalog)->state().set_clean(true).has_value();
  }

 private:
  void add_image(Batch& batch, size_t i) {
    const RepositoryKey repository{
        "private", "team-" + std::to_string(i / kTags / 10) + "/app-" + std::to_string(i / kTags)};
    std::vector<std::pair<Digest, uint64_t>> children;
    std::string text = "{\"schemaVersion\":2,\"mediaType\":\"" + std::string(kMediaType) + "\",\"config\":";
    for (size_t layer = 0; layer < kLayers; ++layer) {  // the first is the config
      const std::string content = "layer " + std::to_string(layer) + " of " + std::to_string(i);
      const Digest digest = add_blob(batch, repository, content);
      children.emplace_back(digest, content.size());
      text += layer == 0 ? "" : layer == 1 ? ",\"layers\":[" : ",";
      text += descriptor(layer == 0 ? "config.v1+json" : "layer.v1.tar", digest, content.size());
    }
    const auto [base, base_size] = add_base(batch, repository);
    children.emplace_back(base, base_size);
    text += "," + descriptor("layer.v1.tar", base, base_size) + "]}";
    const Digest digest = add_blob(batch, repository, text);
    ManifestRecord record;
    record.media_type = kMediaType;
    record.size = text.size();
    record.pushed_at = now_;
    batch.put_manifest(repository, digest, record);
    for (const auto& [child, size] : children)
      batch.put_edge(child, repository, digest, {"application/octet-stream", size, false});
    batch.put_tag(repository, "v" + std::to_string(i % kTags), {digest, kMediaType, now_, now_},
                  std::nullopt);
  }

  static std::string descriptor(const std::string& kind, const Digest& digest, size_t size) {
    return "{\"mediaType\":\"application/vnd.oci.image." + kind + "\",\"digest\":\"" + digest.text() +
           "\",\"size\":" + std::to_string(size) + "}";
  }

  // The layer that all have, in one more repository.
  std::pair<Digest, uint64_t> add_base(Batch& batch, const RepositoryKey& repository) {
    const std::string content = "base layer";
    if (base_) {
      batch.put_link(*base_, repository, {});
    } else {
      base_ = add_blob(batch, repository, content);
    }
    return {*base_, content.size()};
  }

  Digest add_blob(Batch& batch, const RepositoryKey& repository, const std::string& content) {
    const Digest digest = digest_of(Algorithm::sha256, content);
    const auto path = files_.path_of(digest);
    int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0640);
    if (fd < 0) {
      std::filesystem::create_directories(path.parent_path());
      fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0640);
    }
    if (fd < 0 || ::write(fd, content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
      std::cerr << "cannot write " << path << "\n";
      std::exit(1);
    }
    ::close(fd);
    batch.put_blob(digest, {content.size(), repository.route, now_, now_}, std::nullopt);
    batch.put_link(digest, repository, {});
    return digest;
  }

  const std::filesystem::path data_;
  const std::unique_ptr<Disk> disk_;
  Files files_;
  const Time now_ = SystemClock().wall();
  std::optional<Digest> base_;
};

}  // namespace

int main(int argc, char** argv) {
  const size_t manifests = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0;
  if (manifests == 0) {
    std::cerr << "usage: store_maker FOLDER MANIFESTS\n";
    return 2;
  }
  return Maker(argv[1]).make(manifests) ? 0 : 1;
}
