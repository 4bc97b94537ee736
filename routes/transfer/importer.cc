#include "routes/transfer/importer.h"

#include <algorithm>

#include "routes/oci/manifest.h"
#include "routes/transfer/import_survey.h"
#include "store/blobs/blobs.h"
#include "store/blobs/manifests.h"
#include "store/blobs/parts.h"
#include "store/catalog/catalog.h"
#include "store/references/references.h"

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

Result<> Importer::import_tag(ImportSource& source, const Repository& repository, const std::string& tag,
                              const Digest& digest, store::Time set_at, Age age) {
  const std::string image = repository.repository + ":" + tag;
  findings_.needed.insert(digest);
  const auto known = store_.catalog().tag(repository, tag, Reach::disk);
  if (!known) return failure(known.error());
  const bool is_set = *known && (*known)->digest == digest;
  if (is_set) {
    const auto whole = is_whole_here(repository, digest);
    if (!whole) return failure(whole.error());
    if (*whole) ++findings_.report.counts.tags_here;
    if (*whole) return {};
  }
  if (*known && !is_set && age == Age::unknown) {
    ++findings_.report.counts.tags_ageless;
    findings_.report.skipped(image,
                             "nothing says when it was set there, and the tag here names another image");
    return {};
  }
  if (*known && !is_set && (*known)->set_at >= set_at) {
    findings_.report.kept(image);
    return {};
  }
  auto imported = import_image(source, repository, digest);
  if (imported && *imported && !is_set)
    imported = *known ? move_tag(repository, tag, digest, set_at) : set_tag(repository, tag, digest, set_at);
  if (!imported) return failure(imported.error());
  if (*imported) {
    ++(is_set ? findings_.report.counts.tags_mended : findings_.report.counts.tags);
    return {};
  }
  ++findings_.report.counts.tags_skipped;
  findings_.report.skipped(image, why_);
  return {};
}

// The tag gets the time at which it was set at its source, because retention goes by that time.
Result<bool> Importer::set_tag(const Repository& repository, const std::string& tag, const Digest& digest,
                               store::Time set_at) {
  const auto manifest = store_.catalog().manifest(repository, digest, Reach::disk);
  if (!manifest) return failure(manifest.error());
  if (!*manifest)
    return failure(Error::Kind::internal, "the manifest " + digest.text() + " went while its tag was set");
  const store::Time when = std::min(set_at, clock_.wall());
  auto set = store_.references().put_tag(repository, tag, {digest, (*manifest)->media_type, when, when},
                                         store::Durability::buffered);
  if (!set) return failure(set.error());
  return true;
}

// Moves a tag by a push, which takes care of the image that the tag named before and that may be unused now.
// A push dates the tag to now, so set_tag() dates it back. Nothing comes between the two, because nobody else
// has the folder open.
Result<bool> Importer::move_tag(const Repository& repository, const std::string& tag, const Digest& digest,
                                store::Time set_at) {
  const auto bytes = store_.manifests().bytes(repository, digest);
  if (!bytes) return failure(bytes.error());
  const auto manifest = read_manifest(*bytes, "", digest);
  if (!manifest) return failure(manifest.error());
  const auto missing = store_.manifests().push(repository, digest, *bytes, manifest->content, {tag});
  if (!missing) return failure(missing.error());
  if (!missing->empty()) return false;
  return set_tag(repository, tag, digest, set_at);
}

// --- images

Result<bool> Importer::is_here(const Repository& repository, const Digest& digest) {
  const auto known = store_.catalog().manifest(repository, digest, Reach::disk);
  if (!known) return failure(known.error());
  return known->has_value();
}

// Whether the manifest is here with everything that it needs, so that lost content is imported again.
// Contents are not read; that is the scrub's task.
Result<bool> Importer::is_whole_here(const Repository& repository, const Digest& digest) {
  auto known = is_here(repository, digest);
  if (!known || !*known) return known;
  const auto children = store_.catalog().children(repository, digest);
  if (!children) return failure(children.error());
  findings_.needed.insert(digest);
  bool is_whole = true;
  for (const Digest& child : *children) {
    findings_.needed.insert(child);
    auto manifest = is_here(repository, child);
    if (!manifest) return manifest;
    auto here = *manifest ? is_whole_here(repository, child) : has_file(child);
    if (!here) return here;
    is_whole = is_whole && *here;
  }
  if (!is_whole) return false;
  return has_file(digest);
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
                                    const Digest& digest) {
  auto here = is_whole_here(repository, digest);
  if (!here || *here) return here;
  ImportSurvey survey(disk_, source, repository, findings_);
  survey.survey(digest);
  bool is_whole = survey.is_whole();
  if (!is_whole) why_ = survey.why();
  for (auto manifest = survey.manifests().begin(); is_whole && manifest != survey.manifests().end();
       ++manifest) {
    const auto imported = import_manifest(source, repository, *manifest);
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

Result<> Importer::import_parts(ImportSource& source, const Repository& repository,
                                const std::vector<Digest>& parts) {
  for (const Digest& part : parts) {
    const auto here = is_whole_here(repository, part);
    if (!here) return failure(here.error());
    if (*here) continue;
    const auto imported = import_image(source, repository, part);
    if (!imported) return failure(imported.error());
    if (*imported) ++findings_.report.counts.by_digest;
  }
  return {};
}

Result<bool> Importer::import_manifest(ImportSource& source, const Repository& repository,
                                       const Digest& digest) {
  findings_.needed.insert(digest);
  auto here = is_whole_here(repository, digest);
  if (!here || *here) return here;
  std::string bytes;
  const auto manifest = manifest_of(disk_, source, digest, bytes);
  if (!manifest) return failure(manifest.error());  // an error, because the survey could read it
  for (const auto& child : manifest->content.children) {
    if (child.edge.is_manifest) continue;
    const auto imported = import_blob(source, repository, child.digest);
    if (!imported || !*imported) return imported;
  }
  for (const auto& child : manifest->content.foreign) {
    if (!source.has(child.digest)) continue;
    // The image is complete without a foreign layer, so damage to the layer is reported and has no other
    // effect.
    const std::string why = why_;
    if (auto imported = import_blob(source, repository, child.digest); !imported) return imported;
    why_ = why;
  }
  const auto missing = store_.manifests().push(repository, digest, bytes, manifest->content, {});
  if (!missing) return failure(missing.error());
  if (!missing->empty())
    return failure(Error::Kind::internal,
                   missing->front().text() + " went while " + digest.text() + " was taken over");
  ++findings_.report.counts.manifests;
  count_imported();
  if (manifest->content.record.subject) ++findings_.report.counts.referrers;
  return true;
}

Result<bool> Importer::import_blob(ImportSource& source, const Repository& repository, const Digest& digest) {
  const auto imported = store_.import_blob(repository, digest, source.file_of(digest));
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
                                   const std::vector<Digest>& digests, Untagged untagged) {
  auto referrers = import_without_subject(source, repository, digests, untagged);
  if (!referrers) return failure(referrers.error());
  // Repeated, because the subject of a referrer may be another referrer of the list.
  for (bool is_moving = true; is_moving;) {
    is_moving = false;
    std::vector<Referrer> waiting;
    for (const Referrer& referrer : *referrers) {
      const auto here = is_here(repository, referrer.subject);
      if (!here) return failure(here.error());
      if (!*here) {
        waiting.push_back(referrer);
        continue;
      }
      const auto imported = import_image(source, repository, referrer.digest);
      if (!imported) return failure(imported.error());
      if (!*imported) findings_.report.skipped(repository.repository + "@" + referrer.digest.text(), why_);
      is_moving = is_moving || *imported;
    }
    *referrers = std::move(waiting);
  }
  for (const Referrer& referrer : *referrers) {
    if (auto done = import_if_wanted(source, repository, referrer.digest, untagged); !done) return done;
  }
  return {};
}

// Returns the manifests with a subject, which may not be here yet, for later. The others are imported or left
// now.
Result<std::vector<Importer::Referrer>> Importer::import_without_subject(ImportSource& source,
                                                                         const Repository& repository,
                                                                         const std::vector<Digest>& digests,
                                                                         Untagged untagged) {
  std::vector<Referrer> referrers;
  for (const Digest& digest : digests) {
    if (is_needed(digest)) continue;  // something needs it, so it was imported or reported
    const auto here = is_whole_here(repository, digest);
    if (!here) return failure(here.error());
    if (*here) continue;
    std::string bytes;
    const auto manifest = manifest_of(disk_, source, digest, bytes);
    if (manifest && manifest->content.record.subject) {
      referrers.push_back({digest, *manifest->content.record.subject});
    } else if (auto done = import_if_wanted(source, repository, digest, untagged); !done) {
      return failure(done.error());
    }
  }
  return referrers;
}

Result<> Importer::import_if_wanted(ImportSource& source, const Repository& repository, const Digest& digest,
                                    Untagged untagged) {
  if (untagged == Untagged::skipped) {
    ++findings_.report.counts.untagged;
    return {};
  }
  const auto imported = import_image(source, repository, digest);
  if (!imported) return failure(imported.error());
  ++(*imported ? findings_.report.counts.by_digest : findings_.report.counts.untagged);
  if (!*imported) findings_.report.skipped(repository.repository + "@" + digest.text(), why_);
  return {};
}

}  // namespace breakwater::routes
