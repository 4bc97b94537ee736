#include "store/files/folder_format.h"

#include <array>
#include <charconv>
#include <random>
#include <string_view>

namespace breakwater::store {
namespace {

constexpr size_t kFormatBytesMax = 4096;
constexpr size_t kIdBytes = 32;  // hexadecimal digits

std::filesystem::path path_in(const std::filesystem::path& data) { return data / "format"; }

tl::unexpected<Error> refused(const std::filesystem::path& data, const std::string& why) {
  return failure(Error::Kind::conflict, path_in(data).string() + ": " + why);
}

// What stands behind `word` and a space at the begin of a line; empty if no line begins so.
std::string_view value_of(std::string_view text, std::string_view word) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(word) && line.size() > word.size() && line[word.size()] == ' ')
      return line.substr(word.size() + 1);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return {};
}

bool is_id(std::string_view text) {
  return text.size() == kIdBytes && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

Result<std::optional<std::string>> read_folder_id(Disk& disk, const std::filesystem::path& data) {
  const auto found = disk.stat(path_in(data));
  if (!found && found.error().kind == Error::Kind::not_found) return std::nullopt;
  if (!found) return failure(found.error());
  const auto file = disk.open(path_in(data));
  if (!file) return failure(file.error());
  std::string text(kFormatBytesMax, '\0');
  const auto got = disk.read(**file, 0, text);
  if (!got) return failure(got.error());
  text.resize(*got);
  const std::string_view number = value_of(text, "version"), id = value_of(text, "id");
  unsigned version = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), version);
  const bool is_number = error == std::errc() && end == number.data() + number.size();
  if (is_number && version > kFolderVersion) {
    return refused(data, "this folder was written by a newer version of breakwater (format " +
                             std::to_string(version) + "; this one reads up to " +
                             std::to_string(kFolderVersion) +
                             "): start that version, or restore a backup that this one has written");
  }
  if (!is_number || !is_id(id)) {
    return refused(data,
                   "it does not say which folder this is: restore it from a backup of this folder, or "
                   "remove it, and the next start makes a new one");
  }
  return std::string(id);
}

Result<> write_folder_id(Disk& disk, const std::filesystem::path& data, const std::string& id) {
  const std::string text = "version " + std::to_string(kFolderVersion) + "\nid " + id + "\n";
  std::filesystem::path beside = path_in(data);
  beside += ".new";
  const auto file = disk.open_for_writing(beside);
  if (!file) return failure(file.error());
  if (auto cut = disk.truncate(**file, 0); !cut) return cut;
  if (auto written = disk.write(**file, 0, text); !written) return written;
  if (auto synced = disk.sync(**file); !synced) return synced;
  if (auto renamed = disk.rename(beside, path_in(data)); !renamed) return renamed;
  return disk.sync_directory(data);
}

std::string new_folder_id() {
  std::random_device random;
  std::string id;
  while (id.size() < kIdBytes) id += "0123456789abcdef"[random() & 15];
  return id;
}

}  // namespace breakwater::store
