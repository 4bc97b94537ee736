// An OCI image layout: a folder with `oci-layout`, `index.json` and `blobs/<algorithm>/<hex>`, as skopeo
// (oci:), buildx and others write and read it. The format is image-layout.md of the image specification. May
// block; any thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "routes/transfer/import_source.h"
#include "store/base/disk.h"

namespace breakwater::routes {

class ImageLayout final : public ImportSource {
 public:
  struct Entry {
    store::Digest digest;
    std::string media_type;
    std::optional<uint64_t> size;  // the manifest's size, as the index says
    std::string name;              // org.opencontainers.image.ref.name; "" if it has none
    std::string artifact_type;     // "" if it has none
    // When the tag was set, by io.breakwater.tag.set-at; empty if that is absent or malformed.
    std::optional<store::Time> set_at = {};
    // The whole descriptor in the index, as JSON; "" if the entry was not read from an index.
    std::string descriptor = {};
  };

  static bool is_there(store::Disk& disk, const std::filesystem::path& folder);
  // `invalid` if index.json cannot be understood. Entries without a digest go to unreadable().
  [[nodiscard]] static Result<ImageLayout> read(store::Disk& disk, const std::filesystem::path& folder);

  const std::vector<Entry>& entries() const { return entries_; }
  const std::vector<std::string>& unreadable() const { return unreadable_; }  // JSON, cut off if long
  store::Time modified() const { return modified_; }

  bool has(const store::Digest& digest) override;
  std::filesystem::path file_of(const store::Digest& digest) const override {
    return blob_file(folder_, digest);
  }

  // --- writing. Call prepare(), then write the blobs, then call write() with what names them.
  [[nodiscard]] static Result<> prepare(store::Disk& disk, const std::filesystem::path& folder);
  static std::filesystem::path blob_file(const std::filesystem::path& folder, const store::Digest& digest);
  [[nodiscard]] static Result<> write(store::Disk& disk, const std::filesystem::path& folder,
                                      const std::vector<Entry>& entries);

 private:
  ImageLayout(store::Disk& disk, std::filesystem::path folder) : disk_(disk), folder_(std::move(folder)) {}

  store::Disk& disk_;
  std::filesystem::path folder_;
  std::vector<Entry> entries_;
  std::vector<std::string> unreadable_;
  store::Time modified_{};
};

}  // namespace breakwater::routes
