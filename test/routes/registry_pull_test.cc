#include "test/catch.h"
#include "test/fakes/registry_world.h"

namespace breakwater::test {
namespace {

using store::Algorithm;

constexpr const char* kRepository = "team/app";

std::string unknown_digest(Algorithm algorithm) {
  return store::digest_of(algorithm, std::string("nobody pushed this")).text();
}

}  // namespace

TEST_CASE("a blob is pulled with its bytes, length and digest, and HEAD says the same") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  RegistryWorld world;
  const auto content = content_of(70'000, 1);
  const auto blob = world.push_blob(kRepository, content, kLayerType, algorithm);
  const auto pulled = world.get(blob_path(kRepository, blob.digest));
  CHECK(pulled.status == 200);
  CHECK(pulled.body == content);
  const auto asked = world.head(blob_path(kRepository, blob.digest));
  CHECK(asked.status == 200);
  for (const auto& reply : {pulled, asked}) {
    CHECK(reply["Content-Length"] == "70000");
    CHECK(reply["Content-Type"] == "application/octet-stream");
    CHECK(reply["Docker-Content-Digest"] == blob.digest.text());
    CHECK(reply["ETag"] == '"' + blob.digest.text() + '"');
    CHECK(reply["Accept-Ranges"] == "bytes");
    CHECK_FALSE(reply.has("Content-Encoding"));
  }
}

TEST_CASE("a manifest is pulled by its digest and by its tag, with exact bytes, type, length and digest") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  RegistryWorld world;
  const auto text = world.made_image(kRepository, 1, algorithm).text() + "\n   ";
  const auto digest = store::digest_of(algorithm, text);
  CHECK(world.put_manifest(kRepository, digest.text() + "?tag=1.0", text).status == 201);
  for (const auto& reference : {digest.text(), std::string("1.0")}) {
    const auto pulled = world.get(manifest_path(kRepository, reference));
    CHECK(pulled.status == 200);
    CHECK(pulled.body == text);
    const auto asked = world.head(manifest_path(kRepository, reference));
    CHECK(asked.status == 200);
    for (const auto& reply : {pulled, asked}) {
      CHECK(reply["Content-Length"] == std::to_string(text.size()));
      CHECK(reply["Content-Type"] == routes::kOciManifest);
      CHECK(reply["Docker-Content-Digest"] == digest.text());
    }
  }
}

TEST_CASE("what is not there is 404, and the body says what is unknown") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  RegistryWorld world;
  world.push_image(kRepository, "latest", 1);
  const auto digest = unknown_digest(algorithm);
  for (const std::string repository : {kRepository, "team/other"}) {
    CHECK(world.get("/v2/" + repository + "/blobs/" + digest).says("BLOB_UNKNOWN"));
    CHECK(world.get(manifest_path(repository, digest)).says("MANIFEST_UNKNOWN"));
    CHECK(world.get(manifest_path(repository, "none")).says("MANIFEST_UNKNOWN"));
    for (const auto& target : {"/v2/" + repository + "/blobs/" + digest, manifest_path(repository, digest),
                               manifest_path(repository, "none")}) {
      CHECK(world.get(target).status == 404);
      CHECK(world.head(target).status == 404);
    }
  }
}

TEST_CASE("HEAD, whose answer has no body, says in its first line what GET says in its body") {
  RegistryWorld world;
  world.push_image(kRepository, "latest", 1);
  const auto client = world.connect();
  client->send("HEAD " + manifest_path(kRepository, "nope") + " HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(
      client->receive_reply_to_head().starts_with("HTTP/1.1 404 Not Found: manifest unknown: team/app has no "
                                                  "tag nope; check the name and the tag (trace "));
}

TEST_CASE("who asks for an image of Docker Hub here is told where those are, if they are anywhere") {
  const bool is_anywhere = GENERATE(true, false);
  RegistryWorld world;
  if (is_anywhere) world.settings.hub_at = "route dockerhub, port 5000";
  const auto body = world.get(manifest_path("library/alpine", "3.20")).body;
  CAPTURE(body);
  CHECK(body.find("library/alpine has no tag 3.20; check the name and the tag") != std::string::npos);
  CHECK((body.find("; images of docker.io are at route dockerhub, port 5000 (trace") != std::string::npos) ==
        is_anywhere);
}

TEST_CASE("a malformed reference is 400 or 404, never a manifest") {
  RegistryWorld world;
  world.push_image(kRepository, "latest", 1);
  CHECK(world.get(manifest_path(kRepository, "sha256:baddigeststring")).says("DIGEST_INVALID"));
  CHECK(world.get(manifest_path(kRepository, "sha256:baddigeststring")).status == 400);
  CHECK(world.get("/v2/team/app/blobs/sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709").status == 400);
  CHECK(world.get(manifest_path(kRepository, ".INVALID_MANIFEST_NAME")).status == 404);
  CHECK(world.get("/v2/team/APP/manifests/latest").says("NAME_INVALID"));
}

TEST_CASE("a manifest is served as it was stored, whatever the client accepts") {
  RegistryWorld world;
  const auto image = world.push_image(kRepository, "image", 1);
  world.push_manifest(kRepository, "index", [&] {
    MadeManifest index;
    index.media_type = routes::kOciIndex;
    index.manifests = {image};
    return index;
  }());
  const auto pulled =
      world.get(manifest_path(kRepository, "index"), {{"Accept", std::string(routes::kDockerManifest)}});
  CHECK(pulled.status == 200);
  CHECK(pulled["Content-Type"] == routes::kOciIndex);
}

TEST_CASE("parameters of a manifest's Content-Type are not served again") {
  RegistryWorld world;
  const auto text = world.made_image(kRepository, 1).text();
  CHECK(world.put_manifest(kRepository, "latest", text, std::string(routes::kOciManifest) + "; charset=utf-8")
            .status == 201);
  CHECK(world.get(manifest_path(kRepository, "latest"))["Content-Type"] == routes::kOciManifest);
}

TEST_CASE("a part of a blob is served with where it lies") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  RegistryWorld world;
  const auto content = content_of(2048, 5);
  const auto target =
      blob_path(kRepository, world.push_blob(kRepository, content, kLayerType, algorithm).digest);
  struct Row {
    std::string range;
    size_t first, last;
  };
  for (const Row& row : {Row{"bytes=500-1499", 500, 1499}, Row{"bytes=500-", 500, 2047},
                         Row{"bytes=-500", 1548, 2047}, Row{"bytes=2000-5000", 2000, 2047}}) {
    CAPTURE(row.range);
    const auto part = world.get(target, {{"Range", row.range}});
    CHECK(part.status == 206);
    CHECK(part.body == content.substr(row.first, row.last - row.first + 1));
    CHECK(part["Content-Range"] ==
          "bytes " + std::to_string(row.first) + "-" + std::to_string(row.last) + "/2048");
    CHECK(part["Content-Length"] == std::to_string(part.body.size()));
    CHECK(part["Docker-Content-Digest"].starts_with(store::name_of(algorithm)));
  }
  for (const std::string range : {"bytes=5000-10000", "bytes=500-0"}) {
    CAPTURE(range);
    const auto refused = world.get(target, {{"Range", range}});
    CHECK(refused.status == 416);
    CHECK(refused["Content-Range"] == "bytes */2048");
  }
}

TEST_CASE("who has it already is told so and sent nothing") {
  RegistryWorld world;
  const auto image = world.push_image(kRepository, "latest", 1);
  const auto blob = world.push_blob(kRepository, content_of(100, 9));
  for (const auto& [target, digest] : {std::pair(blob_path(kRepository, blob.digest), blob.digest),
                                       std::pair(manifest_path(kRepository, "latest"), image.digest)}) {
    const auto reply = world.get(target, {{"If-None-Match", '"' + digest.text() + '"'}});
    CHECK(reply.status == 304);
    CHECK(reply.body.empty());
    CHECK(reply["Docker-Content-Digest"] == digest.text());
  }
}

TEST_CASE("a blob is served only in the repositories that it was pushed to or mounted into") {
  RegistryWorld world;
  const auto blob = world.push_blob("one", content_of(1000, 3));
  CHECK(world.get(blob_path("one", blob.digest)).status == 200);
  CHECK(world.get(blob_path("two", blob.digest)).says("BLOB_UNKNOWN"));
  CHECK(world.head(blob_path("two", blob.digest)).status == 404);
}

TEST_CASE("a manifest is served only in the repositories that it was pushed to") {
  RegistryWorld world;
  const auto image = world.push_image("one", "latest", 3);
  CHECK(world.get(manifest_path("one", image.digest.text())).status == 200);
  CHECK(world.get(manifest_path("two", image.digest.text())).says("MANIFEST_UNKNOWN"));
}

TEST_CASE("HEAD and GET of a manifest's digest under blobs agree") {
  RegistryWorld world;
  const auto image = world.push_image(kRepository, "latest", 3);
  CHECK(world.head(blob_path(kRepository, image.digest)).status ==
        world.get(blob_path(kRepository, image.digest)).status);
}

TEST_CASE("a restart loses nothing that was answered 201") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  RegistryWorld world;
  const auto image = world.made_image(kRepository, 4, algorithm);
  const auto digest = store::digest_of(algorithm, image.text());
  CHECK(world.put_manifest(kRepository, digest.text() + "?tag=latest", image.text()).status == 201);
  world.stop();
  CHECK(world.get(manifest_path(kRepository, "latest")).body == image.text());
  CHECK(world.get(manifest_path(kRepository, digest.text())).body == image.text());
  CHECK(world.get(blob_path(kRepository, image.layers[0].digest)).body == content_of(5000, 4));
}

}  // namespace breakwater::test
