#include "routes/transfer/exports.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "routes/oci/manifest.h"
#include "routes/transfer/image_layout.h"
#include "routes/transfer/import_source.h"
#include "routes/transfer/small_file.h"
#include "store/blobs/manifests.h"
#include "store/blobs/parts.h"
#include "store/catalog/catalog.h"
#include "store/files/files.h"
#include "store/files/outside.h"
#include "store/references/liveness.h"
#include "store/references/manifest_content.h"
#include "store/references/retention.h"
#include "store/upkeep/transfer.h"

namespace breakwater::routes {

using store::Digest;
using store::Reach;

namespace {

constexpr size_t kPage = 1000;
constexpr size_t kPieceBytes = size_t{256} * 1024;

using Say = std::function<void(const std::string&)>;

Result<> check_stop(const std::stop_token& stop) {
  if (!stop.stop_requested()) return {};
  return failure(Error::Kind::unavailable,
                 "stopped: what was written stays, and another export goes on from there");
}

// Whether only this image is left out for the error, and the export goes on with the others.
bool is_of_image(const Error& error) {
  return error.kind == Error::Kind::corrupt || error.kind == Error::Kind::not_found ||
         error.kind == Error::Kind::unavailable || error.kind == Error::Kind::invalid ||
         error.kind == Error::Kind::storage;
}

// Makes a folder and those above it, up to `top`, which is there. A symbolic link in the way would lead the
// export to where nobody has asked it to write, so it is refused like any other file.
Result<> make_folders(store::Disk& disk, const std::filesystem::path& top,
                      const std::filesystem::path& relative) {
  std::filesystem::path folder = top;
  for (const auto& component : relative) {
    folder /= component;
    const auto found = disk.stat(folder);
    if (!found && found.error().kind != Error::Kind::not_found) return failure(found.error());
    if (found && !found->is_directory)
      return failure(Error::Kind::conflict, folder.string() + " is in the way: it is no folder");
    if (found) continue;
    if (auto made = disk.make_directories(folder); !made) return made;
  }
  return {};
}

// One repository and the layout that it is exported to.
class Layout {
 public:
  Layout(store::Store& store, store::Disk& disk, const ExportSettings& settings, const std::string& name,
         Exported& exported, const Say& say)
      : store_(store),
        disk_(disk),
        outside_{disk, settings.is_lent, settings.bytes, settings.stop},
        repository_(settings.route, name),
        is_carried_(settings.is_mirror),
        folder_(settings.to / layout_folder(name)),
        counts_(exported),
        say_(say) {}

  // Reads what the layout has already, before anything is written.
  Result<> begin(const std::filesystem::path& top, const std::filesystem::path& relative) {
    auto before = ImageLayout::open(disk_, folder_, [&](const std::string& entry) {
      say_("left out: " + repository_.repository + ": " + entry +
           ", an entry of the layout's index.json that names no digest");
    });
    if (!before && before.error().kind != Error::Kind::not_found) return failure(before.error());
    if (before) before_.emplace(*std::move(before));
    for (const char* algorithm : {"sha256", "sha512"}) {
      auto made = make_folders(disk_, top, relative / "blobs" / algorithm);
      if (!made) return made;
    }
    auto writer = LayoutWriter::begin(disk_, folder_);
    if (!writer) return failure(writer.error());
    writer_.emplace(*std::move(writer));
    return {};
  }

  // Each with what refers to it.
  Result<> export_tags() {
    for (std::string last;;) {
      const auto tags = store_.catalog().tags(repository_, last, kPage);
      if (!tags) return failure(tags.error());
      for (const auto& tag : *tags) {
        auto done = export_image(tag.record.digest, tag.record.media_type, tag.tag, tag.record.set_at);
        if (auto goes_on = check_stop(outside_.stop); !goes_on) return goes_on;
        if (!done && !is_of_image(done.error())) return done;
        ++(done ? counts_.tags : counts_.tags_skipped);
        if (!done) say_("skipped: " + repository_.repository + ":" + tag.tag + ": " + done.error().message);
        if (auto referring = export_referrers(); !referring) return referring;
      }
      if (tags->size() < kPage) return {};
      last = tags->back().tag;
    }
  }

  // Ends index.json. Entries that the layout had stay in it: those with other names, and those of tags that
  // could not be exported.
  Result<> end() {
    const auto keep = [&](const ImageLayout::Entry& entry) { return keep_entry(entry); };
    if (auto kept = before_ ? before_->each_entry(keep) : Result<>(); !kept) return kept;
    return writer_->end();
  }

 private:
  // Of the manifests that were exported since the last call, and of these referrers in turn.
  Result<> export_referrers() {
    while (!new_manifests_.empty()) {
      const Digest subject = new_manifests_.back();
      new_manifests_.pop_back();
      for (std::optional<Digest> last;;) {
        const auto referrers = store_.catalog().referrer_digests(repository_, subject, last, kPage);
        if (!referrers) return failure(referrers.error());
        for (const Digest& referrer : *referrers) {
          if (auto done = export_referrer(referrer); !done) return done;
        }
        if (referrers->size() < kPage) break;
        last = referrers->back();
      }
    }
    return {};
  }

  Result<> export_referrer(const Digest& digest) {
    if (exported_.contains(digest)) return {};
    const auto tags = store_.catalog().tags_of(repository_, digest);
    if (!tags) return failure(tags.error());
    if (!tags->empty()) return {};  // it comes, or came, by its tag
    auto done = export_image(digest, "", "", std::nullopt);
    if (!done && !is_of_image(done.error())) return done;
    ++(done ? counts_.referrers : counts_.referrers_skipped);
    if (!done) say_("skipped: " + repository_.repository + "@" + digest.text() + ": " + done.error().message);
    return {};
  }

  Result<> keep_entry(const ImageLayout::Entry& entry) {
    const auto tag = store_.catalog().tag(repository_, entry.name, Reach::disk);
    if (!tag) return failure(tag.error());
    const bool is_ours = !entry.name.empty() && *tag;
    const bool is_replaced =
        is_ours ? exported_.contains((*tag)->digest) : entry.name.empty() && exported_.contains(entry.digest);
    if (is_replaced || !is_whole(entry.digest, entry.media_type, 0)) return {};
    if (is_ours) {
      say_("kept: " + repository_.repository + ":" + entry.name + ": the layout had it already, as " +
           entry.digest.text());
    }
    return writer_->add(entry);
  }

  // Whether the layout has all of an image. Sizes are enough, except for blobs that the store could not
  // export: the layout's file may be the same damaged file. A blob that is not a manifest counts as complete.
  bool is_whole(const Digest& digest, const std::string& media_type, int level) {
    if (exported_.contains(digest)) return true;
    const auto bytes = read_small_file(disk_, ImageLayout::blob_file(folder_, digest), kManifestBytesMax);
    if (!bytes || store::digest_of(digest.algorithm(), *bytes) != digest || level > store::kManifestLevelsMax)
      return false;
    const auto manifest = read_as(*bytes, media_type, digest);
    if (!manifest) return true;
    return std::all_of(manifest->content.children.begin(), manifest->content.children.end(),
                       [&](const store::ManifestContent::Child& child) {
                         if (is_manifest_of(*before_, child))
                           return is_whole(child.digest, type_of(*before_, child), level + 1);
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

  // As `media_type`, or as the type that its record has if that is "".
  Result<> export_image(const Digest& digest, const std::string& media_type, const std::string& name,
                        std::optional<store::Time> set_at) {
    const auto record = store_.catalog().manifest(repository_, digest, Reach::disk);
    if (!record) return failure(record.error());
    if (!*record) return failure(Error::Kind::not_found, digest.text() + " is not here");
    if (auto done = export_manifest(digest, (*record)->media_type, 0); !done) return done;
    return writer_->add({digest, media_type.empty() ? (*record)->media_type : media_type, (*record)->size,
                         name, (*record)->subject ? (*record)->artifact_type : std::string(), set_at});
  }

  // Exports the children first, so that a manifest is in the layout only if everything that it needs is.
  Result<> export_manifest(const Digest& digest, const std::string& media_type, int level) {
    if (level > store::kManifestLevelsMax) {
      return failure(Error::Kind::invalid,
                     "there are more than " + std::to_string(store::kManifestLevelsMax) + " levels below it");
    }
    if (exported_.contains(digest)) return {};
    const auto bytes = store_.manifests().bytes(repository_, digest);
    if (!bytes) return failure(bytes.error());
    const auto manifest = is_carried_ ? Result<Manifest>(read_carried_manifest(*bytes, media_type, digest))
                                      : read_manifest(*bytes, media_type, digest);
    if (!manifest) return failure(manifest.error());
    if (!is_carried_ && !manifest->content.contradiction.empty())
      return failure(Error::Kind::invalid, manifest->content.contradiction);
    for (const auto& child : manifest->content.children) {
      if (auto done = export_child(child, level + 1); !done) return done;
    }
    for (const auto& child : manifest->content.foreign) {
      if (auto done = export_foreign(child, level + 1); !done) return done;
    }
    if (auto done = export_blob(digest); !done) return done;
    new_manifests_.push_back(digest);
    return {};
  }

  // What is a manifest here is one there, whatever its parent says of it.
  Result<> export_child(const store::ManifestContent::Child& child, int level) {
    if (auto right = is_carried_ ? Result<>() : check_size(child); !right) return right;
    const auto record = store_.catalog().manifest(repository_, child.digest, Reach::disk);
    if (!record) return failure(record.error());
    if (!*record && child.edge.is_manifest) {
      return failure(Error::Kind::not_found,
                     child.digest.text() + " is no manifest of " + repository_.repository);
    }
    if (!*record) return export_blob(child.digest);
    if (auto done = export_manifest(child.digest, (*record)->media_type, level); !done) return done;
    return add_part(child, **record);
  }

  // An entry for a child of which its parent does not tell that it is a manifest, or of which type.
  Result<> add_part(const store::ManifestContent::Child& child, const store::ManifestRecord& record) {
    if (!parts_.insert(child.digest).second) return {};
    const auto bytes = store_.manifests().bytes(repository_, child.digest);
    if (!bytes) return failure(bytes.error());
    const auto read = read_as(*bytes, child.edge.media_type, child.digest);
    const bool is_told =
        child.edge.is_manifest && read && read->content.record.media_type == record.media_type;
    if (is_told) return {};
    return writer_->add({child.digest, record.media_type, record.size, "", "", {}, true});
  }

  Result<> check_size(const store::ManifestContent::Child& child) {
    const auto blob = store_.catalog().blob(child.digest, Reach::disk);
    if (!blob) return failure(blob.error());
    return *blob ? store::check_size(child, (*blob)->size) : Result<>();
  }

  // Exports a foreign layer if it is here. It may be a manifest too, of one that is opaque to us.
  Result<> export_foreign(const store::ManifestContent::Child& child, int level) {
    const auto here = store_.catalog().parent_in(child.digest, repository_, Reach::disk);
    if (!here) return failure(here.error());
    if (!*here) return {};
    const auto record = store_.catalog().manifest(repository_, child.digest, Reach::disk);
    if (!record) return failure(record.error());
    auto done =
        *record ? export_manifest(child.digest, (*record)->media_type, level) : export_blob(child.digest);
    if (done && *record) done = add_part(child, **record);
    if (!done && done.error().kind == Error::Kind::not_found) return {};
    return done;
  }

  Result<> export_blob(const Digest& digest) {
    if (exported_.contains(digest)) return {};
    auto done = store::export_blob(store_.parts(), store_.blobs(), digest, outside_,
                                   ImageLayout::blob_file(folder_, digest));
    (done ? exported_ : not_exported_).insert(digest);
    return done;
  }

  store::Store& store_;
  store::Disk& disk_;
  const store::Outside outside_;
  const store::RepositoryKey repository_;
  const bool is_carried_;  // not judged when it came, nor when it goes
  const std::filesystem::path folder_;
  Exported& counts_;
  const Say& say_;
  std::optional<ImageLayout> before_;  // what the layout had
  std::optional<LayoutWriter> writer_;
  std::set<Digest> not_exported_;      // the bytes in the store are missing or wrong
  std::set<Digest> exported_;          // blobs, and manifests with all that they need
  std::set<Digest> parts_;             // children that are manifests, once looked at
  std::vector<Digest> new_manifests_;  // whose referrers have not been looked for
};

Result<> check_target(store::Store& store, store::Disk& disk, const ExportSettings& settings,
                      const std::filesystem::path& folder) {
  return settings.is_lent ? Result<>() : store::check_outside(disk, store.parts().files.root(), folder);
}

Result<> export_repository(store::Store& store, store::Disk& disk, const ExportSettings& settings,
                           const std::string& name, Exported& exported, const Say& say) {
  const auto relative = layout_folder(name);
  if (auto outside = check_target(store, disk, settings, settings.to / relative); !outside) return outside;
  Layout layout(store, disk, settings, name, exported, say);
  if (auto begun = layout.begin(settings.to, relative); !begun) return begun;
  if (auto done = layout.export_tags(); !done) return done;
  return layout.end();
}

}  // namespace

Result<Exported> export_images(store::Store& store, store::Disk& disk, const ExportSettings& settings,
                               const Say& say) {
  Exported exported;
  if (auto outside = check_target(store, disk, settings, settings.to); !outside)
    return failure(outside.error());
  if (auto made = disk.make_directories(settings.to); !made) return failure(made.error());
  for (std::string last;;) {
    const auto names = store.catalog().repositories(settings.route, last, kPage);
    if (!names) return failure(names.error());
    for (const std::string& name : *names) {
      if (!store::matches_any(std::span(&settings.repositories, 1), name)) continue;
      const auto done = export_repository(store, disk, settings, name, exported, say);
      if (auto goes_on = check_stop(settings.stop); !goes_on) return failure(goes_on.error());
      if (!done && done.error().kind == Error::Kind::full) return failure(done.error());
      ++(done ? exported.repositories : exported.repositories_skipped);
      if (!done) say("not exported: " + name + ": " + done.error().message);
    }
    if (names->size() < kPage) break;
    last = names->back();
  }
  // An error if nothing matches a pattern, which is most likely a typing mistake.
  if (settings.repositories != "*" && exported.repositories + exported.repositories_skipped == 0) {
    return failure(Error::Kind::not_found,
                   settings.route + " has no repository called " + settings.repositories);
  }
  return exported;
}

}  // namespace breakwater::routes
