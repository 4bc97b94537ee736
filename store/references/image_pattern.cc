#include "store/references/image_pattern.h"

#include <fnmatch.h>

namespace breakwater::store {
namespace {

bool matches_pattern(const std::string& pattern, const std::string& name) {
  return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

}  // namespace

bool ImagePattern::names_one_repository() const {
  return repository.find_first_of("*?[\\") == std::string::npos;
}

bool ImagePattern::matches(const RepositoryKey& of) const {
  return of.route == route && matches_pattern(repository, of.repository);
}

bool ImagePattern::matches_tag(const std::string& name) const {
  if (digest) return false;
  return tag.empty() || matches_pattern(tag, name);
}

std::string ImagePattern::text() const {
  std::string name = route + "/" + repository;
  if (!tag.empty()) name += ":" + tag;
  if (digest) name += "@" + digest->text();
  return name;
}

}  // namespace breakwater::store
