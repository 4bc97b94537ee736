// Checks that everything an image needs is at its source, in the right size, before anything is imported. May
// block; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "routes/transfer/import_report.h"
#include "routes/transfer/import_source.h"
#include "store/base/disk.h"
#include "store/store.h"

namespace breakwater::routes {

// What an import has found in all images so far.
struct ImportFindings {
  ImportReport& report;
  std::set<store::Digest> needed = {};            // by any image, be it imported, here already, or damaged
  std::map<store::Digest, std::string> bad = {};  // blobs with wrong or unreadable bytes, and what is wrong
  std::set<store::Digest> sized = {};             // what `bytes` counts
  uint64_t bytes = 0;                             // of all that was surveyed and has its size
};

class ImportSurvey {
 public:
  ImportSurvey(store::Disk& disk, ImportSource& source, const store::RepositoryKey& repository,
               ImportFindings& findings)
      : disk_(disk), source_(source), repository_(repository), findings_(findings) {}

  // Call this once. Damage is reported. `media_type` is what the source calls the manifest, "" if nothing.
  void survey(const store::Digest& digest, const std::string& media_type) {
    survey_manifest({digest, media_type}, std::nullopt, 0);
  }

  bool is_whole() const { return why_.empty(); }
  const std::string& why() const { return why_; }
  struct Named {
    store::Digest digest;
    std::string media_type;  // as its parent or the source says; may be ""
  };
  const std::vector<Named>& manifests() const { return manifests_; }  // children first
  // The manifests below the top one that lack nothing, as far as the survey can tell.
  const std::vector<Named>& parts() const { return parts_; }

 private:
  enum class Needed { by_tag, by_index, by_manifest };
  void bad(Damage damage, const std::string& where, const std::string& what);
  bool has_bytes(const store::Digest& digest, std::optional<uint64_t> size, Needed needed);
  void survey_manifest(const Named& named, std::optional<uint64_t> size, int level);

  store::Disk& disk_;
  ImportSource& source_;
  const store::RepositoryKey& repository_;
  ImportFindings& findings_;
  std::string why_;
  size_t damages_ = 0;
  std::set<store::Digest> seen_;
  std::vector<Named> manifests_;
  std::vector<Named> parts_;
};

}  // namespace breakwater::routes
