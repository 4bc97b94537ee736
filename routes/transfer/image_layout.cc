#include "routes/transfer/image_layout.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <utility>

#include <nlohmann/json.hpp>

#include "routes/oci/media_type.h"
#include "routes/transfer/index_json.h"

namespace breakwater::routes {

using nlohmann::json;
using store::Digest;
using store::Time;

namespace {

constexpr size_t kToldBytesMax = 300;  // shown of an entry that is not understood
constexpr char kRefName[] = "org.opencontainers.image.ref.name";
// org.opencontainers.image.created is the image's age, not the tag's.
constexpr char kSetAt[] = "io.breakwater.tag.set-at";
// Its value is what kind of part it is; only "manifest" is known.
constexpr char kPart[] = "io.breakwater.part";
constexpr char kManifestPart[] = "manifest";
constexpr char kIndexName[] = "index.json";
constexpr char kMarkerName[] = "oci-layout";
constexpr std::string_view kMarker = R"({"imageLayoutVersion":"1.0.0"})";

std::string text_of(const json& object, const char* field) {
  const auto found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string annotation_of(const json& descriptor, const char* name) {
  const auto annotations = descriptor.find("annotations");
  return annotations != descriptor.end() && annotations->is_object() ? text_of(*annotations, name)
                                                                     : std::string();
}

std::string date_time_text(Time time) {
  const auto midnight = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day day(midnight);
  const std::chrono::hh_mm_ss since(time - midnight);
  std::array<char, 80> text{};
  (void)std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                      static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                      static_cast<unsigned>(day.day()), static_cast<int>(since.hours().count()),
                      static_cast<int>(since.minutes().count()), static_cast<int>(since.seconds().count()),
                      static_cast<int>(since.subseconds().count()));
  return text.data();
}

// Whether `text` begins like `shape`, in which 0 stands for any digit.
bool begins_as(std::string_view text, std::string_view shape) {
  const auto is_as = [](char wanted, char found) {
    return wanted == '0' ? found >= '0' && found <= '9' : found == wanted;
  };
  return text.size() >= shape.size() && std::equal(shape.begin(), shape.end(), text.begin(), is_as);
}

int number_in(std::string_view digits) {
  int number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

// The offset from UTC in "Z" or "+02:30".
std::optional<std::chrono::minutes> offset_of(std::string_view text) {
  if (text == "Z") return std::chrono::minutes(0);
  if (text.size() != 6 || !(begins_as(text, "+00:00") || begins_as(text, "-00:00"))) return std::nullopt;
  const int hours = number_in(text.substr(1, 2)), minutes = number_in(text.substr(4, 2));
  if (hours > 23 || minutes > 59) return std::nullopt;
  return (text[0] == '-' ? -1 : 1) * std::chrono::minutes(60 * hours + minutes);
}

// Parses a date-time of RFC 3339, cut off to milliseconds.
std::optional<Time> time_of(std::string_view text) {
  namespace chrono = std::chrono;
  constexpr std::string_view kShape = "0000-00-00T00:00:00";
  if (!begins_as(text, kShape)) return std::nullopt;
  const auto part = [&](size_t from) { return number_in(text.substr(from, 2)); };
  const chrono::year_month_day day(chrono::year(number_in(text.substr(0, 4))),
                                   chrono::month(static_cast<unsigned>(part(5))),
                                   chrono::day(static_cast<unsigned>(part(8))));
  const int hours = part(11), minutes = part(14), seconds = part(17);
  if (!day.ok() || hours > 23 || minutes > 59 || seconds > 60) return std::nullopt;  // 60: a leap second
  Time time =
      chrono::sys_days(day) + chrono::hours(hours) + chrono::minutes(minutes) + chrono::seconds(seconds);
  std::string_view rest = text.substr(kShape.size());
  if (begins_as(rest, ".0")) {
    const size_t digits = std::min(rest.find_first_not_of("0123456789", 1), rest.size()) - 1;
    std::string thousandths(rest.substr(1, std::min<size_t>(digits, 3)));
    thousandths.resize(3, '0');
    time += chrono::milliseconds(number_in(thousandths));
    rest.remove_prefix(1 + digits);
  }
  const auto offset = offset_of(rest);
  return offset ? std::optional(time - *offset) : std::nullopt;
}

std::optional<uint64_t> size_of(const json& descriptor) {
  const auto found = descriptor.find("size");
  return found != descriptor.end() && found->is_number_unsigned() ? std::optional(found->get<uint64_t>())
                                                                  : std::nullopt;
}

nlohmann::ordered_json descriptor_of(const ImageLayout::Entry& entry) {
  nlohmann::ordered_json descriptor;
  descriptor["mediaType"] = entry.media_type;
  descriptor["digest"] = entry.digest.text();
  descriptor["size"] = entry.size.value_or(0);
  if (!entry.artifact_type.empty()) descriptor["artifactType"] = entry.artifact_type;
  if (!entry.name.empty()) descriptor["annotations"][kRefName] = entry.name;
  if (entry.set_at) descriptor["annotations"][kSetAt] = date_time_text(*entry.set_at);
  if (entry.is_part) descriptor["annotations"][kPart] = kManifestPart;
  return descriptor;
}

ImageLayout::Entry entry_of(const Digest& digest, const json& descriptor, const std::string& text) {
  return {digest,
          text_of(descriptor, "mediaType"),
          size_of(descriptor),
          annotation_of(descriptor, kRefName),
          text_of(descriptor, "artifactType"),
          time_of(annotation_of(descriptor, kSetAt)),
          annotation_of(descriptor, kPart) == kManifestPart,
          text};
}

// The names of a layout's files and folder. A component of a repository's name may be one of them too.
bool is_layouts_own(std::string_view name) {
  return name == kIndexName || name == kMarkerName || name == "blobs";
}

}  // namespace

bool ImageLayout::is_there(store::Disk& disk, const std::filesystem::path& folder) {
  return disk.stat_target(folder / kMarkerName).has_value();
}

Result<ImageLayout> ImageLayout::open(store::Disk& disk, const std::filesystem::path& folder,
                                      const Unreadable& unreadable) {
  const auto found = disk.stat_target(folder / kIndexName);
  if (!found) return failure(found.error());
  ImageLayout layout(disk, folder);
  layout.modified_ = found->modified;
  const auto note = [&](const Entry& entry) -> Result<> {
    if (entry.is_part) layout.parts_.emplace(entry.digest, entry.media_type);
    return {};
  };
  if (auto read = layout.read(note, unreadable); !read) return failure(read.error());
  return layout;
}

Result<> ImageLayout::each_entry(const Each& each) const {
  return read(each, [](const std::string&) {});
}

Result<> ImageLayout::read(const Each& each, const Unreadable& unreadable) const {
  return read_index_json(disk_, folder_ / kIndexName, [&](const std::string& text) -> Result<> {
    const json descriptor = json::parse(text, nullptr, false);
    const auto digest = Digest::parse(descriptor.is_object() ? text_of(descriptor, "digest") : std::string());
    if (digest) return each(entry_of(*digest, descriptor, text));
    unreadable(text.empty() ? "one of more than a mebibyte" : text.substr(0, kToldBytesMax));
    return {};
  });
}

// Always true: a layout has no links, so whatever is in its folder belongs to the repository.
bool ImageLayout::has(const Digest& digest) {
  (void)digest;
  return true;
}

std::optional<std::string> ImageLayout::part_type(const Digest& digest) const {
  const auto found = parts_.find(digest);
  return found == parts_.end() ? std::nullopt : std::optional(found->second);
}

std::filesystem::path ImageLayout::blob_file(const std::filesystem::path& folder, const Digest& digest) {
  return folder / "blobs" / store::name_of(digest.algorithm()) / digest.hex();
}

// --- writing

Result<LayoutWriter> LayoutWriter::begin(store::Disk& disk, const std::filesystem::path& folder) {
  auto index = NewFile::begin(disk, folder / kIndexName);
  if (!index) return failure(index.error());
  const std::string head =
      R"({"schemaVersion":2,"mediaType":")" + std::string(kOciIndex) + R"(","manifests":[)";
  if (auto written = index->append(head); !written) return failure(written.error());
  return LayoutWriter(disk, folder, *std::move(index));
}

Result<> LayoutWriter::add(const ImageLayout::Entry& entry) {
  const std::string text = entry.descriptor.empty() ? descriptor_of(entry).dump() : entry.descriptor;
  return index_.append((std::exchange(is_empty_, false) ? "" : ",") + text);
}

Result<> LayoutWriter::end() {
  for (const char* below : {"blobs/sha256", "blobs/sha512", "blobs", "."}) {
    if (auto synced = disk_.sync_directory(folder_ / below); !synced) return synced;
  }
  if (auto written = write_small_file(disk_, folder_ / kMarkerName, kMarker); !written) return written;
  if (auto written = index_.append("]}"); !written) return written;
  return index_.place();
}

// --- names

std::string folder_name(std::string_view component) {
  return (is_layouts_own(component) ? "@" : "") + std::string(component);
}

std::string component_of(std::string_view folder) {
  const bool is_escaped = folder.starts_with('@') && is_layouts_own(folder.substr(1));
  return std::string(is_escaped ? folder.substr(1) : folder);
}

std::filesystem::path layout_folder(const std::string& repository) {
  std::filesystem::path folder;
  for (const auto& component : std::filesystem::path(repository)) folder /= folder_name(component.string());
  return folder;
}

}  // namespace breakwater::routes
