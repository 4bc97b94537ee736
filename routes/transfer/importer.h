// Takes images over from a folder that another registry, or another tool, has written.
//
// Nothing is believed: an image is surveyed first (is all there that it needs, of the right size?), then each
// blob is hashed on its way in, children go before parents, and a manifest is pushed as a client's would be.
// So what is damaged is left out, and every tag that there is afterwards can be pulled whole. What the other
// registry would have answered 404 for is not there.
//
// An index of which a child is gone is not whole, so its tags are left out; those of its children that are
// whole are taken over all the same, untagged: what pulls them by digest goes on for as long as untagged
// manifests stay.
//
// May block; one thread.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "routes/transfer/import_report.h"
#include "store/base/disk.h"
#include "store/store.h"

namespace breakwater::routes {

// What one repository has, where it comes from.
class ImportSource {
 public:
  virtual ~ImportSource() = default;
  // Its bytes may be damaged nevertheless.
  virtual bool has(const store::Digest& digest) = 0;
  virtual std::filesystem::path file_of(const store::Digest& digest) const = 0;  // where its bytes are
};

class Importer {
 public:
  // What it borrows outlives it.
  Importer(store::Store& store, store::Disk& disk, const store::Clock& clock, ImportReport& report)
      : store_(store), disk_(disk), clock_(clock), report_(report) {}

  // An error ends the import: no room is left, or our own disk fails. What was taken over until then stays.
  //
  // A tag that was set here later than `set_at` stays as it is; with Age::unknown, where `set_at` is only
  // what a new tag gets, any that is here does. One that names `digest` here already stays too, and what is
  // gone of its image is taken again.
  enum class Age { known, unknown };
  [[nodiscard]] Result<> take_tag(ImportSource& source, const store::RepositoryKey& repository,
                                  const std::string& tag, const store::Digest& digest, store::Time set_at,
                                  Age age);
  // After the tags: of these manifests those that refer to one that is here, and with Untagged::taken the
  // others too.
  enum class Untagged { left, taken };
  [[nodiscard]] Result<> take_untagged(ImportSource& source, const store::RepositoryKey& repository,
                                       const std::vector<store::Digest>& digests, Untagged untagged);
  // Whether anything needed it: taken over, here already, or damaged.
  bool has_met(const store::Digest& digest) const { return met_.contains(digest); }

 private:
  class Survey;
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
  Result<bool> take(ImportSource& source, const Repository& repository, const store::Digest& digest);
  Result<bool> take_manifest(ImportSource& source, const Repository& repository, const store::Digest& digest);
  Result<bool> take_blob(ImportSource& source, const Repository& repository, const store::Digest& digest);
  Result<> take_parts(ImportSource& source, const Repository& repository,
                      const std::vector<store::Digest>& parts);
  Result<std::vector<Referrer>> take_or_leave(ImportSource& source, const Repository& repository,
                                              const std::vector<store::Digest>& digests, Untagged untagged);
  void count_taken();
  Result<> leave_or_take(ImportSource& source, const Repository& repository, const store::Digest& digest,
                         Untagged untagged);

  store::Store& store_;
  store::Disk& disk_;
  const store::Clock& clock_;
  ImportReport& report_;
  std::set<store::Digest> met_;
  std::map<store::Digest, std::string> bad_;  // blobs whose bytes are not what they should be, and why
  size_t taken_ = 0;                          // manifests and blobs since the catalog was measured
  std::string why_;                           // the last image was not whole
};

}  // namespace breakwater::routes
