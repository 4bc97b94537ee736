#include "routes/transfer/registry_folder.h"

#include <algorithm>
#include <utility>

#include "routes/oci/oci_path.h"
#include "routes/transfer/foreign_folder.h"
#include "routes/transfer/small_file.h"

namespace breakwater::routes {

using store::Digest;

namespace {

constexpr size_t kLinkBytesMax = 512;

std::string algorithm_of(const Digest& digest) { return std::string(store::name_of(digest.algorithm())); }

std::optional<Digest> digest_called(const std::string& algorithm, const std::string& hex) {
  const auto digest = Digest::parse(algorithm + ":" + hex);
  if (!digest) return std::nullopt;
  return *digest;
}

}  // namespace

Result<RegistryFolder> RegistryFolder::find(store::Disk& disk, const std::filesystem::path& from) {
  for (const char* below : {"docker/registry/v2", "registry/v2", "v2", "."}) {
    const auto root = (from / below).lexically_normal();
    const auto listed = disk.list(root / "repositories");
    if (listed) return RegistryFolder(disk, root);
    // A folder that exists but cannot be read is an error; no other place is tried then.
    if (listed.error().kind != Error::Kind::not_found) return failure(listed.error());
  }
  return failure(
      Error::Kind::not_found,
      from.string() +
          " is no data folder of a registry: there is no docker/registry/v2/repositories below it");
}

struct RegistryFolder::Walk {
  const Unreadable& unreadable;
  std::vector<std::string> found = {};
  FolderChain chain = {};
};

std::vector<std::string> RegistryFolder::repositories(const Unreadable& unreadable) const {
  Walk walk{unreadable};
  add_repositories("", walk);
  return std::move(walk.found);
}

// Repositories may be nested: team and team/app.
void RegistryFolder::add_repositories(const std::string& name, Walk& walk) const {
  const std::string where = name.empty() ? "repositories" : name;
  if (auto entered = walk.chain.enter(disk_, folder_of(name)); !entered)
    return walk.unreadable(where, entered.error());
  const auto folders = folders_in(disk_, folder_of(name));
  if (!folders) walk.unreadable(where, folders.error());
  const std::vector<std::string> below = folders ? *folders : std::vector<std::string>();
  const bool is_repository =
      std::any_of(below.begin(), below.end(), [](const std::string& one) { return one.starts_with('_'); });
  if (is_repository && !name.empty()) walk.found.push_back(name);
  for (const std::string& folder : below) {
    if (folder.starts_with('_')) continue;
    std::string deeper = name;
    deeper += (name.empty() ? "" : "/") + folder;
    if (deeper.size() <= kNameBytesMax) add_repositories(deeper, walk);  // no repository has a longer name
  }
  walk.chain.leave();
}

Result<std::vector<RegistryFolder::Tag>> RegistryFolder::tags(const std::string& repository) const {
  const auto folder = folder_of(repository) / "_manifests" / "tags";
  const auto names = folders_in(disk_, folder);
  if (!names) return failure(names.error());
  std::vector<Tag> tags;
  for (const std::string& name : *names) {
    const auto link = folder / name / "current" / "link";
    const auto found = disk_.stat_target(link);
    tags.push_back({name, read_link(link), found ? found->modified : store::Time()});
  }
  return tags;
}

Result<std::vector<RegistryFolder::Link>> RegistryFolder::manifests(const std::string& repository) const {
  return links_in(folder_of(repository) / "_manifests" / "revisions");
}

Result<std::vector<RegistryFolder::Link>> RegistryFolder::layers(const std::string& repository) const {
  return links_in(folder_of(repository) / "_layers");
}

Result<std::vector<RegistryFolder::Link>> RegistryFolder::links_in(
    const std::filesystem::path& folder) const {
  std::vector<Link> links;
  for (const std::string algorithm : {"sha256", "sha512"}) {
    const auto names = folders_in(disk_, folder / algorithm);
    if (!names) return failure(names.error());
    for (const std::string& hex : *names) {
      const auto digest = digest_called(algorithm, hex);
      if (digest) links.push_back({*digest, read_link(folder / algorithm / hex / "link") == *digest});
    }
  }
  return links;
}

Result<std::vector<std::string>> RegistryFolder::uploads(const std::string& repository) const {
  return folders_in(disk_, folder_of(repository) / "_uploads");
}

void RegistryFolder::each_blob(const std::function<void(const Digest&)>& each,
                               const Unreadable& unreadable) const {
  const auto list = [&](const std::string& below) {
    auto names = folders_in(disk_, root_ / below);
    if (!names) unreadable(below, names.error());
    return names ? *std::move(names) : std::vector<std::string>();
  };
  for (const std::string algorithm : {"sha256", "sha512"}) {
    const std::string shelves = "blobs/" + algorithm;
    for (const std::string& shelf : list(shelves)) {
      std::string one = shelves;
      one += "/" + shelf;
      for (const std::string& hex : list(one)) {
        if (const auto digest = digest_called(algorithm, hex)) each(*digest);
      }
    }
  }
}

// Docker-registry may link a manifest as a layer or as a revision.
bool RegistryFolder::has(const std::string& repository, const Digest& digest) const {
  const std::filesystem::path link = std::filesystem::path(algorithm_of(digest)) / digest.hex() / "link";
  const auto folder = folder_of(repository);
  return read_link(folder / "_layers" / link) == digest ||
         read_link(folder / "_manifests" / "revisions" / link) == digest;
}

std::filesystem::path RegistryFolder::file_of(const Digest& digest) const {
  return root_ / "blobs" / algorithm_of(digest) / digest.hex().substr(0, 2) / digest.hex() / "data";
}

std::optional<Digest> RegistryFolder::read_link(const std::filesystem::path& file) const {
  auto text = read_small_file(disk_, file, kLinkBytesMax);
  if (!text) return std::nullopt;
  while (!text->empty() && (text->back() == '\n' || text->back() == ' ')) text->pop_back();
  const auto digest = Digest::parse(*text);
  if (!digest) return std::nullopt;
  return *digest;
}

}  // namespace breakwater::routes
