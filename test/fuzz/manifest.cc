// Any bytes are read as a manifest or refused as invalid. The input's first byte chooses the Content-Type
// that they come with.
#include "routes/oci/manifest.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "routes/oci/media_type.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

constexpr std::array<std::string_view, 6> kTypes = {"",
                                                    breakwater::routes::kOciManifest,
                                                    breakwater::routes::kOciIndex,
                                                    breakwater::routes::kDockerManifest,
                                                    breakwater::routes::kOciArtifact,
                                                    "application/vnd.example+json"};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace breakwater::routes;
  if (size == 0) return 0;
  const auto self = *breakwater::store::Digest::parse("sha256:" + std::string(64, '0'));
  const auto read = read_manifest({reinterpret_cast<const char*>(data) + 1, size - 1},
                                  kTypes[data[0] % kTypes.size()], self);
  if (!read) {
    require(read.error().kind == breakwater::Error::Kind::invalid);
    return 0;
  }
  require(read->content.record.size == size - 1 && !read->content.record.media_type.empty());
  require(read->content.record.subject.has_value() != read->content.referrer_descriptor.empty());
  std::set<breakwater::store::Digest> seen;
  for (const auto& child : read->content.children) require(seen.insert(child.digest).second);
  return 0;
}
