#include "routes/oci/media_type.h"

#include <string>

#include "test/catch.h"

namespace breakwater::routes {
namespace {

TEST_CASE("a media type's parameters are not part of it") {
  CHECK(without_parameters("text/html; charset=utf-8") == "text/html");
  CHECK(without_parameters("  text/html ;x") == "text/html");
  CHECK(without_parameters("text/html") == "text/html");
  CHECK(without_parameters(" ; x").empty());
  CHECK(without_parameters("").empty());
}

TEST_CASE("every type that we read is asked for upstream") {
  for (const auto type : {kOciManifest, kOciIndex, kOciArtifact, kDockerManifest, kDockerList, kDockerSchema1,
                          kDockerSchema1Signed}) {
    CAPTURE(type);
    CHECK(kAcceptManifests.find(type) != std::string_view::npos);
    CHECK(is_manifest_type(type));
  }
  CHECK_FALSE(is_manifest_type("application/vnd.oci.image.layer.v1.tar"));
}

}  // namespace
}  // namespace breakwater::routes
