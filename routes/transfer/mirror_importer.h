// Imports into a mirror what a folder has: of another mirror's cache, a registry:2 with `proxy`, or of
// layouts.
//
// A mirror fetches what it lacks, so an image need not be whole: what is there of it and has its digest comes
// along, and what is not there is no damage. Manifests are carried as they are, not judged as a push is. A
// tag is one that was confirmed upstream when it was set there, and never so lately that it would not be
// asked for again the next time; if it names the same then, nothing of the image is.
//
// Nothing is evicted for it. What has no room is left out, counted, and told in the end. May block; one
// thread.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "routes/transfer/import_parts.h"
#include "routes/transfer/import_report.h"
#include "routes/transfer/import_source.h"
#include "routes/transfer/import_survey.h"

namespace breakwater::routes {

class MirrorImporter {
 public:
  using Named = ImportSurvey::Named;
  // What it borrows outlives it. `fresh`: for how long the mirror does not ask again about a tag.
  MirrorImporter(const ImportParts& parts, store::Time::duration fresh, ImportReport& report)
      : parts_(parts), fresh_(fresh), report_(report) {}

  // A manifest, and what the source has of all that it needs. An error ends the import: our own disk fails,
  // or it is told to stop. What was imported until then stays.
  [[nodiscard]] Result<> import_image(ImportSource& source, const store::RepositoryKey& repository,
                                      const Named& manifest) {
    return import_manifest(source, repository, manifest, 0);
  }
  struct Tag {
    std::string name;
    Named manifest;
    store::Time set_at;
  };
  // With its image. A tag that the mirror has already stays.
  [[nodiscard]] Result<> import_tag(ImportSource& source, const store::RepositoryKey& repository,
                                    const Tag& tag);
  bool is_needed(const store::Digest& digest) const { return needed_.contains(digest); }
  uint64_t surveyed_bytes() const { return bytes_; }  // of what was there to be taken, each content once

 private:
  using Repository = store::RepositoryKey;
  Result<> import_manifest(ImportSource& source, const Repository& repository, const Named& manifest,
                           int level);
  Result<> import_blob(ImportSource& source, const Repository& repository, const store::Digest& digest,
                       uint64_t size);
  Result<bool> take_manifest(const Repository& repository, const store::Digest& digest,
                             const std::string& bytes, const Manifest& manifest);
  Result<bool> is_held(const store::Digest& digest);

  const ImportParts& parts_;
  const store::Time::duration fresh_;
  ImportReport& report_;
  Repository seen_in_;            // the repository that seen_ is of
  std::set<store::Digest> seen_;  // manifests that were looked at there
  std::set<store::Digest> here_;  // those of them that are here, or would be after a dry run
  std::set<store::Digest> needed_;
  uint64_t bytes_ = 0;
};

}  // namespace breakwater::routes
