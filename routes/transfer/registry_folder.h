// A data folder as docker-registry (distribution, "registry:2") writes it. Read only.
//
//   docker/registry/v2/blobs/sha256/ab/abcd…/data               the bytes
//   docker/registry/v2/repositories/<name>/
//       _layers/sha256/<hex>/link                               the repository may serve this blob
//       _manifests/revisions/sha256/<hex>/link                  and this manifest
//       _manifests/tags/<tag>/current/link                      the digest that the tag names
//       _uploads/<id>/…                                         an upload that was not completed
//
// What the disk cannot read is an error, or is reported. What does not match the layout above is left out, or
// reported as what it is. Symbolic links are followed. May block; any thread.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "routes/transfer/import_source.h"
#include "store/base/disk.h"

namespace breakwater::routes {

class RegistryFolder {
 public:
  // `from` is the folder v2 or a folder above it. `not_found` if there is no such folder.
  [[nodiscard]] static Result<RegistryFolder> find(store::Disk& disk, const std::filesystem::path& from);

  // Called for each folder that cannot be read; the others are read all the same.
  using Unreadable = std::function<void(const std::string& where, const Error& error)>;

  // Sorted by name. Includes names that no OCI repository can have.
  std::vector<std::string> repositories(const Unreadable& unreadable) const;
  struct Tag {
    std::string name;
    std::optional<store::Digest> digest;  // empty if its link is missing or malformed
    store::Time set_at{};
  };
  [[nodiscard]] Result<std::vector<Tag>> tags(const std::string& repository) const;
  // A digest that the repository has a folder for, with or without its link.
  struct Link {
    store::Digest digest;
    bool is_there = false;
  };
  [[nodiscard]] Result<std::vector<Link>> manifests(const std::string& repository) const;
  [[nodiscard]] Result<std::vector<Link>> layers(const std::string& repository) const;
  [[nodiscard]] Result<std::vector<std::string>> uploads(const std::string& repository) const;  // ids
  void each_blob(const std::function<void(const store::Digest&)>& each, const Unreadable& unreadable) const;

  bool has(const std::string& repository, const store::Digest& digest) const;
  std::filesystem::path file_of(const store::Digest& digest) const;

 private:
  RegistryFolder(store::Disk& disk, std::filesystem::path root) : disk_(disk), root_(std::move(root)) {}
  std::filesystem::path folder_of(const std::string& repository) const {
    return root_ / "repositories" / repository;
  }
  struct Walk;
  void add_repositories(const std::string& name, Walk& walk) const;
  Result<std::vector<Link>> links_in(const std::filesystem::path& folder) const;
  std::optional<store::Digest> read_link(const std::filesystem::path& file) const;

  store::Disk& disk_;
  std::filesystem::path root_;
};

// One repository of such a folder.
class RegistryFolderSource final : public ImportSource {
 public:
  RegistryFolderSource(const RegistryFolder& folder, std::string repository)
      : folder_(folder), repository_(std::move(repository)) {}
  bool has(const store::Digest& digest) override { return folder_.has(repository_, digest); }
  std::filesystem::path file_of(const store::Digest& digest) const override {
    return folder_.file_of(digest);
  }
  // Docker-registry keeps no media types: a manifest is what its bytes say.
  std::optional<std::string> part_type(const store::Digest&) const override { return std::nullopt; }

 private:
  const RegistryFolder& folder_;
  const std::string repository_;
};

}  // namespace breakwater::routes
