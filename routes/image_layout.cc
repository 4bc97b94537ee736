#include "routes/image_layout.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "routes/json_bounds.h"
#include "routes/media_type.h"
#include "routes/small_file.h"

namespace breakwater::routes {

using nlohmann::json;
using store::Digest;

namespace {

constexpr size_t kIndexBytesMax = 64 << 20;
constexpr size_t kToldBytesMax = 300;  // of an entry that is not understood
constexpr char kRefName[] = "org.opencontainers.image.ref.name";
constexpr std::string_view kMarker = R"({"imageLayoutVersion":"1.0.0"})";

std::string text_of(const json& object, const char* field) {
  const auto found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string ref_name_of(const json& descriptor) {
  const auto annotations = descriptor.find("annotations");
  return annotations != descriptor.end() && annotations->is_object() ? text_of(*annotations, kRefName) : std::string();
}

std::optional<uint64_t> size_of(const json& descriptor) {
  const auto found = descriptor.find("size");
  return found != descriptor.end() && found->is_number_unsigned() ? std::optional(found->get<uint64_t>()) : std::nullopt;
}

nlohmann::ordered_json descriptor_of(const ImageLayout::Entry& entry) {
  if (!entry.descriptor.empty()) return nlohmann::ordered_json::parse(entry.descriptor);
  nlohmann::ordered_json descriptor;
  descriptor["mediaType"] = entry.media_type;
  descriptor["digest"] = entry.digest.text();
  descriptor["size"] = entry.size.value_or(0);
  if (!entry.artifact_type.empty()) descriptor["artifactType"] = entry.artifact_type;
  if (!entry.name.empty()) descriptor["annotations"][kRefName] = entry.name;
  return descriptor;
}

}  // namespace

bool ImageLayout::is_there(store::Disk& disk, const std::filesystem::path& folder) { return disk.stat_target(folder / "oci-layout").has_value(); }

Result<ImageLayout> ImageLayout::read(store::Disk& disk, const std::filesystem::path& folder) {
  const auto path = folder / "index.json";
  const auto found = disk.stat_target(path);
  if (!found) return failure(found.error());
  const auto text = read_small_file(disk, path, kIndexBytesMax);
  if (!text) return failure(text.error());
  const auto body = json_within_bounds(*text) ? json::parse(*text, nullptr, false) : json();
  if (!body.is_object() || !body.contains("manifests") || !body["manifests"].is_array()) return failure(Error::Kind::invalid, path.string() + " is no index");
  ImageLayout layout(disk, folder);
  layout.modified_ = found->modified;
  for (const json& descriptor : body["manifests"]) {
    const auto digest = Digest::parse(descriptor.is_object() ? text_of(descriptor, "digest") : std::string());
    if (digest) {
      layout.entries_.push_back(
          {*digest, text_of(descriptor, "mediaType"), size_of(descriptor), ref_name_of(descriptor), text_of(descriptor, "artifactType"), descriptor.dump()});
    } else {
      layout.unreadable_.push_back(descriptor.dump().substr(0, kToldBytesMax));
    }
  }
  return layout;
}

// There are no links: what is in the folder is the repository's.
bool ImageLayout::has(const Digest& digest) {
  (void)digest;
  return true;
}

std::filesystem::path ImageLayout::blob_file(const std::filesystem::path& folder, const Digest& digest) {
  return folder / "blobs" / store::name_of(digest.algorithm()) / digest.hex();
}

Result<> ImageLayout::prepare(store::Disk& disk, const std::filesystem::path& folder) {
  for (const char* algorithm : {"sha256", "sha512"}) {
    if (auto made = disk.make_directories(folder / "blobs" / algorithm); !made) return made;
  }
  return {};
}

Result<> ImageLayout::write(store::Disk& disk, const std::filesystem::path& folder, const std::vector<Entry>& entries) {
  for (const char* below : {"blobs/sha256", "blobs/sha512", "blobs", "."}) {
    if (auto synced = disk.sync_directory(folder / below); !synced) return synced;
  }
  if (auto written = write_small_file(disk, folder / "oci-layout", kMarker); !written) return written;
  nlohmann::ordered_json index;
  index["schemaVersion"] = 2;
  index["mediaType"] = kOciIndex;
  index["manifests"] = nlohmann::ordered_json::array();
  for (const Entry& entry : entries) index["manifests"].push_back(descriptor_of(entry));
  return write_small_file(disk, folder / "index.json", index.dump());
}

}  // namespace breakwater::routes
