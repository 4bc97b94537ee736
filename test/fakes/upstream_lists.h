// Lists as an upstream registry answers them.
#pragma once

#include <string>
#include <vector>

#include "store/base/digest.h"

namespace breakwater::test {

// Of the repository library/alpine.
inline std::string tags(const std::vector<std::string>& names) {
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "\"" : ",\"") + name + '"';
  return R"({"name":"library/alpine","tags":[)" + list + "]}";
}

// An index of manifests of one byte, whose digests are those of the names.
inline std::string referrers(const std::vector<std::string>& names) {
  std::string list;
  for (const auto& name : names) {
    const auto digest = store::digest_of(store::Algorithm::sha256, name);
    list += (list.empty() ? R"({"digest":")" : R"(,{"digest":")") + digest.text() + R"(","size":1})";
  }
  return R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)" + list +
         "]}";
}

}  // namespace breakwater::test
