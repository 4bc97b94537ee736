#include "routes/oci/referrers_filter.h"

#include <string>

#include "test/catch.h"

namespace breakwater::routes {
namespace {

const std::string kStart =
    R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)";

TEST_CASE("referrers are an index of descriptors, and none are an empty index") {
  const auto digest = store::digest_of(store::Algorithm::sha256, std::string_view("a referrer"));
  CHECK(referrers_index({}) == kStart + "]}");
  const std::vector<store::NamedReferrer> two = {{digest, {R"({"size":1,"artifactType":"x"})", "x"}},
                                                 {digest, {R"({"size":2,"artifactType":"y"})", "y"}}};
  CHECK(referrers_index(two) == kStart + R"({"size":1,"artifactType":"x"},{"size":2,"artifactType":"y"}]})");
  CHECK(referrers_index({{digest, {"broken", "x"}}}) == kStart + "]}");
}

TEST_CASE("the link to the next referrers is relative and keeps the filter") {
  const auto last = *store::Digest::parse("sha256:" + std::string(64, 'a'));
  const auto encoded = "sha256%3A" + std::string(64, 'a');
  CHECK(next_referrers_link("/v2/a/referrers/x", last, "") ==
        "</v2/a/referrers/x?last=" + encoded + R"(>; rel="next")");
  CHECK(next_referrers_link("/v2/a/referrers/x", last, "a/b+c") ==
        "</v2/a/referrers/x?last=" + encoded + R"(&artifactType=a%2Fb%2Bc>; rel="next")");
}

TEST_CASE("upstream's index is filtered by artifact type") {
  const std::string index =
      R"({"manifests":[{"artifactType":"x","size":1},{"size":2},{"artifactType":"y"},7]})";
  CHECK(*filter_referrers(index, "x") == kStart + R"({"artifactType":"x","size":1}]})");
  CHECK(*filter_referrers(index, "z") == kStart + "]}");
  CHECK(*filter_referrers(index, "") ==
        kStart + R"({"artifactType":"x","size":1},{"size":2},{"artifactType":"y"}]})");
}

TEST_CASE("what is no index of referrers is corrupt") {
  for (const std::string text : {"", "<html>", "[]", "{}", R"({"manifests":{}})"}) {
    CAPTURE(text);
    const auto filtered = filter_referrers(text, "");
    REQUIRE_FALSE(filtered);
    CHECK(filtered.error().kind == Error::Kind::corrupt);
  }
  CHECK_FALSE(filter_referrers(std::string(1'000'000, '['), ""));
  CHECK(*filter_referrers(R"({"manifests":null})", "") == kStart + "]}");
}

}  // namespace
}  // namespace breakwater::routes
