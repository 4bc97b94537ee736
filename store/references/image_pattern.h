// What an operator names when something is to be kept or removed: an image, a repository, or all whose names
// match. `*` matches any characters, `/` included, as in retention policies. A value; pure; any thread.
//
//   {"dockerhub", "library/alpine", "3.20"}   one tag
//   {"dockerhub", "library/*"}                all of some repositories, untagged manifests and blobs too
//   {"dockerhub", "library/alpine", "3.*"}    some tags
//   {"dockerhub", "library/alpine", "", D}    one manifest, whatever tags name it
#pragma once

#include <optional>
#include <string>

#include "store/base/digest.h"
#include "store/catalog/records.h"

namespace breakwater::store {

struct ImagePattern {
  std::string route;
  std::string repository;  // a pattern
  std::string tag = {};    // a pattern; empty: all, unless there is a digest
  std::optional<Digest> digest = {};
  auto operator<=>(const ImagePattern&) const = default;

  // Whether it is about all that matching repositories have.
  bool is_whole() const { return tag.empty() && !digest; }
  // Whether only one repository can match, whose name `repository` is.
  bool names_one_repository() const;
  bool matches(const RepositoryKey& of) const;
  // Of a tag in a matching repository.
  bool matches_tag(const std::string& name) const;
  std::string text() const;  // "dockerhub/library/alpine:3.20"
};

}  // namespace breakwater::store
