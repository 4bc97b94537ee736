// Imports images from a folder that another registry or another tool has written.
//
// Nothing in the folder is trusted. An image is surveyed first: is everything that it needs there, in the
// right size? Then each blob is hashed on its way in, children go before parents, and a manifest is pushed
// like a client's. So damaged images are left out, and every tag that the import sets can be pulled whole.
// What the other registry would have answered 404 for counts as missing.
//
// An index that lacks a child is incomplete, so its tags are left out. Its complete children are imported
// without a tag: pulls by their digests work for as long as untagged manifests are kept.
//
// May block; one thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "routes/transfer/import_report.h"
#include "routes/transfer/import_source.h"
#include "routes/transfer/import_survey.h"
#include "store/base/disk.h"
#include "store/store.h"

namespace breakwater::routes {

class Importer {
 public:
  // Everything borrowed here must outlive the Importer.
  Importer(store::Store& store, store::Disk& disk, const store::Clock& clock, ImportReport& report)
      : store_(store), disk_(disk), clock_(clock), findings_{report} {}

  // An error ends the import: the store is full, or our own disk fails. What was imported until then stays.
  //
  // A tag that was set here later than `set_at` is not moved. With Age::unknown no existing tag is moved, and
  // a new tag gets `set_at`. A tag that names `digest` already stays too, and content that its image lacks is
  // imported again.
  enum class Age { known, unknown };
  [[nodiscard]] Result<> import_tag(ImportSource& source, const store::RepositoryKey& repository,
                                    const std::string& tag, const store::Digest& digest, store::Time set_at,
                                    Age age);
  // Call this after the tags. Imports those of `digests` that refer to a manifest which is here, and with
  // Untagged::imported the others too.
  enum class Untagged { skipped, imported };
  [[nodiscard]] Result<> import_untagged(ImportSource& source, const store::RepositoryKey& repository,
                                         const std::vector<store::Digest>& digests, Untagged untagged);
  // Whether anything has needed `digest`, be it imported, here already, or damaged.
  bool is_needed(const store::Digest& digest) const { return findings_.needed.contains(digest); }

 private:
  using Repository = store::RepositoryKey;
  struct Referrer {
    store::Digest digest;
    store::Digest subject;
  };
  Result<bool> is_here(const Repository& repository, const store::Digest& digest);
  Result<bool> is_whole_here(const Repository& repository, const store::Digest& digest);
  Result<bool> has_file(const store::Digest& digest);
  Result<bool> set_tag(const Repository& repository, const std::string& tag, const store::Digest& digest,
                       store::Time set_at);
  Result<bool> move_tag(const Repository& repository, const std::string& tag, const store::Digest& digest,
                        store::Time set_at);
  Result<bool> import_image(ImportSource& source, const Repository& repository, const store::Digest& digest);
  Result<bool> import_manifest(ImportSource& source, const Repository& repository,
                               const store::Digest& digest);
  Result<bool> import_blob(ImportSource& source, const Repository& repository, const store::Digest& digest);
  Result<> import_parts(ImportSource& source, const Repository& repository,
                        const std::vector<store::Digest>& parts);
  Result<std::vector<Referrer>> import_without_subject(ImportSource& source, const Repository& repository,
                                                       const std::vector<store::Digest>& digests,
                                                       Untagged untagged);
  void count_imported();
  Result<> import_if_wanted(ImportSource& source, const Repository& repository, const store::Digest& digest,
                            Untagged untagged);

  store::Store& store_;
  store::Disk& disk_;
  const store::Clock& clock_;
  ImportFindings findings_;
  size_t imported_ = 0;  // imported since the catalog was measured: manifests and blobs
  std::string why_;      // why the last image was incomplete
};

}  // namespace breakwater::routes
