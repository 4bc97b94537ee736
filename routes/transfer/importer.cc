#include "routes/transfer/importer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "routes/oci/manifest.h"
#include "routes/transfer/import_survey.h"
#include "store/blobs/blobs.h"
#include "store/blobs/manifests.h"
#include "store/blobs/parts.h"
#include "store/catalog/catalog.h"
#include "store/references/references.h"
#include "store/references/route_rules.h"

namespace breakwater::routes {

using store::Digest;
using store::Reach;

namespace {

constexpr size_t kImportsPerMeasurement = 256;

// Whether the error is about the source's content, rather than about our own store.
bool is_of_source(const Error& error) {
  return error.kind == Error::Kind::corrupt || error.kind == Error::Kind::not_found ||
         error.kind == Error::Kind::unavailable;
}

}  // namespace

// --- tags

Result<> Importer::import_tag(ImportSource& source, const Repository& repository, const Tag& tag) {
  const Digest& digest = tag.manifest.digest;
  const std::string image = repository.repository + ":" + tag.name;
  findings_.needed.insert(digest);
  const auto known = store_.catalog().tag(repository, tag.name, Reach::disk);
  if (!known) return failure(known.error());
  const bool is_set = *known && (*known)->digest == digest;
  if (is_set) {
    const auto whole = is_whole_here(repository, digest);
    if (!whole) return failure(whole.error());
    if (*whole) ++findings_.report.counts.tags_here;
    if (*whole) return {};
  }
  if (*known && !is_set && store::is_immutable(store_.rules().policy_for(repository), tag.name)) {
    ++findings_.report.counts.tags_skipped;
    findings_.report.skipped(image, "the tag here names another image, and is immutable");
    return {};
  }
  if (*known && !is_set && tag.age == Age::unknown) {
    ++findings_.report.counts.tags_ageless;
    findings_.report.skipped(image,
                             "nothing says when it was set there, and the tag here names another image");
    return {};
  }
  if (*known && !is_set && (*known)->set_at >= tag.set_at) {
    findings_.report.kept(image);
    return {};
  }
  auto imported = import_image(source, repository, tag.manifest);
  if (imported && *imported && !is_set && !parts_.is_dry) {
    const auto set = set_tag(repository, tag, *known);
    if (!set) return failure(set.error());
    if (!*set) findings_.report.kept(image);
    if (!*set) return {};
  }
  if (!imported) return failure(imported.error());
  if (*imported) {
    ++(is_set ? findings_.report.counts.tags_mended : findings_.report.counts.tags);
    return {};
  }
  ++findings_.report.counts.tags_skipped;
  findings_.report.skipped(image, why_);
  return {};
}

// The media type of a manifest that is here, for a tag: the source may call it differently than it was when
// it came first.
Result<std::string> Importer::type_here(const Repository& repository, const Named& manifest) {
  const auto record = store_.catalog().manifest(repository, manifest.digest, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record) {
    return failure(Error::Kind::internal,
                   "the manifest " + manifest.digest.text() + " went while its tag was set");
  }
  if (manifest.media_type.empty() || manifest.media_type == (*record)->media_type)
    return (*record)->media_type;
  const auto bytes = store_.manifests().bytes(repository, manifest.digest);
  if (!bytes) return failure(bytes.error());
  const auto read = read_as(*bytes, manifest.media_type, manifest.digest);
  return read ? read->content.record.media_type : (*record)->media_type;
}

// The tag gets the time at which it was set at its source, because retention goes by that time. False if a
// client has pushed or deleted the tag meanwhile: that is newer.
Result<bool> Importer::set_tag(const Repository& repository, const Tag& tag,
                               const std::optional<store::TagRecord>& before) {
  auto media_type = type_here(repository, tag.manifest);
  if (!media_type) return failure(media_type.error());
  const store::Time when = std::min(tag.set_at, clock_.wall());
  const store::TagRecord record{tag.manifest.digest, *std::move(media_type), when, when};
  auto set = store_.references().take_tag(repository, tag.name, record, before);
  if (set && *set && parts_.tag_set) parts_.tag_set(repository, tag.name, record);
  return set;
}

// --- images

Result<bool> Importer::is_here(const Repository& repository, const Digest& digest) {
  if (parts_.is_dry && repository == whole_in_ && whole_.contains(digest)) return true;
  const auto known = store_.catalog().manifest(repository, digest, Reach::disk);
  if (!known) return failure(known.error());
  return known->has_value();
}

// Whether the manifest is here with everything that it needs, so that lost content is imported again.
// Contents are not read; that is the scrub's task.
Result<bool> Importer::is_whole_here(const Repository& repository, const Digest& digest, int level) {
  if (whole_in_ != repository) whole_.clear();
  whole_in_ = repository;
  if (whole_.contains(digest)) return true;
  auto known = is_here(repository, digest);
  if (!known || !*known) return known;
  const auto children = store_.catalog().children(repository, digest);
  if (!children) return failure(children.error());
  findings_.needed.insert(digest);
  bool is_whole = true;
  for (const Digest& child : *children) {
    findings_.needed.insert(child);
    const auto here = is_child_here(repository, digest, child, level + 1);
    if (!here) return here;
    is_whole = is_whole && *here;
  }
  if (!is_whole) return false;
  auto here = has_file(digest);
  if (here && *here) whole_.insert(digest);
  return here;
}

Result<bool> Importer::is_child_here(const Repository& repository, const Digest& parent, const Digest& child,
                                     int level) {
  auto manifest = is_here(repository, child);
  if (!manifest) return manifest;
  if (*manifest && level <= store::kManifestLevelsMax) return is_whole_here(repository, child, level);
  const auto edge = store_.catalog().edge(child, repository, parent);
  if (!edge) return failure(edge.error());
  // What is needed as a manifest and is here as a blob only is not all there.
  if (!*manifest && *edge && (*edge)->is_manifest) return false;
  return has_file(child);
}

// Opens the blob, because that shows whether its file was cut off.
Result<bool> Importer::has_file(const Digest& digest) {
  const auto blob = store_.blobs().open(digest);
  if (blob) return true;
  const bool is_gone =
      blob.error().kind == Error::Kind::not_found || blob.error().kind == Error::Kind::corrupt;
  if (is_gone) return false;
  return failure(blob.error());
}

// False if the image is incomplete; that is reported then, and why_ says why.
Result<bool> Importer::import_image(ImportSource& source, const Repository& repository,
                                    const Named& manifest) {
  if (auto goes_on = parts_.check_stop(); !goes_on) return failure(goes_on.error());
  auto here = is_whole_here(repository, manifest.digest);
  if (!here || *here) return here;
  ImportSurvey survey(disk_, source, repository, findings_);
  survey.survey(manifest.digest, manifest.media_type);
  bool is_whole = survey.is_whole();
  if (!is_whole) why_ = survey.why();
  if (parts_.is_dry) return plan_image(survey);
  for (auto one = survey.manifests().begin(); is_whole && one != survey.manifests().end(); ++one) {
    const auto imported = import_manifest(source, repository, *one);
    if (!imported) return imported;
    is_whole = *imported;
  }
  if (is_whole || survey.parts().empty()) return is_whole;
  const std::string why = why_;
  if (auto imported = import_parts(source, repository, survey.parts()); !imported)
    return failure(imported.error());
  why_ = why;
  return false;
}

// As if it were imported, as far as that can be told before its bytes are read.
Result<bool> Importer::plan_image(const ImportSurvey& survey) {
  auto& counts = findings_.report.counts;
  const auto& planned = survey.is_whole() ? survey.manifests() : survey.parts();
  for (const Named& one : planned) {
    const bool is_new = whole_.insert(one.digest).second;
    if (is_new) ++(survey.is_whole() ? counts.manifests : counts.by_digest);
  }
  return survey.is_whole();
}

Result<> Importer::import_parts(ImportSource& source, const Repository& repository,
                                const std::vector<Named>& parts) {
  for (const Named& part : parts) {
    const auto here = is_whole_here(repository, part.digest);
    if (!here) return failure(here.error());
    if (*here) continue;
    const auto imported = import_image(source, repository, part);
    if (!imported) return failure(imported.error());
    if (*imported) ++findings_.report.counts.by_digest;
  }
  return {};
}

Result<bool> Importer::import_manifest(ImportSource& source, const Repository& repository,
                                       const Named& named) {
  const Digest& digest = named.digest;
  findings_.needed.insert(digest);
  auto here = is_whole_here(repository, digest);
  if (!here || *here) return here;
  std::string bytes;
  const auto manifest = manifest_of(disk_, source, digest, named.media_type, bytes);
  if (!manifest) return failure(manifest.error());  // an error, because the survey could read it
  for (const auto& child : manifest->content.children) {
    if (is_manifest_of(source, child)) continue;
    const auto imported = import_blob(source, repository, child.digest);
    if (!imported || !*imported) return imported;
  }
  for (const auto& child : manifest->content.foreign) {
    if (auto done = import_foreign(source, repository, digest, child); !done) return failure(done.error());
  }
  const auto missing =
      store_.manifests().push(repository, digest, bytes, manifest->content, {}, read_content);
  if (!missing && missing.error().kind == Error::Kind::invalid) {
    why_ = digest.text() + ": " + missing.error().message;
    findings_.report.damaged(Damage::unreadable, digest.text(), missing.error().message);
    return false;
  }
  if (!missing) return failure(missing.error());
  if (!missing->empty())
    return failure(Error::Kind::internal,
                   missing->front().text() + " went while " + digest.text() + " was taken over");
  ++findings_.report.counts.manifests;
  count_imported();
  if (manifest->content.record.subject) ++findings_.report.counts.referrers;
  return true;
}

// The image is complete without a foreign layer, so damage to the layer is reported and has no other effect.
Result<> Importer::import_foreign(ImportSource& source, const Repository& repository, const Digest& manifest,
                                  const store::ManifestContent::Child& child) {
  if (!source.has(child.digest)) return {};
  const auto found = disk_.stat_target(source.file_of(child.digest));
  if (!found && found.error().kind == Error::Kind::not_found) return {};
  const std::string why = std::exchange(why_, std::string());
  const auto imported = import_blob(source, repository, child.digest);
  if (!imported) return failure(imported.error());
  if (!*imported)
    findings_.report.skipped(repository.repository + "@" + child.digest.text(),
                             "a layer that " + manifest.text() + " is whole without is damaged");
  why_ = why;
  return {};
}

Result<bool> Importer::import_blob(ImportSource& source, const Repository& repository, const Digest& digest) {
  const auto imported = store::import_blob(store_.parts(), store_.blobs(), store_.capacity(), repository,
                                           digest, parts_.outside(), source.file_of(digest));
  if (auto goes_on = parts_.check_stop(); !goes_on) return failure(goes_on.error());
  if (!imported && !is_of_source(imported.error())) return failure(imported.error());
  if (!imported) {
    why_ = digest.text() + ": " + imported.error().message;
    const bool is_corrupt = imported.error().kind == Error::Kind::corrupt;
    findings_.report.damaged(is_corrupt ? Damage::corrupt_blob : Damage::unreadable, digest.text(),
                             imported.error().message);
    findings_.bad.emplace(digest, imported.error().message);
    return false;
  }
  using Taken = store::Imported;
  ++(*imported == Taken::held     ? findings_.report.counts.blobs_here
     : *imported == Taken::linked ? findings_.report.counts.blobs_linked
                                  : findings_.report.counts.blobs_copied);
  count_imported();
  return true;
}

// Measures the catalog now and then. The catalog grows with every import, and no upkeep runs beside the
// import, so else the bound would go by the size at the start.
void Importer::count_imported() {
  if (++imported_ < kImportsPerMeasurement) return;
  imported_ = 0;
  store_.measure();
}

// --- what no tag names

Result<> Importer::import_untagged(ImportSource& source, const Repository& repository,
                                   const std::vector<Named>& manifests, Untagged untagged) {
  auto referrers = import_without_subject(source, repository, manifests, untagged);
  if (!referrers) return failure(referrers.error());
  // Repeated, because an imported referrer may bring the subject of another with it, as its child.
  std::multimap<Digest, Named> waiting;  // by subject
  for (Referrer& referrer : *referrers) waiting.emplace(referrer.subject, std::move(referrer.manifest));
  for (size_t before = 0; before != waiting.size();) {
    before = waiting.size();
    if (auto done = import_referrers(source, repository, waiting); !done) return done;
  }
  for (const auto& [subject, manifest] : waiting) {
    if (auto done = import_if_wanted(source, repository, manifest, untagged); !done) return done;
  }
  return {};
}

// Those whose subject is here, and those that refer to them in turn.
Result<> Importer::import_referrers(ImportSource& source, const Repository& repository,
                                    std::multimap<Digest, Named>& waiting) {
  std::vector<Digest> subjects;
  for (auto one = waiting.begin(); one != waiting.end(); one = waiting.upper_bound(one->first)) {
    const auto here = is_here(repository, one->first);
    if (!here) return failure(here.error());
    if (*here) subjects.push_back(one->first);
  }
  while (!subjects.empty()) {
    const auto [begin, end] = waiting.equal_range(subjects.back());
    subjects.pop_back();
    for (auto one = begin; one != end; ++one) {
      const auto imported = import_image(source, repository, one->second);
      if (!imported) return failure(imported.error());
      const Digest& digest = one->second.digest;
      if (*imported) subjects.push_back(digest);
      if (!*imported) findings_.report.skipped(repository.repository + "@" + digest.text(), why_);
    }
    waiting.erase(begin, end);
  }
  return {};
}

// Returns the manifests with a subject, which may not be here yet, for later. The others are imported or left
// now.
Result<std::vector<Importer::Referrer>> Importer::import_without_subject(ImportSource& source,
                                                                         const Repository& repository,
                                                                         const std::vector<Named>& manifests,
                                                                         Untagged untagged) {
  std::vector<Referrer> referrers;
  for (const Named& named : manifests) {
    if (is_needed(named.digest)) continue;  // something needs it, so it was imported or reported
    const auto here = is_whole_here(repository, named.digest);
    if (!here) return failure(here.error());
    if (*here) ++findings_.report.counts.manifests_here;
    if (*here) continue;
    std::string bytes;
    const auto manifest = manifest_of(disk_, source, named.digest, named.media_type, bytes);
    if (manifest && manifest->content.record.subject) {
      referrers.push_back({named, *manifest->content.record.subject});
    } else if (auto done = import_if_wanted(source, repository, named, untagged); !done) {
      return failure(done.error());
    }
  }
  return referrers;
}

Result<> Importer::import_if_wanted(ImportSource& source, const Repository& repository, const Named& manifest,
                                    Untagged untagged) {
  const std::string image = repository.repository + "@" + manifest.digest.text();
  if (untagged != Untagged::imported) {
    ++findings_.report.counts.untagged;
    if (untagged == Untagged::told) findings_.report.skipped(image, "it has no name; --tag gives it one");
    return {};
  }
  const auto imported = import_image(source, repository, manifest);
  if (!imported) return failure(imported.error());
  ++(*imported ? findings_.report.counts.by_digest : findings_.report.counts.untagged);
  if (!*imported) findings_.report.skipped(image, why_);
  return {};
}

}  // namespace breakwater::routes
