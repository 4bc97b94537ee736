// Looks for what a manifest needs before it is added: each child is stored, and is in the manifest's
// repository what the manifest calls it. A child that is to be a manifest and came as a blob is read; if it
// is one, and all that it needs in turn is there, it can be adopted together with its parent.
//
//   ChildSurvey children(catalog, blobs, repository, read);
//   children.survey(content);
//   if (children.missing().empty()) … add the manifest with children.adopted() …
//
// Nothing is changed, but for blobs whose files turn out to be lost or damaged: their records go, so that
// they count as missing. Whoever adds the manifest checks again under the lock of References. May block; one
// thread.
#pragma once

#include <map>
#include <vector>

#include "store/base/result.h"
#include "store/catalog/rows.h"
#include "store/references/manifest_content.h"

namespace breakwater::store {

class Blobs;
class Catalog;

class ChildSurvey {
 public:
  // What it borrows outlives it. Without a `read` no child is adopted.
  ChildSurvey(const Catalog& catalog, Blobs& blobs, const RepositoryKey& repository, const ReadManifest& read)
      : catalog_(catalog), blobs_(blobs), repository_(repository), read_(read) {}

  // Of what `content` needs. `invalid` if more than kManifestLevelsMax levels are below it.
  [[nodiscard]] Result<> survey(const ManifestContent& content) { return visit_children(content, 0); }
  // Of one that a manifest of the repository needs as a manifest.
  [[nodiscard]] Result<> survey_child(const ManifestContent::Child& child) { return visit(child, 1); }

  // What the repository lacks: children, and what children that could be adopted need.
  const std::vector<Digest>& missing() const { return missing_; }
  // Children before parents.
  const std::vector<ChildManifest>& adopted() const { return adopted_; }

 private:
  Result<> visit_children(const ManifestContent& content, int level);
  Result<> visit(const ManifestContent::Child& child, int level);
  Result<> adopt(const ManifestContent::Child& child, int level);
  void add_missing(const Digest& digest);
  Result<> visit_stored(const Digest& manifest, int level);

  const Catalog& catalog_;
  Blobs& blobs_;
  const RepositoryKey& repository_;
  const ReadManifest& read_;
  std::map<Digest, int> levels_;  // the deepest at which each manifest was visited
  std::vector<Digest> missing_;
  std::vector<ChildManifest> adopted_;
};

}  // namespace breakwater::store
