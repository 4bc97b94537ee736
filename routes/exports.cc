#include "routes/exports.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "routes/image_layout.h"
#include "routes/manifest.h"
#include "routes/small_file.h"
#include "store/retention.h"

namespace breakwater::routes {

using store::Digest;
using store::Reach;

namespace {

constexpr size_t kPage = 1000;
constexpr int kDepthMax = 16;  // of indexes in indexes

// Whether an image is to be left out for it, and the others go on.
bool is_of_image(const Error& error) {
  return error.kind == Error::Kind::corrupt || error.kind == Error::Kind::not_found || error.kind == Error::Kind::unavailable ||
         error.kind == Error::Kind::invalid;
}

// One repository on its way out.
class Layout {
 public:
  Layout(store::Store& store, store::Disk& disk, const store::RepositoryKey& repository, std::filesystem::path folder)
      : store_(store), disk_(disk), repository_(repository), folder_(std::move(folder)) {}

  Result<> give_tags(Exported& exported, const std::function<void(const std::string&)>& say) {
    for (std::string last;;) {
      const auto tags = store_.catalog().tags(repository_, last, kPage);
      if (!tags) return failure(tags.error());
      for (const auto& tag : *tags) {
        names_.insert(tag.tag);
        const auto given = give_image(tag.record.digest, tag.tag);
        if (!given && !is_of_image(given.error())) return given;
        ++(given ? exported.tags : exported.tags_skipped);
        if (!given) say("skipped: " + repository_.repository + ":" + tag.tag + ": " + given.error().message);
      }
      if (tags->size() < kPage) return {};
      last = tags->back().tag;
    }
  }

  // Of everything that was given, and of what was given for that.
  Result<> give_referrers(Exported& exported, const std::function<void(const std::string&)>& say) {
    for (size_t i = 0; i < manifests_.size(); ++i) {
      const Digest subject = manifests_[i];
      for (std::optional<Digest> last;;) {
        const auto referrers = store_.catalog().referrers(repository_, subject, last, kPage);
        if (!referrers) return failure(referrers.error());
        for (const auto& referrer : *referrers) {
          if (given_.contains(referrer.digest)) continue;
          const auto given = give_image(referrer.digest, "");
          if (!given && !is_of_image(given.error())) return given;
          if (given) ++exported.referrers;
          if (!given) say("skipped: " + repository_.repository + "@" + referrer.digest.text() + ": " + given.error().message);
        }
        if (referrers->size() < kPage) break;
        last = referrers->back().digest;
      }
    }
    return {};
  }

  // What the layout had of other names stays in it.
  Result<> write() {
    const auto others = others_there();
    if (!others) return failure(others.error());
    entries_.insert(entries_.end(), others->begin(), others->end());
    return ImageLayout::write(disk_, folder_, entries_);
  }

 private:
  Result<std::vector<ImageLayout::Entry>> others_there() {
    std::vector<ImageLayout::Entry> others;
    auto layout = ImageLayout::read(disk_, folder_);
    if (!layout && !is_of_image(layout.error())) return failure(layout.error());
    for (const auto& entry : layout ? layout->entries() : others) {
      const bool is_ours = names_.contains(entry.name) || (entry.name.empty() && given_.contains(entry.digest));
      if (!is_ours && is_whole(entry.digest, 0)) others.push_back(entry);
    }
    return others;
  }

  // As far as sizes tell. What no manifest is whole by itself.
  bool is_whole(const Digest& digest, int depth) {
    if (given_.contains(digest)) return true;
    const auto bytes = read_small_file(disk_, ImageLayout::blob_file(folder_, digest), kManifestBytesMax);
    if (!bytes || store::digest_of(digest.algorithm(), *bytes) != digest || depth > kDepthMax) return false;
    const auto manifest = read_manifest(*bytes, "", digest);
    if (!manifest) return true;
    return std::all_of(manifest->content.children.begin(), manifest->content.children.end(), [&](const store::ManifestContent::Child& child) {
      if (child.edge.is_manifest) return is_whole(child.digest, depth + 1);
      const auto found = disk_.stat_target(ImageLayout::blob_file(folder_, child.digest));
      return found && found->size == child.edge.size;
    });
  }

  Result<> give_image(const Digest& digest, const std::string& name) {
    const auto record = store_.catalog().manifest(repository_, digest, Reach::disk);
    if (!record) return failure(record.error());
    if (!*record) return failure(Error::Kind::not_found, digest.text() + " is not here");
    if (auto given = give_manifest(digest, (*record)->media_type); !given) return given;
    entries_.push_back({digest, (*record)->media_type, (*record)->size, name, (*record)->subject ? (*record)->artifact_type : std::string()});
    return {};
  }

  // Children first: the manifest is there only if all of it is.
  Result<> give_manifest(const Digest& digest, const std::string& media_type) {
    if (given_.contains(digest)) return {};
    const auto bytes = store_.manifest_bytes(repository_, digest);
    if (!bytes) return failure(bytes.error());
    const auto manifest = read_manifest(*bytes, media_type, digest);
    if (!manifest) return failure(manifest.error());
    for (const auto& child : manifest->content.children) {
      const auto given = child.edge.is_manifest ? give_manifest(child.digest, child.edge.media_type) : give_blob(child.digest);
      if (!given) return given;
    }
    for (const auto& child : manifest->content.welcome) {
      if (auto given = give_welcome(child); !given) return given;
    }
    if (auto given = give_blob(digest); !given) return given;
    manifests_.push_back(digest);
    return {};
  }

  // What need not be there goes along if it is.
  Result<> give_welcome(const store::ManifestContent::Child& child) {
    const auto here = store_.catalog().parent_in(child.digest, repository_, Reach::disk);
    if (!here) return failure(here.error());
    auto given = *here ? give_blob(child.digest) : Result<>();
    if (!given && given.error().kind == Error::Kind::not_found) return {};
    return given;
  }

  Result<> give_blob(const Digest& digest) {
    if (given_.contains(digest)) return {};
    if (auto given = store_.give_blob(digest, ImageLayout::blob_file(folder_, digest)); !given) return given;
    given_.insert(digest);
    return {};
  }

  store::Store& store_;
  store::Disk& disk_;
  const store::RepositoryKey repository_;
  const std::filesystem::path folder_;
  std::set<std::string> names_;  // of tags, given or not
  std::set<Digest> given_;
  std::vector<Digest> manifests_;  // of those
  std::vector<ImageLayout::Entry> entries_;
};

}  // namespace

Result<Exported> export_images(store::Store& store, store::Disk& disk, const ExportSettings& settings, const std::function<void(const std::string&)>& say) {
  Exported exported;
  for (std::string last;;) {
    const auto names = store.catalog().repositories(settings.route, last, kPage);
    if (!names) return failure(names.error());
    for (const std::string& name : *names) {
      if (!store::matches_any(std::span(&settings.repositories, 1), name)) continue;
      const auto folder = settings.to / name;
      if (auto made = ImageLayout::prepare(disk, folder); !made) return failure(made.error());
      Layout layout(store, disk, {settings.route, name}, folder);
      if (auto given = layout.give_tags(exported, say); !given) return failure(given.error());
      if (auto given = layout.give_referrers(exported, say); !given) return failure(given.error());
      if (auto written = layout.write(); !written) return failure(written.error());
      ++exported.repositories;
    }
    if (names->size() < kPage) break;
    last = names->back();
  }
  // Whoever asks for what is not there has most likely mistyped.
  if (settings.repositories != "*" && exported.repositories == 0) {
    return failure(Error::Kind::not_found, settings.route + " has no repository called " + settings.repositories);
  }
  return exported;
}

}  // namespace breakwater::routes
