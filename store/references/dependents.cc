#include "store/references/dependents.h"

#include <string>
#include <utility>

#include "store/references/pins.h"

namespace breakwater::store {
namespace {

constexpr size_t kTagsAtOnce = 64;
// What the fallback of the referrers API stores under a tag.
constexpr char kImageIndex[] = "application/vnd.oci.image.index.v1+json";

// `subject`: of the manifest that the tag names.
Result<JudgedTag> judge_by(const Catalog& catalog, const RepositoryKey& repository, NamedTag tag,
                           const std::optional<Digest>& subject) {
  const auto by_name = named_subject(catalog, repository, tag.tag);
  if (!by_name) return failure(by_name.error());
  if (*by_name) return JudgedTag{std::move(tag), true, *by_name};
  const auto named = subject_of_tag(tag.tag);
  const bool is_sure = named && (named->has_suffix || tag.record.media_type == kImageIndex);
  if (is_sure || !subject) return JudgedTag{std::move(tag), is_sure};
  const auto held = catalog.manifest(repository, *subject, Reach::disk);
  if (!held) return failure(held.error());
  return JudgedTag{std::move(tag), true, *held ? subject : std::nullopt};
}

}  // namespace

Result<std::optional<Digest>> named_subject(const Catalog& catalog, const RepositoryKey& repository,
                                            const std::string& tag) {
  const auto named = subject_of_tag(tag);
  if (!named) return std::nullopt;
  return catalog.manifest_beginning(repository, named->algorithm, named->hex);
}

Result<JudgedTag> judge(const Catalog& catalog, const RepositoryKey& repository, NamedTag tag) {
  const auto manifest = catalog.manifest(repository, tag.record.digest, Reach::disk);
  if (!manifest) return failure(manifest.error());
  const auto subject = *manifest ? (*manifest)->subject : std::nullopt;
  return judge_by(catalog, repository, std::move(tag), subject);
}

Result<std::vector<JudgedTag>> judged_tags(const Catalog& catalog, const Pins& pins,
                                           const RepositoryKey& repository, const RetentionPolicy& policy) {
  std::vector<JudgedTag> judged;
  if (!lets_any_go(policy)) return judged;
  auto tags = catalog.tags(repository, "", SIZE_MAX);
  if (!tags) return failure(tags.error());
  // Read at once: to read each tag's manifest would take longer than all else.
  const auto subjects = catalog.subjects_in(repository);
  if (!subjects) return failure(subjects.error());
  judged.reserve(tags->size());
  for (NamedTag& tag : *tags) {
    if (pins.covers_tag(repository, tag.tag)) continue;
    const auto found = subjects->find(tag.record.digest);
    auto one = judge_by(catalog, repository, std::move(tag),
                        found == subjects->end() ? std::nullopt : std::optional(found->second));
    if (!one) return failure(one.error());
    judged.push_back(*std::move(one));
  }
  return judged;
}

Result<std::vector<NamedTag>> tags_belonging_to(const Catalog& catalog, const RepositoryKey& repository,
                                                const Digest& subject) {
  const std::string stem = tag_stem_of(subject);
  std::vector<NamedTag> belonging;
  const auto bare = catalog.tag(repository, stem, Reach::disk);
  if (!bare) return failure(bare.error());
  if (*bare) belonging.push_back({stem, **bare});
  // Those with a suffix stand right behind it.
  for (std::string last = stem;;) {
    auto tags = catalog.tags(repository, last, kTagsAtOnce);
    if (!tags) return failure(tags.error());
    for (NamedTag& tag : *tags) {
      last = tag.tag;
      if (!last.starts_with(stem)) return belonging;
      if (subject_of_tag(last)) belonging.push_back(std::move(tag));
    }
    if (tags->size() < kTagsAtOnce) return belonging;
  }
}

}  // namespace breakwater::store
