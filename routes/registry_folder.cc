#include "routes/registry_folder.h"

#include <algorithm>
#include <utility>

#include "routes/oci_path.h"
#include "routes/small_file.h"

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
    if (disk.list(root / "repositories")) return RegistryFolder(disk, root);
  }
  return failure(Error::Kind::not_found, from.string() + " is no data folder of a registry: there is no docker/registry/v2/repositories below it");
}

// Sorted; none if the folder is not there.
Result<std::vector<std::string>> RegistryFolder::folders_in(const std::filesystem::path& folder) const {
  std::vector<std::string> names;
  const auto entries = disk_.list(folder);
  if (!entries && entries.error().kind == Error::Kind::not_found) return names;
  if (!entries) return failure(entries.error());
  for (const auto& entry : *entries) {
    if (entry.is_directory) names.push_back(entry.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<std::string>> RegistryFolder::repositories() const {
  std::vector<std::string> found;
  if (auto added = add_repositories("", found); !added) return failure(added.error());
  return found;
}

// Repositories may lie in one another: team and team/app.
Result<> RegistryFolder::add_repositories(const std::string& name, std::vector<std::string>& found) const {
  const auto folders = folders_in(folder_of(name));
  if (!folders) return failure(folders.error());
  const bool is_repository = std::any_of(folders->begin(), folders->end(), [](const std::string& one) { return one.starts_with('_'); });
  if (is_repository && !name.empty()) found.push_back(name);
  for (const std::string& folder : *folders) {
    if (folder.starts_with('_')) continue;
    std::string below = name;
    below += (name.empty() ? "" : "/") + folder;
    if (below.size() > kNameBytesMax) continue;  // no repository's, and symbolic links may go round
    if (auto added = add_repositories(below, found); !added) return added;
  }
  return {};
}

Result<std::vector<RegistryFolder::Tag>> RegistryFolder::tags(const std::string& repository) const {
  const auto folder = folder_of(repository) / "_manifests" / "tags";
  const auto names = folders_in(folder);
  if (!names) return failure(names.error());
  std::vector<Tag> tags;
  for (const std::string& name : *names) {
    const auto link = folder / name / "current" / "link";
    const auto found = disk_.stat(link);
    tags.push_back({name, read_link(link), found ? found->modified : store::Time()});
  }
  return tags;
}

Result<std::vector<RegistryFolder::Link>> RegistryFolder::manifests(const std::string& repository) const {
  return links_in(folder_of(repository) / "_manifests" / "revisions");
}

Result<std::vector<RegistryFolder::Link>> RegistryFolder::layers(const std::string& repository) const { return links_in(folder_of(repository) / "_layers"); }

Result<std::vector<RegistryFolder::Link>> RegistryFolder::links_in(const std::filesystem::path& folder) const {
  std::vector<Link> links;
  for (const std::string algorithm : {"sha256", "sha512"}) {
    const auto names = folders_in(folder / algorithm);
    if (!names) return failure(names.error());
    for (const std::string& hex : *names) {
      const auto digest = digest_called(algorithm, hex);
      if (digest) links.push_back({*digest, read_link(folder / algorithm / hex / "link") == *digest});
    }
  }
  return links;
}

Result<std::vector<std::string>> RegistryFolder::uploads(const std::string& repository) const { return folders_in(folder_of(repository) / "_uploads"); }

Result<> RegistryFolder::each_blob(const std::function<void(const Digest&)>& each) const {
  for (const std::string algorithm : {"sha256", "sha512"}) {
    const auto shelves = folders_in(root_ / "blobs" / algorithm);
    if (!shelves) return failure(shelves.error());
    for (const std::string& shelf : *shelves) {
      const auto names = folders_in(root_ / "blobs" / algorithm / shelf);
      if (!names) return failure(names.error());
      for (const std::string& hex : *names) {
        if (const auto digest = digest_called(algorithm, hex)) each(*digest);
      }
    }
  }
  return {};
}

// A manifest may be linked as either, as that registry has it.
bool RegistryFolder::has(const std::string& repository, const Digest& digest) const {
  const std::filesystem::path link = std::filesystem::path(algorithm_of(digest)) / digest.hex() / "link";
  const auto folder = folder_of(repository);
  return read_link(folder / "_layers" / link) == digest || read_link(folder / "_manifests" / "revisions" / link) == digest;
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
