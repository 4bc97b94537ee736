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
};

class ImportSurvey {
 public:
  ImportSurvey(store::Disk& disk, ImportSource& source, const store::RepositoryKey& repository,
               ImportFindings& findings)
      : disk_(disk), source_(source), repository_(repository), findings_(findings) {}

  // Call this once. Damage is reported.
  void survey(const store::Digest& digest) { survey_manifest(digest, std::nullopt, 0); }

  bool is_whole() const { return why_.empty(); }
  const std::string& why() const { return why_; }
  const std::vector<store::Digest>& manifests() const { return manifests_; }  // children first
  // The manifests below the top one that lack nothing, as far as the survey can tell.
  const std::vector<store::Digest>& parts() const { return parts_; }

 private:
  enum class Needed { by_tag, by_index, by_manifest };
  void bad(Damage damage, const std::string& where, const std::string& what);
  bool has_bytes(const store::Digest& digest, std::optional<uint64_t> size, Needed needed);
  void survey_manifest(const store::Digest& digest, std::optional<uint64_t> size, int depth);

  store::Disk& disk_;
  ImportSource& source_;
  const store::RepositoryKey& repository_;
  ImportFindings& findings_;
  std::string why_;
  size_t damages_ = 0;
  std::set<store::Digest> seen_;
  std::vector<store::Digest> manifests_;
  std::vector<store::Digest> parts_;
};

}  // namespace breakwater::routes
