#include "routes/oci/manifest.h"

#include <string>

#include "routes/oci/media_type.h"
#include "test/catch.h"

namespace breakwater::routes {
namespace {

const store::Digest kSelf = *store::Digest::parse("sha256:" + std::string(64, '0'));

std::string digest_text(char fill) { return "sha256:" + std::string(64, fill); }

std::string descriptor(std::string_view type, char fill, int size = 10) {
  return R"({"mediaType":")" + std::string(type) + R"(","digest":")" + digest_text(fill) + R"(","size":)" +
         std::to_string(size) + "}";
}

constexpr std::string_view kConfig = "application/vnd.oci.image.config.v1+json";
constexpr std::string_view kLayer = "application/vnd.oci.image.layer.v1.tar+gzip";

std::string image(const std::string& layers, const std::string& more = "") {
  return R"({"schemaVersion":2,"config":)" + descriptor(kConfig, 'c', 7) + R"(,"layers":[)" + layers + "]" +
         more + "}";
}
std::string index(const std::string& manifests, const std::string& more = "") {
  return R"({"schemaVersion":2,"manifests":[)" + manifests + "]" + more + "}";
}

TEST_CASE("an image needs its config and each of its layers once") {
  const auto read = read_manifest(image(descriptor(kLayer, '1', 11) + "," + descriptor(kLayer, '2', 12) +
                                        "," + descriptor(kLayer, '1', 11)),
                                  kOciManifest, kSelf);
  REQUIRE(read);
  const auto& children = read->content.children;
  REQUIRE(children.size() == 3);
  CHECK(children[0].digest.text() == digest_text('c'));
  CHECK(children[1].digest.text() == digest_text('1'));
  CHECK(children[1].edge.size == 11);
  CHECK(children[1].edge.media_type == kLayer);
  CHECK_FALSE(children[1].edge.is_manifest);
  CHECK(children[2].digest.text() == digest_text('2'));
  CHECK(read->content.record.media_type == kOciManifest);
  CHECK(read->content.record.artifact_type == kConfig);
  CHECK_FALSE(read->content.record.subject);
  CHECK(read->content.referrer_descriptor.empty());
}

TEST_CASE("an index needs its manifests, and layers where BuildKit's older cache lists them") {
  const auto text =
      index(descriptor(kOciManifest, '1') + "," + descriptor(kDockerList, '2') + "," +
            descriptor(kLayer, '3') + "," + descriptor("application/vnd.buildkit.cacheconfig.v0", '4'));
  const auto read = read_manifest(text, "application/vnd.oci.image.index.v1+json; charset=utf-8", kSelf);
  REQUIRE(read);
  const auto& children = read->content.children;
  REQUIRE(children.size() == 4);
  CHECK(children[0].edge.is_manifest);
  CHECK(children[1].edge.is_manifest);
  CHECK_FALSE(children[2].edge.is_manifest);
  CHECK_FALSE(children[3].edge.is_manifest);
  CHECK(read->content.record.media_type == kOciIndex);
}

TEST_CASE("a manifest's type is what came with it, else its own word, else what it looks like") {
  struct Row {
    std::string content_type;
    std::string body;
    std::string_view expected;
  };
  const std::string docker = R"(,"mediaType":"application/vnd.docker.distribution.manifest.v2+json")";
  const auto row = GENERATE_COPY(values<Row>({
      {std::string(kOciManifest), image(""), kOciManifest},
      {"Application/vnd.OCI.image.manifest.v1+json ; x=y", image(""), kOciManifest},
      {"", image(""), kOciManifest},
      {"application/json", image("", docker), kDockerManifest},
      {"application/octet-stream", index(""), kOciIndex},
      {std::string(kOciManifest), image("", docker), kDockerManifest},
      {"", R"({"schemaVersion":1,"fsLayers":[],"signatures":[]})", kDockerSchema1Signed},
      {"", R"({"schemaVersion":1,"fsLayers":[]})", kDockerSchema1},
      {"application/vnd.example+json", R"({"a":1})", "application/vnd.example+json"},
      {"application/vnd.Example+json", R"({"a":1})", "application/vnd.Example+json"},
  }));
  CAPTURE(row.content_type, row.body);
  const auto read = read_manifest(row.body, row.content_type, kSelf);
  REQUIRE(read);
  CHECK(read->content.record.media_type == row.expected);
}

TEST_CASE("what is no manifest is invalid") {
  struct Row {
    std::string content_type;
    std::string body;
  };
  const std::string oci(kOciManifest), list(kOciIndex);
  const auto row = GENERATE_COPY(values<Row>({
      {oci, ""},
      {oci, "not JSON"},
      {oci, "[]"},
      {"", "{}"},
      {"text/html; charset=utf-8", "{}"},
      {oci, "{}"},
      {oci, index("")},
      {list, image("")},
      {oci, image("", R"(,"manifests":[])")},
      {list, index("", R"(,"layers":[])")},
      {oci, image("", R"(,"mediaType":"application/vnd.oci.image.index.v1+json")")},
      {oci, R"({"config":{},"layers":[]})"},
      {oci, image(R"({"digest":"sha256:abc","size":1})")},
      {oci, image(R"({"digest":")" + digest_text('1') + R"("})")},
      {oci, image(R"({"size":-1,"digest":")" + digest_text('1') + R"("})")},
      {oci, image(R"({"size":1.5,"digest":")" + digest_text('1') + R"("})")},
      {oci, image("7")},
      {oci, R"({"config":)" + descriptor(kConfig, 'c') + R"(,"layers":{}})"},
      {oci, image("", R"(,"subject":{"digest":"none"})")},
  }));
  CAPTURE(row.content_type, row.body);
  const auto read = read_manifest(row.body, row.content_type, kSelf);
  REQUIRE_FALSE(read);
  CHECK(read.error().kind == Error::Kind::invalid);
}

TEST_CASE("a mirror follows what it understands of a manifest, and nothing in it is an error") {
  const std::string oci(kOciManifest), list(kOciIndex);
  const auto children = [](const std::string& body, const std::string& type) {
    std::vector<std::string> found;
    const auto read = read_carried_manifest(body, type, kSelf);
    for (const auto& child : read.content.children)
      found.push_back(child.digest.hex().substr(0, 1) + ":" + std::to_string(child.edge.size));
    for (const auto& child : read.content.foreign) found.push_back("~" + child.digest.hex().substr(0, 1));
    return found;
  };
  using Found = std::vector<std::string>;
  const std::string layer = R"("digest":")" + digest_text('1') + "\"";
  for (const char* size : {R"("size":-1,)", R"("size":500.0,)", R"("size":"500",)", R"("size":null,)", ""}) {
    CAPTURE(size);
    CHECK(children(image("{" + std::string(size) + layer + "}"), oci) == Found{"c:7", "1:0"});
    CHECK(children(index("{" + std::string(size) + layer + "}"), list) == Found{"1:0"});
  }
  CHECK(children(image(R"({"digest":"sha384:)" + std::string(96, '1') + R"(","size":1},7,{})"), oci) ==
        Found{"c:7"});
  CHECK(children(R"({"schemaVersion":2,"manifests":null})", list).empty());
  CHECK(children(R"({"config":{},"layers":[{"size":3,)" + layer + "}]}", oci) == Found{"1:3"});
  CHECK(children(image("", R"(,"manifests":[])"), oci) == Found{"~c"});
  CHECK(children(R"({"config":7,"layers":"x","manifests":{}})", oci).empty());
  CHECK_FALSE(
      read_carried_manifest(image("", R"(,"subject":{"digest":"none"})"), oci, kSelf).content.record.subject);
  CHECK(read_carried_manifest(image("", R"(,"subject":{)" + layer + "}"), oci, kSelf).content.record.subject);
}

TEST_CASE("a mirror calls a manifest as upstream did, and knows JSON from a web page") {
  struct Row {
    std::string type, body, called;
    bool is_readable;
  };
  const std::string deep = R"({"a":)" + std::string(100, '[') + std::string(100, ']') + "}";
  const auto row = GENERATE_COPY(values<Row>({
      {"", "{}", "application/octet-stream", true},
      {"application/json", "{}", "application/octet-stream", true},
      {"application/vnd.own+json", "{}", "application/vnd.own+json", true},
      {"text/html; charset=utf-8", "{}", "application/octet-stream", true},
      {"text/html", image(""), std::string(kOciManifest), true},
      {std::string(kOciManifest), index(""), std::string(kOciManifest), true},
      {std::string(kOciManifest), deep, std::string(kOciManifest), true},
      {std::string(kOciManifest), deep.substr(0, 120), std::string(kOciManifest), false},
      {std::string(kOciManifest), "<html>{}", std::string(kOciManifest), false},
      {std::string(kOciManifest), image("").substr(0, 30), std::string(kOciManifest), false},
      {"application/x-tar", "\x01", "application/x-tar", false},
  }));
  CAPTURE(row.type, row.body);
  const auto read = read_carried_manifest(row.body, row.type, kSelf);
  CHECK(read.content.record.media_type == row.called);
  CHECK(read.content.record.size == row.body.size());
  CHECK(read.is_readable == row.is_readable);
}

TEST_CASE("a manifest with a subject has the descriptor that the referrers API lists") {
  const auto text = image("", R"(,"artifactType":"application/x","subject":)" +
                                  descriptor(kOciManifest, 'b') + R"(,"annotations":{"k":"v"})");
  const auto read = read_manifest(text, kOciManifest, kSelf);
  REQUIRE(read);
  CHECK(read->content.record.subject->text() == digest_text('b'));
  CHECK(read->content.record.artifact_type == "application/x");
  CHECK(read->content.referrer_descriptor ==
        R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" + kSelf.text() +
            R"(","size":)" + std::to_string(text.size()) +
            R"(,"artifactType":"application/x","annotations":{"k":"v"}})");
  CHECK(read->content.short_descriptor ==
        R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" + kSelf.text() +
            R"(","size":)" + std::to_string(text.size()) + R"(,"artifactType":"application/x"})");
}

TEST_CASE("a type that is longer than any request can ask for counts as none") {
  const auto text = image("", R"(,"artifactType":")" + std::string(2000, 'x') + R"(","subject":)" +
                                  descriptor(kOciManifest, 'b'));
  const auto read = read_manifest(text, kOciManifest, kSelf);
  REQUIRE(read);
  CHECK(read->content.record.artifact_type.size() < 100);  // its config's
  CHECK(read->content.referrer_descriptor.size() < 500);
  const auto layered = read_manifest(image(descriptor(std::string(2000, 'y'), '1')), kOciManifest, kSelf);
  REQUIRE(layered);
  for (const auto& child : layered->content.children) CHECK(child.edge.media_type.size() < 100);
}

TEST_CASE("layers that a registry need not have are welcome and not needed") {
  const auto text = image(descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", '1') + "," +
                          descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", '2') +
                          "," + descriptor(kLayer, '3'));
  const auto read = read_manifest(text, kDockerManifest, kSelf);
  REQUIRE(read);
  CHECK(read->content.foreign.size() == 2);
  CHECK(read->content.children.size() == 2);
  const auto both =
      read_manifest(image(descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", '1') + "," +
                          descriptor(kLayer, '1')),
                    kOciManifest, kSelf);
  REQUIRE(both);
  CHECK(both->content.foreign.empty());
  CHECK(both->content.children.size() == 2);
}

TEST_CASE("what a manifest of an unknown type seems to name is welcome") {
  struct Row {
    std::string_view content_type;
    std::string body;
    size_t welcome;
  };
  const std::string two = descriptor(kLayer, '1') + "," + descriptor(kLayer, '2');
  const auto row = GENERATE_COPY(values<Row>({
      {"application/vnd.example+json",
       R"({"config":)" + descriptor(kConfig, 'c') + R"(,"layers":[)" + two + "]}", 3},
      {"application/vnd.cncf.oras.artifact.manifest.v1+json", R"({"blobs":[)" + two + "]}", 2},
      {kDockerSchema1Signed,
       R"({"fsLayers":[{"blobSum":")" + digest_text('1') + R"("},{"blobSum":")" + digest_text('1') +
           R"("}]})",
       1},
      {"application/vnd.example+json",
       R"({"config":7,"layers":[7,{"digest":7},{"digest":"none"},null],"manifests":{}})", 0},
  }));
  CAPTURE(row.content_type, row.body);
  const auto read = read_manifest(row.body, row.content_type, kSelf);
  REQUIRE(read);
  CHECK(read->content.children.empty());
  CHECK(read->content.foreign.size() == row.welcome);
}

TEST_CASE("bytes of a type of their own need not be JSON, and keep their type as it was told") {
  const auto bytes =
      GENERATE(std::string("\x01\x02"), std::string(), std::string("[1]"), std::string(4 << 20, '['));
  const auto read = read_manifest(bytes, "application/vnd.Example.Thing; v=1", kSelf);
  REQUIRE(read);
  CHECK_FALSE(read->is_readable);
  CHECK(read->content.record.media_type == "application/vnd.Example.Thing");
  CHECK(read->content.record.size == bytes.size());
  CHECK_FALSE(read_manifest(bytes, "", kSelf));
  CHECK_FALSE(read_manifest(bytes, "text/plain", kSelf));
  CHECK_FALSE(read_manifest(bytes, "text/html", kSelf));
}

TEST_CASE("an image's list of layers may be null, as Go writes an empty one") {
  const auto read =
      read_manifest(R"({"config":)" + descriptor(kConfig, 'c') + R"(,"layers":null})", kOciManifest, kSelf);
  REQUIRE(read);
  CHECK(read->content.children.size() == 1);
}

TEST_CASE("an artifact needs its blobs") {
  const auto read =
      read_manifest(R"({"artifactType":"application/x","blobs":[)" + descriptor("application/y", '1') + "]}",
                    kOciArtifact, kSelf);
  REQUIRE(read);
  CHECK(read->content.children.size() == 1);
  CHECK(read->content.record.artifact_type == "application/x");
}

TEST_CASE("a manifest longer than 4 MiB is refused and one of just that length is not") {
  const std::string start = R"({"schemaVersion":2,"manifests":[],"annotations":{"k":")";
  const std::string fits = start + std::string(kManifestBytesMax - start.size() - 3, 'x') + R"("}})";
  REQUIRE(fits.size() == kManifestBytesMax);
  CHECK(read_manifest(fits, kOciIndex, kSelf));
  CHECK_FALSE(read_manifest(fits + " ", kOciIndex, kSelf));
}

TEST_CASE("hostile JSON is refused before it is parsed") {
  CHECK_FALSE(read_manifest(std::string(4 << 20, '['), kOciIndex, kSelf));
  std::string many = R"({"manifests":[)";
  for (int i = 0; i < 600'000; ++i) many += "{},";
  CHECK_FALSE(read_manifest(many + "{}]}", kOciIndex, kSelf));
  const std::string brackets = std::string(1000, '[');
  CHECK(read_manifest(index("", R"(,"annotations":{"k":"\")" + brackets + R"("})"), kOciIndex, kSelf));
}

}  // namespace
}  // namespace breakwater::routes
