#include "routes/transfer/exports.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "routes/oci/manifest.h"
#include "routes/transfer/image_layout.h"
#include "routes/transfer/small_file.h"
#include "store/blobs/manifests.h"
#include "store/catalog/catalog.h"
#include "store/references/manifest_content.h"
#include "store/references/retention.h"

namespace breakwater::routes {

using store::Digest;
using store::Reach;

namespace {

constexpr size_t kPage = 1000;
constexpr int kDepthMax = 16;  // levels of nested indexes
constexpr size_t kPieceBytes = size_t{256} * 1024;

// Whether only this image is left out for the error, and the export goes on with the others.
bool is_of_image(const Error& error) {
  return error.kind == Error::Kind::corrupt || error.kind == Error::Kind::not_found ||
         error.kind == Error::Kind::unavailable || error.kind == Error::Kind::invalid;
}

// One repository and the layout that it is exported to.
class Layout {
 public:
  Layout(store::Store& store, store::Disk& disk, const store::RepositoryKey& repository,
         std::filesystem::path folder)
      : store_(store), disk_(disk), repository_(repository), folder_(std::move(folder)) {}

  // Reads what the layout has already, before anything is written.
  Result<> begin(const std::function<void(const std::string&)>& say) {
    const auto layout = ImageLayout::read(disk_, folder_);
    if (!layout && layout.error().kind != Error::Kind::not_found) {
      return failure(layout.error().kind,
                     "nothing is exported to " + folder_.string() + ": " + layout.error().message);
    }
    if (layout) before_ = layout->entries();
    for (const std::string& entry : layout ? layout->unreadable() : std::vector<std::string>()) {
      say("left out: " + repository_.repository + ": " + entry +
          ", an entry of the layout's index.json that names no digest");
    }
    return ImageLayout::prepare(disk_, folder_);
  }

  Result<> export_tags(Exported& exported, const std::function<void(const std::string&)>& say) {
    for (std::string last;;) {
      const auto tags = store_.catalog().tags(repository_, last, kPage);
      if (!tags) return failure(tags.error());
      for (const auto& tag : *tags) {
        const auto done = export_image(tag.record.digest, tag.tag, tag.record.set_at);
        if (!done && !is_of_image(done.error())) return done;
        ++(done ? exported.tags : exported.tags_skipped);
        (done ? exported_tags_ : skipped_tags_).insert(tag.tag);
        if (!done) say("skipped: " + repository_.repository + ":" + tag.tag + ": " + done.error().message);
      }
      if (tags->size() < kPage) return {};
      last = tags->back().tag;
    }
  }

  // Exports the referrers of every exported manifest, including those of exported referrers.
  Result<> export_referrers(Exported& exported, const std::function<void(const std::string&)>& say) {
    for (size_t i = 0; i < manifests_.size(); ++i) {
      const Digest subject = manifests_[i];
      for (std::optional<Digest> last;;) {
        const auto referrers = store_.catalog().referrers(repository_, subject, last, kPage);
        if (!referrers) return failure(referrers.error());
        for (const auto& referrer : *referrers) {
          if (exported_.contains(referrer.digest)) continue;
          const auto done = export_image(referrer.digest, "", std::nullopt);
          if (!done && !is_of_image(done.error())) return done;
          if (done) ++exported.referrers;
          if (!done)
            say("skipped: " + repository_.repository + "@" + referrer.digest.text() + ": " +
                done.error().message);
        }
        if (referrers->size() < kPage) break;
        last = referrers->back().digest;
      }
    }
    return {};
  }

  // Writes index.json. Entries that the layout had stay in it: those with other names, and those of tags that
  // could not be exported.
  Result<> write(const std::function<void(const std::string&)>& say) {
    for (const auto& entry : before_) {
      const bool is_replaced =
          exported_tags_.contains(entry.name) || (entry.name.empty() && exported_.contains(entry.digest));
      if (is_replaced || !is_whole(entry.digest, 0)) continue;
      entries_.push_back(entry);
      if (!skipped_tags_.contains(entry.name)) continue;
      say("kept: " + repository_.repository + ":" + entry.name + ": the layout had it already, as " +
          entry.digest.text());
    }
    return ImageLayout::write(disk_, folder_, entries_);
  }

 private:
  // Whether the layout has all of an image. Sizes are enough, except for blobs that the store could not
  // export: the layout's file may be the same damaged file. A blob that is not a manifest counts as complete.
  bool is_whole(const Digest& digest, int depth) {
    if (exported_.contains(digest)) return true;
    const auto bytes = read_small_file(disk_, ImageLayout::blob_file(folder_, digest), kManifestBytesMax);
    if (!bytes || store::digest_of(digest.algorithm(), *bytes) != digest || depth > kDepthMax) return false;
    const auto manifest = read_manifest(*bytes, "", digest);
    if (!manifest) return true;
    return std::all_of(manifest->content.children.begin(), manifest->content.children.end(),
                       [&](const store::ManifestContent::Child& child) {
                         if (child.edge.is_manifest) return is_whole(child.digest, depth + 1);
                         const auto found = disk_.stat_target(ImageLayout::blob_file(folder_, child.digest));
                         return found && found->size == child.edge.size &&
                                (!not_exported_.contains(child.digest) || is_content(child.digest));
                       });
  }

  // Whether the layout's file for `digest` has the bytes of that digest.
  bool is_content(const Digest& digest) {
    const auto file = disk_.open(ImageLayout::blob_file(folder_, digest));
    if (!file) return false;
    store::Hasher hasher(digest.algorithm());
    std::vector<char> piece(kPieceBytes);
    for (uint64_t offset = 0;;) {
      const auto got = disk_.read(**file, offset, piece);
      if (!got) return false;
      hasher.update(std::span<const char>(piece.data(), *got));
      if (*got < piece.size()) return hasher.finish() == digest;
      offset += *got;
    }
  }

  Result<> export_image(const Digest& digest, const std::string& name, std::optional<store::Time> set_at) {
    const auto record = store_.catalog().manifest(repository_, digest, Reach::disk);
    if (!record) return failure(record.error());
    if (!*record) return failure(Error::Kind::not_found, digest.text() + " is not here");
    if (auto done = export_manifest(digest, (*record)->media_type); !done) return done;
    entries_.push_back({digest, (*record)->media_type, (*record)->size, name,
                        (*record)->subject ? (*record)->artifact_type : std::string(), set_at});
    return {};
  }

  // Exports the children first, so that a manifest is in the layout only if everything that it needs is.
  Result<> export_manifest(const Digest& digest, const std::string& media_type) {
    if (exported_.contains(digest)) return {};
    const auto bytes = store_.manifests().bytes(repository_, digest);
    if (!bytes) return failure(bytes.error());
    const auto manifest = read_manifest(*bytes, media_type, digest);
    if (!manifest) return failure(manifest.error());
    for (const auto& child : manifest->content.children) {
      const auto done = child.edge.is_manifest ? export_manifest(child.digest, child.edge.media_type)
                                               : export_blob(child.digest);
      if (!done) return done;
    }
    for (const auto& child : manifest->content.foreign) {
      if (auto done = export_foreign(child); !done) return done;
    }
    if (auto done = export_blob(digest); !done) return done;
    manifests_.push_back(digest);
    return {};
  }

  // Exports a foreign layer if it is here.
  Result<> export_foreign(const store::ManifestContent::Child& child) {
    const auto here = store_.catalog().parent_in(child.digest, repository_, Reach::disk);
    if (!here) return failure(here.error());
    auto done = *here ? export_blob(child.digest) : Result<>();
    if (!done && done.error().kind == Error::Kind::not_found) return {};
    return done;
  }

  Result<> export_blob(const Digest& digest) {
    if (exported_.contains(digest)) return {};
    auto done = store_.export_blob(digest, ImageLayout::blob_file(folder_, digest));
    (done ? exported_ : not_exported_).insert(digest);
    return done;
  }

  store::Store& store_;
  store::Disk& disk_;
  const store::RepositoryKey repository_;
  const std::filesystem::path folder_;
  std::vector<ImageLayout::Entry> before_;  // what the layout had
  std::set<std::string> exported_tags_;
  std::set<std::string> skipped_tags_;
  std::set<Digest> not_exported_;  // the bytes in the store are missing or wrong
  std::set<Digest> exported_;
  std::vector<Digest> manifests_;  // those of exported_ that are manifests
  std::vector<ImageLayout::Entry> entries_;
};

}  // namespace

Result<Exported> export_images(store::Store& store, store::Disk& disk, const ExportSettings& settings,
                               const std::function<void(const std::string&)>& say) {
  Exported exported;
  for (std::string last;;) {
    const auto names = store.catalog().repositories(settings.route, last, kPage);
    if (!names) return failure(names.error());
    for (const std::string& name : *names) {
      if (!store::matches_any(std::span(&settings.repositories, 1), name)) continue;
      const auto folder = settings.to / name;
      Layout layout(store, disk, {settings.route, name}, folder);
      if (auto begun = layout.begin(say); !begun) return failure(begun.error());
      if (auto done = layout.export_tags(exported, say); !done) return failure(done.error());
      if (auto done = layout.export_referrers(exported, say); !done) return failure(done.error());
      if (auto written = layout.write(say); !written) return failure(written.error());
      ++exported.repositories;
    }
    if (names->size() < kPage) break;
    last = names->back();
  }
  // An error if nothing matches a pattern, which is most likely a typing mistake.
  if (settings.repositories != "*" && exported.repositories == 0) {
    return failure(Error::Kind::not_found,
                   settings.route + " has no repository called " + settings.repositories);
  }
  return exported;
}

}  // namespace breakwater::routes
