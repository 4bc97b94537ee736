// A data folder as docker-registry writes it, made from nothing: whole until the test damages it.
//
//   MadeRegistryFolder made(folder.path() / "old");
//   const Digest layer = made.add_blob("team/app", "layer");
//   made.add_manifest("team/app", image.text(), "1");
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "store/base/digest.h"
#include "test/fakes/made_manifest.h"
#include "test/fakes/store_world.h"

namespace breakwater::test {

inline void write_file(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

class MadeRegistryFolder {
 public:
  explicit MadeRegistryFolder(std::filesystem::path folder)
      : folder_(std::move(folder)), root_(folder_ / "docker/registry/v2") {}

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path data(const store::Digest& digest) const {
    return root_ / "blobs/sha256" / digest.hex().substr(0, 2) / digest.hex() / "data";
  }
  std::filesystem::path layer_link(const std::string& repository, const store::Digest& digest) const {
    return repository_folder(repository) / "_layers/sha256" / digest.hex() / "link";
  }
  std::filesystem::path manifest_link(const std::string& repository, const store::Digest& digest) const {
    return repository_folder(repository) / "_manifests/revisions/sha256" / digest.hex() / "link";
  }
  std::filesystem::path tag_link(const std::string& repository, const std::string& tag) const {
    return repository_folder(repository) / "_manifests/tags" / tag / "current/link";
  }

  Descriptor add_blob(const std::string& repository, const std::string& content,
                      std::string_view type = kLayerType) {
    const store::Digest digest = digest_of(content);
    write_file(data(digest), content);
    write_file(layer_link(repository, digest), digest.text());
    return Descriptor(type, digest, content.size());
  }
  Descriptor add_manifest(const std::string& repository, const MadeManifest& manifest,
                          const std::string& tag = "") {
    const std::string text = manifest.text();
    const store::Digest digest = digest_of(text);
    write_file(data(digest), text);
    write_file(manifest_link(repository, digest), digest.text());
    if (!tag.empty()) write_file(tag_link(repository, tag), digest.text());
    return Descriptor(manifest.media_type, digest, text.size());
  }
  // Of one config and one layer, made from `seed`.
  MadeManifest made_image(const std::string& repository, uint32_t seed) {
    MadeManifest image;
    image.config = add_blob(repository, "{\"seed\":" + std::to_string(seed) + "}", kConfigType);
    image.layers = {add_blob(repository, content_of(20'000 + seed, seed))};
    return image;
  }
  Descriptor add_image(const std::string& repository, uint32_t seed, const std::string& tag) {
    return add_manifest(repository, made_image(repository, seed), tag);
  }
  void add_upload(const std::string& repository, const std::string& id) {
    write_file(repository_folder(repository) / "_uploads" / id / "data", "half of it");
  }

 private:
  std::filesystem::path repository_folder(const std::string& repository) const {
    return root_ / "repositories" / repository;
  }

  std::filesystem::path folder_;
  std::filesystem::path root_;
};

}  // namespace breakwater::test
