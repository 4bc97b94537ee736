#include "store/blobs/child_survey.h"

#include <algorithm>
#include <utility>

#include "store/blobs/blobs.h"
#include "store/catalog/catalog.h"
#include "store/references/liveness.h"

namespace breakwater::store {
namespace {

bool is_gone(const Error& error) {
  return error.kind == Error::Kind::not_found || error.kind == Error::Kind::corrupt;
}

}  // namespace

Result<> ChildSurvey::visit_children(const ManifestContent& content, int level) {
  for (const ManifestContent::Child& child : content.children) {
    // Opening a child finds out whether its file is lost, and brings its record into memory for the check
    // under the lock.
    const auto blob = blobs_.open(child.digest);
    if (!blob && blob.error().kind != Error::Kind::not_found) return failure(blob.error());
    const auto held = has_blob(catalog_, repository_, child.digest);
    if (!held) return failure(held.error());
    if (!*held) add_missing(child.digest);
    // Of what the repository does not have, nobody is told the size.
    if (auto right = *held && blob ? check_size(child, blob->size) : Result<>(); !right) return right;
    if (auto visited = child.edge.is_manifest && *held ? visit(child, level + 1) : Result<>(); !visited)
      return visited;
  }
  return {};
}

void ChildSurvey::add_missing(const Digest& digest) {
  if (std::find(missing_.begin(), missing_.end(), digest) == missing_.end()) missing_.push_back(digest);
}

Result<> ChildSurvey::visit(const ManifestContent::Child& child, int level) {
  if (level > kManifestLevelsMax)
    return failure(Error::Kind::invalid, "manifest: there are more than " +
                                             std::to_string(kManifestLevelsMax) + " levels below it");
  const auto seen = levels_.find(child.digest);
  if (seen != levels_.end() && seen->second >= level) return {};
  const bool is_first = seen == levels_.end();
  levels_[child.digest] = level;
  const auto held = has_manifest(catalog_, repository_, child.digest);
  if (!held) return failure(held.error());
  if (*held) return visit_stored(child.digest, level);
  if (is_first) return adopt(child, level);
  for (const ChildManifest& one : adopted_) {
    if (one.digest == child.digest) return visit_children(ManifestContent(one.content), level);
  }
  return {};
}

// Its own children are missing with it, because a client that is told of them can push the rest too.
Result<> ChildSurvey::adopt(const ManifestContent::Child& child, int level) {
  const auto record = catalog_.blob(child.digest, Reach::disk);
  if (!record) return failure(record.error());
  const bool may_be = read_ && *record && (*record)->size <= kManifestBytesMax;
  const auto bytes = may_be ? blobs_.bytes(child.digest) : failure(Error::Kind::not_found, "");
  if (!bytes && !is_gone(bytes.error())) return failure(bytes.error());
  auto content = bytes ? read_(child.digest, child.edge.media_type, *bytes)
                       : Result<ManifestContent>(failure(Error::Kind::not_found, ""));
  if (!content) {
    add_missing(child.digest);
    return {};
  }
  if (!content->contradiction.empty()) return failure(Error::Kind::invalid, content->contradiction);
  if (auto visited = visit_children(*content, level); !visited) return visited;
  adopted_.push_back({child.digest, *std::move(content)});
  return {};
}

// A manifest that is here has its children. Only how deep they go is found out.
Result<> ChildSurvey::visit_stored(const Digest& manifest, int level) {
  const auto children = catalog_.children(repository_, manifest);
  if (!children) return failure(children.error());
  for (const Digest& child : *children) {
    auto edge = catalog_.edge(child, repository_, manifest);
    if (!edge) return failure(edge.error());
    if (!*edge || !(*edge)->is_manifest) continue;
    if (auto visited = visit({child, **std::move(edge)}, level + 1); !visited) return visited;
  }
  return {};
}

}  // namespace breakwater::store
