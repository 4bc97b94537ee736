// Imports images from a folder that another registry or another tool has written.
//
// Nothing in the folder is trusted. An image is surveyed first: is everything that it needs there, in the
// right size? Then each blob is hashed on its way in, children go before parents, and a manifest is pushed
// like a client's. So damaged images are left out, and every tag that the import sets can be pulled whole.
// What the other registry would have answered 404 for counts as missing.
//
// A manifest is of the type that the source says, and what its bytes say where nothing else does. The rules
// are those of a push (store::Manifests): what a push takes comes in, and what it refuses is left out and
// told.
//
// An index that lacks a child is incomplete, so its tags are left out. Its complete children are imported
// without a tag: pulls by their digests work for as long as untagged manifests are kept.
//
// May block; one thread.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "routes/transfer/import_parts.h"
#include "routes/transfer/import_report.h"
#include "routes/transfer/import_source.h"
#include "routes/transfer/import_survey.h"

namespace breakwater::routes {

class Importer {
 public:
  // Everything borrowed here must outlive the Importer.
  Importer(const ImportParts& parts, ImportReport& report)
      : parts_(parts), store_(parts.store), disk_(parts.disk), clock_(parts.clock), findings_{report} {}

  // An error ends the import: the store is full, our own disk fails, or it is told to stop. What was imported
  // until then stays.
  //
  // A tag that was set here later than `set_at` is not moved. With Age::unknown no existing tag is moved, and
  // a new tag gets `set_at`. A tag that names `digest` already stays too, and content that its image lacks is
  // imported again.
  enum class Age { known, unknown };
  struct Tag {
    std::string name;
    ImportSurvey::Named manifest;
    store::Time set_at;
    Age age;
  };
  [[nodiscard]] Result<> import_tag(ImportSource& source, const store::RepositoryKey& repository,
                                    const Tag& tag);
  // Call this after the tags. Imports those of `manifests` that refer to a manifest which is here, and with
  // Untagged::imported the others too. With Untagged::told each of the others is reported as left out.
  enum class Untagged { skipped, told, imported };
  [[nodiscard]] Result<> import_untagged(ImportSource& source, const store::RepositoryKey& repository,
                                         const std::vector<ImportSurvey::Named>& manifests,
                                         Untagged untagged);
  // Whether anything has needed `digest`, be it imported, here already, or damaged.
  bool is_needed(const store::Digest& digest) const { return findings_.needed.contains(digest); }
  // The size of all that was surveyed, each content once.
  uint64_t surveyed_bytes() const { return findings_.bytes; }

 private:
  using Repository = store::RepositoryKey;
  using Named = ImportSurvey::Named;
  struct Referrer {
    Named manifest;
    store::Digest subject;
  };
  Result<bool> is_here(const Repository& repository, const store::Digest& digest);
  Result<bool> is_whole_here(const Repository& repository, const store::Digest& digest) {
    return is_whole_here(repository, digest, 0);
  }
  Result<bool> is_whole_here(const Repository& repository, const store::Digest& digest, int level);
  Result<bool> is_child_here(const Repository& repository, const store::Digest& parent,
                             const store::Digest& child, int level);
  Result<bool> has_file(const store::Digest& digest);
  Result<std::string> type_here(const Repository& repository, const Named& manifest);
  Result<bool> set_tag(const Repository& repository, const Tag& tag,
                       const std::optional<store::TagRecord>& before);
  Result<bool> plan_image(const ImportSurvey& survey);
  Result<bool> import_image(ImportSource& source, const Repository& repository, const Named& manifest);
  Result<bool> import_manifest(ImportSource& source, const Repository& repository, const Named& manifest);
  Result<> import_foreign(ImportSource& source, const Repository& repository, const store::Digest& manifest,
                          const store::ManifestContent::Child& child);
  Result<bool> import_blob(ImportSource& source, const Repository& repository, const store::Digest& digest);
  Result<> import_parts(ImportSource& source, const Repository& repository, const std::vector<Named>& parts);
  Result<std::vector<Referrer>> import_without_subject(ImportSource& source, const Repository& repository,
                                                       const std::vector<Named>& manifests,
                                                       Untagged untagged);
  Result<> import_referrers(ImportSource& source, const Repository& repository,
                            std::multimap<store::Digest, Named>& waiting);
  void count_imported();
  Result<> import_if_wanted(ImportSource& source, const Repository& repository, const Named& manifest,
                            Untagged untagged);

  const ImportParts& parts_;
  store::Store& store_;
  store::Disk& disk_;
  const store::Clock& clock_;
  ImportFindings findings_;
  Repository whole_in_;            // the repository that whole_ is of
  std::set<store::Digest> whole_;  // manifests that were found whole there, or would be after a dry run
  size_t imported_ = 0;            // imported since the catalog was measured: manifests and blobs
  std::string why_;                // why the last image was incomplete
};

}  // namespace breakwater::routes
