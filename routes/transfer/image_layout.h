// An OCI image layout: a folder with `oci-layout`, `index.json` and `blobs/<algorithm>/<hex>`, as skopeo
// (oci:), buildx and others write and read it. The format is image-layout.md of the image specification. An
// index.json may be of any length: it is read and written entry by entry. May block; any thread.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "routes/transfer/import_source.h"
#include "routes/transfer/small_file.h"
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
    // By io.breakwater.part: no image of its own, but a manifest that others name. What they say of it does
    // not tell that it is a manifest, or of which type.
    bool is_part = false;
    // The whole descriptor in the index, as JSON; "" if the entry was not read from an index.
    std::string descriptor = {};
  };
  // An error ends the reading, and is its result.
  using Each = std::function<Result<>(const Entry&)>;
  // Told of each entry without a digest: JSON, cut off if it is long.
  using Unreadable = std::function<void(const std::string& json)>;

  static bool is_there(store::Disk& disk, const std::filesystem::path& folder);
  // Reads all of index.json once. `invalid` if it cannot be understood.
  [[nodiscard]] static Result<ImageLayout> open(store::Disk& disk, const std::filesystem::path& folder,
                                                const Unreadable& unreadable);

  // Those with a digest, in their order.
  [[nodiscard]] Result<> each_entry(const Each& each) const;
  store::Time modified() const { return modified_; }  // index.json

  bool has(const store::Digest& digest) override;
  std::optional<std::string> part_type(const store::Digest& digest) const override;
  std::filesystem::path file_of(const store::Digest& digest) const override {
    return blob_file(folder_, digest);
  }
  static std::filesystem::path blob_file(const std::filesystem::path& folder, const store::Digest& digest);

 private:
  ImageLayout(store::Disk& disk, std::filesystem::path folder) : disk_(disk), folder_(std::move(folder)) {}
  Result<> read(const Each& each, const Unreadable& unreadable) const;

  store::Disk& disk_;
  std::filesystem::path folder_;
  std::map<store::Digest, std::string> parts_;  // the media types of those entries
  store::Time modified_{};
};

// Writes a layout into a folder that has blobs/sha256 and blobs/sha512. The blobs of an entry are written
// before it is added; what the folder has as index.json stays until end().
class LayoutWriter {
 public:
  [[nodiscard]] static Result<LayoutWriter> begin(store::Disk& disk, const std::filesystem::path& folder);
  [[nodiscard]] Result<> add(const ImageLayout::Entry& entry);
  [[nodiscard]] Result<> end();  // once, last

 private:
  LayoutWriter(store::Disk& disk, std::filesystem::path folder, NewFile index)
      : disk_(disk), folder_(std::move(folder)), index_(std::move(index)) {}

  store::Disk& disk_;
  std::filesystem::path folder_;
  NewFile index_;
  bool is_empty_ = true;
};

// Repositories may be nested: `coll`, and beside it `coll/index.json` or `coll/blobs`. A component that is
// called like a file of a layout gets an @ before it as a folder, which no repository's name can have.
std::filesystem::path layout_folder(const std::string& repository);  // relative
std::string component_of(std::string_view folder);                   // of a repository's name

}  // namespace breakwater::routes
