#include "routes/oci/oci_path.h"

#include <string>

#include "test/catch.h"

namespace breakwater::routes {
namespace {

using Kind = OciPath::Kind;
using Bad = OciPathError::Kind;

const std::string kHex(64, 'a');
const std::string kDigest = "sha256:" + kHex;

TEST_CASE("a target is what the specification says it is") {
  struct Row {
    std::string target;
    Kind kind;
    std::string name;
    std::string reference;
  };
  const auto row = GENERATE(values<Row>({
      {"/v2/", Kind::base, "", ""},
      {"/v2", Kind::base, "", ""},
      {"/v2/?ns=docker.io", Kind::base, "", ""},
      {"/v2/library/alpine/manifests/3.20", Kind::manifest, "library/alpine", "3.20"},
      {"/v2/alpine/manifests/" + kDigest, Kind::manifest, "alpine", kDigest},
      {"/v2/alpine/manifests/sha256%3A" + kHex, Kind::manifest, "alpine", kDigest},
      {"/v2/alpine/manifests/" + kHex, Kind::manifest, "alpine", kHex},
      {"/v2/alpine/manifests/list", Kind::manifest, "alpine", "list"},
      {"/v2/library%2Falpine/manifests/3", Kind::manifest, "library/alpine", "3"},
      {"http://bw:5000/v2/alpine/manifests/3", Kind::manifest, "alpine", "3"},
      {"/v2/alpine/blobs/" + kDigest, Kind::blob, "alpine", kDigest},
      {"/v2/alpine/blobs/sha512:" + std::string(128, '0'), Kind::blob, "alpine",
       "sha512:" + std::string(128, '0')},
      {"/v2/alpine/tags/list?n=5", Kind::tags, "alpine", ""},
      {"/v2/alpine/referrers/" + kDigest, Kind::referrers, "alpine", kDigest},
      {"/v2/alpine/blobs/uploads/", Kind::upload_start, "alpine", ""},
      {"/v2/alpine/blobs/uploads", Kind::upload_start, "alpine", ""},
      {"/v2/alpine/blobs/uploads/4f-0_a.b=", Kind::upload, "alpine", ""},
      {"/v2/_catalog", Kind::catalog, "", ""},
      {"/v2/alpine", Kind::unknown, "", ""},
      {"/v2/alpine/other/thing", Kind::unknown, "", ""},
      {"/v2/manifests/latest", Kind::unknown, "", ""},
      {"/v1/search", Kind::unknown, "", ""},
      {"/favicon.ico", Kind::unknown, "", ""},
  }));
  CAPTURE(row.target);
  const auto path = parse_oci_path(row.target);
  REQUIRE(path);
  CHECK(path->kind == row.kind);
  CHECK(path->name == row.name);
  CHECK(path->reference() == row.reference);
}

TEST_CASE("a repository's name may hold the words of the API") {
  struct Row {
    std::string target;
    Kind kind;
    std::string name;
  };
  const auto row = GENERATE(values<Row>({
      {"/v2/manifests/manifests/manifests", Kind::manifest, "manifests"},
      {"/v2/a/manifests/tags/list", Kind::tags, "a/manifests"},
      {"/v2/a/tags/list/manifests/latest", Kind::manifest, "a/tags/list"},
      {"/v2/a/blobs/uploads/blobs/" + kDigest, Kind::blob, "a/blobs/uploads"},
      {"/v2/a/blobs/uploads/manifests/latest", Kind::manifest, "a/blobs/uploads"},
      {"/v2/blobs/blobs/uploads/", Kind::upload_start, "blobs"},
      {"/v2/a/blobs/uploads/blobs/uploads/id", Kind::upload, "a/blobs/uploads"},
      {"/v2/a/referrers/referrers/" + kDigest, Kind::referrers, "a/referrers"},
  }));
  CAPTURE(row.target);
  const auto path = parse_oci_path(row.target);
  REQUIRE(path);
  CHECK(path->kind == row.kind);
  CHECK(path->name == row.name);
}

TEST_CASE("what is malformed is refused by the part that is") {
  struct Row {
    std::string target;
    Bad kind;
  };
  const auto row = GENERATE(values<Row>({
      {"/v2/Alpine/manifests/latest", Bad::name_invalid},
      {"/v2/-a/manifests/latest", Bad::name_invalid},
      {"/v2/a..b/manifests/latest", Bad::name_invalid},
      {"/v2/a___b/manifests/latest", Bad::name_invalid},
      {"/v2/" + std::string(256, 'a') + "/manifests/latest", Bad::name_invalid},
      {"/v2/UPPER/blobs/nonsense", Bad::name_invalid},
      {"/v2/a/blobs/sha256:abc", Bad::digest_invalid},
      {"/v2/a/blobs/latest", Bad::digest_invalid},
      {"/v2/a/blobs/sha256:" + std::string(64, 'A'), Bad::digest_invalid},
      {"/v2/a/manifests/md5:" + std::string(32, 'a'), Bad::digest_invalid},
      {"/v2/a/referrers/latest", Bad::digest_invalid},
      {"/v2/a/blobs/uploads/x?digest=sha256:abc", Bad::digest_invalid},
      {"/v2/a/blobs/uploads/?mount=nonsense", Bad::digest_invalid},
      {"/v2/a/manifests/.hidden", Bad::tag_invalid},
      {"/v2/a/manifests/" + std::string(129, 'a'), Bad::tag_invalid},
      {"/v2/a/manifests/x?tag=-no", Bad::tag_invalid},
      {"/v2/a/tags/list?n=-1", Bad::page_invalid},
      {"/v2/a/tags/list?n=ten", Bad::page_invalid},
      {"/v2//manifests/latest", Bad::target_invalid},
      {"/v2/a//manifests/latest", Bad::target_invalid},
      {"/v2/../etc/passwd", Bad::target_invalid},
      {"/v2/a/%2e%2e/manifests/latest", Bad::target_invalid},
      {"/v2/a/./manifests/latest", Bad::target_invalid},
      {"/v2/a/manifests/lat%00est", Bad::target_invalid},
      {"/v2/a/manifests/lat%zzest", Bad::target_invalid},
      {"/v2/a/manifests/latest/", Bad::target_invalid},
      {"/v2/a/blobs/uploads/%20", Bad::target_invalid},
      {"/v2/a/manifests/x?ns=%0d%0a", Bad::target_invalid},
      {"/v2/a/manifests/x?ns=%", Bad::target_invalid},
  }));
  CAPTURE(row.target);
  const auto path = parse_oci_path(row.target);
  REQUIRE_FALSE(path);
  CHECK(path.error().kind == row.kind);
}

TEST_CASE("names are those of the specification's grammar") {
  CHECK(is_oci_name("a"));
  CHECK(is_oci_name("a/b-c/d.e/f_g/h__i/j---k"));
  CHECK(is_oci_name(std::string(255, 'a')));
  CHECK_FALSE(is_oci_name(""));
  CHECK_FALSE(is_oci_name("a/"));
  CHECK_FALSE(is_oci_name("/a"));
  CHECK_FALSE(is_oci_name("a.-b"));
  CHECK_FALSE(is_oci_name("a_"));
  CHECK_FALSE(is_oci_name("a b"));
  CHECK_FALSE(is_oci_name("\xc3\xa4"));
}

TEST_CASE("parameters are decoded where they belong and ignored elsewhere") {
  const auto list = parse_oci_path("/v2/a/tags/list?n=20&last=v1%2B2+x&ns=docker.io&next_page=abc%3D");
  REQUIRE(list);
  CHECK(list->query.n == 20);
  CHECK(list->query.last == "v1+2 x");
  CHECK(list->query.ns == "docker.io");
  CHECK(list->query.forwarded == "n=20&last=v1%2B2+x&next_page=abc%3D");

  CHECK(parse_oci_path("/v2/a/tags/list?n=99999999999999999999")->query.n == UINT64_MAX);
  CHECK_FALSE(parse_oci_path("/v2/a/manifests/x?n=ten")->query.n);
  CHECK_FALSE(parse_oci_path("/v2/a/manifests/x?digest=none")->query.digest);

  const auto put = parse_oci_path("/v2/a/manifests/" + kDigest + "?tag=one&tag=two");
  CHECK(put->query.tags == std::vector<std::string>{"one", "two"});
  const auto mount =
      parse_oci_path("/v2/a/blobs/uploads/?mount=" + kDigest + "&from=b/c&digest-algorithm=sha512");
  CHECK(mount->query.mount->text() == kDigest);
  CHECK(mount->query.from == "b/c");
  CHECK(mount->query.digest_algorithm == "sha512");
  CHECK(
      parse_oci_path("/v2/a/referrers/" + kDigest + "?artifactType=application/x%2By")->query.artifact_type ==
      "application/x+y");
  CHECK(parse_oci_path("/v2/a/referrers/" + kDigest + "?artifactType=application/x+y")->query.artifact_type ==
        "application/x+y");
  CHECK(parse_oci_path("/v2/a/manifests/x?ns=one&ns=two")->query.ns == "one");
  CHECK(parse_oci_path("/v2/a/manifests/x?&&ns")->query.ns.empty());
}

}  // namespace
}  // namespace breakwater::routes
