// What may be stored as a manifest, under which names, and what the answer says about it.
#include "test/catch.h"
#include "test/fakes/registry_world.h"

namespace breakwater::test {
namespace {

using proxy::Headers;
using store::Algorithm;

constexpr const char* kRepository = "team/app";

Descriptor missing(std::string_view type, uint32_t seed, Algorithm algorithm = Algorithm::sha256) {
  return Descriptor(type, store::digest_of(algorithm, "missing " + std::to_string(seed)), 10);
}

MadeManifest index_of(std::vector<Descriptor> manifests, std::string_view type = routes::kOciIndex) {
  MadeManifest index;
  index.media_type = type;
  index.manifests = std::move(manifests);
  return index;
}

// An image manifest padded to `size` bytes by white space, which is kept like every other byte.
std::string padded(const MadeManifest& manifest, size_t size) {
  auto text = manifest.text();
  return text + std::string(size - text.size(), ' ');
}

}  // namespace

TEST_CASE("a manifest is pushed by tag, and the tag can be moved") {
  RegistryWorld world;
  const auto first = world.made_image(kRepository, 1).text(),
             second = world.made_image(kRepository, 2).text();
  const auto pushed = world.put_manifest(kRepository, "latest", first);
  CHECK(pushed.status == 201);
  CHECK(pushed["Location"] == manifest_path(kRepository, digest_of(first).text()));
  CHECK(pushed["Docker-Content-Digest"] == digest_of(first).text());
  CHECK_FALSE(pushed.has("OCI-Subject"));
  CHECK_FALSE(pushed.has("Warning"));
  CHECK(world.get(pushed["Location"]).body == first);
  CHECK(world.put_manifest(kRepository, "latest", second).status == 201);
  CHECK(world.get(manifest_path(kRepository, "latest")).body == second);
  CHECK(world.get(manifest_path(kRepository, digest_of(first).text())).body == first);
}

TEST_CASE("an immutable tag keeps what it names, however the push names it, until it is deleted") {
  RegistryWorld world;
  store::RetentionPolicy policy;
  policy.repositories = {"team/*"};
  policy.immutable = {"v*"};
  world.files.settings.retention["private"] = {policy};
  const auto first = world.made_image(kRepository, 1).text(),
             second = world.made_image(kRepository, 2).text();
  const auto second_by_digest = digest_of(second).text();
  REQUIRE(world.put_manifest(kRepository, "v1", first).status == 201);
  CHECK(world.put_manifest(kRepository, "v1", first).status == 201);
  CHECK(world.put_manifest(kRepository, digest_of(first).text() + "?tag=v1&tag=v2", first).status == 201);
  // Of several tags none moves if one may not.
  for (const auto& reference : {std::string("v1"), second_by_digest + "?tag=latest&tag=v1"}) {
    CAPTURE(reference);
    const auto denied = world.put_manifest(kRepository, reference, second);
    CHECK(denied.status == 403);
    CHECK(denied.says("DENIED"));
    CHECK(denied.body.find("tag v1 is immutable, and names " + digest_of(first).text()) != std::string::npos);
  }
  CHECK(world.get(manifest_path(kRepository, "latest")).status == 404);
  CHECK(world.get(manifest_path(kRepository, "v1")).body == first);
  CHECK(world.put_manifest(kRepository, "latest", first).status == 201);
  CHECK(world.put_manifest(kRepository, "latest", second).status == 201);
  CHECK(world.remove(manifest_path(kRepository, "v1")).status == 202);
  CHECK(world.put_manifest(kRepository, "v1", second).status == 201);

  const auto elsewhere_first = world.made_image("other/app", 1).text(),
             elsewhere_second = world.made_image("other/app", 2).text();
  CHECK(world.put_manifest("other/app", "v1", elsewhere_first).status == 201);
  CHECK(world.put_manifest("other/app", "v1", elsewhere_second).status == 201);
}

TEST_CASE("a manifest is pushed by digest, with as many tags as the request names") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  const size_t tags = GENERATE(size_t{0}, size_t{1}, size_t{4}, size_t{12});
  RegistryWorld world;
  const auto text = world.made_image(kRepository, 3, algorithm).text();
  const auto digest = store::digest_of(algorithm, text);
  std::string query, names;
  for (size_t i = 0; i < tags; ++i) {
    query += (i == 0 ? "?tag=1." : "&tag=1.") + std::to_string(i);
    names += (i == 0 ? "1." : ", 1.") + std::to_string(i);
  }
  const auto pushed = world.put_manifest(kRepository, digest.text() + query, text);
  CHECK(pushed.status == 201);
  CHECK(pushed["Docker-Content-Digest"] == digest.text());
  CHECK(pushed["Location"] == manifest_path(kRepository, digest.text()));
  CHECK(pushed.headers.all("OCI-Tag") == names);
  for (size_t i = 0; i < tags; ++i)
    CHECK(world.head(manifest_path(kRepository, "1." + std::to_string(i)))["Docker-Content-Digest"] ==
          digest.text());
  CHECK(world.get(pushed["Location"]).body == text);
}

TEST_CASE("a manifest whose digest is not that of its URL is DIGEST_INVALID, and nothing is stored") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  RegistryWorld world;
  const auto text = world.made_image(kRepository, 4, algorithm).text();
  const auto digest = store::digest_of(algorithm, text);
  const auto refused = world.put_manifest(kRepository, digest.text() + "?tag=latest", text + " ");
  CHECK(refused.status == 400);
  CHECK(refused.says("DIGEST_INVALID"));
  CHECK(world.put_manifest(kRepository, "sha256:baddigeststring", text).says("DIGEST_INVALID"));
  CHECK(world.get(manifest_path(kRepository, digest.text())).status == 404);
  CHECK(world.get(manifest_path(kRepository, "latest")).status == 404);
}

TEST_CASE(
    "a manifest that names what is not there is 400 MANIFEST_BLOB_UNKNOWN with the digests, and nothing is "
    "stored") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  RegistryWorld world;
  const auto whole = world.made_image(kRepository, 5, algorithm);
  auto no_config = whole, no_layers = whole;
  no_config.config = missing(kConfigType, 1, algorithm);
  no_layers.layers.push_back(missing(kLayerType, 2, algorithm));
  no_layers.layers.push_back(missing(kLayerType, 3, algorithm));
  auto no_foreign_config = whole;
  no_foreign_config.config = missing(kForeignLayerType, 5, algorithm);
  const auto no_child = index_of({missing(routes::kOciManifest, 4, algorithm)});
  for (const auto& manifest : {no_config, no_foreign_config, no_layers, no_child}) {
    const auto text = manifest.text();
    const auto refused = world.put_manifest(kRepository, "latest", text, manifest.media_type);
    CHECK(refused.status == 400);
    CHECK(refused.says("MANIFEST_BLOB_UNKNOWN"));
    CHECK(world.get(manifest_path(kRepository, "latest")).status == 404);
    CHECK(world.get(manifest_path(kRepository, digest_of(text).text())).status == 404);
    CHECK_FALSE(world.has_file(digest_of(text)));
  }
  const auto refused = world.put_manifest(kRepository, "latest", no_layers.text());
  CHECK(refused.body.find(no_layers.layers[1].digest.text()) != std::string::npos);
  CHECK(refused.body.find(no_layers.layers[2].digest.text()) != std::string::npos);
  CHECK(refused.body.find(no_layers.layers[0].digest.text()) == std::string::npos);
}

TEST_CASE("what another repository has is not there until it is mounted") {
  RegistryWorld world;
  const auto image = world.made_image("other", 6);
  CHECK(world.put_manifest(kRepository, "latest", image.text()).says("MANIFEST_BLOB_UNKNOWN"));
  for (const auto& part : {*image.config, image.layers[0]}) {
    CHECK(world.post(uploads_path(kRepository) + "?mount=" + part.digest.text() + "&from=other").status ==
          201);
  }
  CHECK(world.put_manifest(kRepository, "latest", image.text()).status == 201);
}

TEST_CASE("a layer that a registry need not have, and a subject, may be missing") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  RegistryWorld world;
  auto image = world.made_image(kRepository, 7, algorithm);
  image.layers.push_back(missing(kForeignLayerType, 1, algorithm));
  image.layers.push_back(missing(kNondistributableLayerType, 2, algorithm));
  image.subject = missing(routes::kOciManifest, 3, algorithm);
  const auto pushed = world.put_manifest(kRepository, "latest", image.text());
  CHECK(pushed.status == 201);
  CHECK(pushed["OCI-Subject"] == image.subject->digest.text());
}

TEST_CASE("a layer that a registry need not have may be missing in an index too") {
  RegistryWorld world;
  const auto index =
      index_of({world.push_image(kRepository, "image", 9), missing(kNondistributableLayerType, 3)});
  CHECK(world.put_manifest(kRepository, "latest", index.text(), index.media_type).status == 201);
}

TEST_CASE("bytes of any other type are kept as they came") {
  RegistryWorld world;
  const std::string bytes("\x00\x01 no JSON", 10);
  CHECK(world.put_manifest(kRepository, "latest", bytes, "application/vnd.Example.Thing").status == 201);
  const auto got = world.get(manifest_path(kRepository, "latest"));
  CHECK((got.body == bytes));
  CHECK(got["Content-Type"] == "application/vnd.Example.Thing");
  CHECK(world.put_manifest(kRepository, "latest", bytes).status == 400);
}

TEST_CASE("an index with a subject is answered with OCI-Subject too") {
  RegistryWorld world;
  auto index = index_of({world.push_image(kRepository, "image", 8)});
  index.subject = missing(routes::kOciIndex, 1);
  CHECK(world.put_manifest(kRepository, "latest", index.text(), index.media_type)["OCI-Subject"] ==
        index.subject->digest.text());
}

TEST_CASE("an index may name blobs: BuildKit's old caches are such") {
  const std::string_view type = GENERATE(routes::kOciIndex, routes::kDockerList);
  RegistryWorld world;
  const auto layer = world.push_blob(kRepository, content_of(1000, 9));
  const auto config = world.push_blob(kRepository, R"({"layers":[]})", kCacheConfigType);
  const auto index = index_of({layer, config}, type);
  CHECK(world.put_manifest(kRepository, "cache", index.text(), type).status == 201);
  CHECK(world.get(manifest_path(kRepository, "cache"))["Content-Type"] == type);
}

TEST_CASE("an index may name indexes, and what is named may be a manifest where a blob is usual") {
  RegistryWorld world;
  const auto image = world.push_image(kRepository, "image", 10);
  const auto inner = world.push_manifest(kRepository, "inner", index_of({image}));
  CHECK(world.put_manifest(kRepository, "outer", index_of({inner, image}).text(), routes::kOciIndex).status ==
        201);
  auto of_manifests = world.made_image(kRepository, 10);
  of_manifests.layers.push_back(image);
  CHECK(world.put_manifest(kRepository, "artifact", of_manifests.text()).status == 201);
}

TEST_CASE("an index of nothing and an image of no layers are manifests") {
  RegistryWorld world;
  CHECK(world.put_manifest(kRepository, "empty", index_of({}).text(), routes::kOciIndex).status == 201);
  auto image = world.made_image(kRepository, 11);
  image.layers.clear();
  CHECK(world.put_manifest(kRepository, "no-layers", image.text()).status == 201);
}

TEST_CASE("manifests of every kind are kept byte for byte with their type") {
  RegistryWorld world;
  const auto image = world.made_image(kRepository, 12);
  auto docker = image, artifact = image;
  docker.media_type = routes::kDockerManifest;
  artifact.artifact_type = "application/vnd.example.sbom.v1";
  const auto child = world.push_manifest(kRepository, "child", image);
  const std::string opaque = R"(  {"layers":"not those of an image","config":["sha256:short"]} )";
  const std::string oci_artifact =
      R"({"mediaType":"application/vnd.oci.artifact.manifest.v1+json","artifactType":"a/b","blobs":[]})";
  const std::vector<std::pair<std::string, std::string>> kinds = {
      {std::string(routes::kOciManifest), image.text()},
      {std::string(routes::kDockerManifest), docker.text()},
      {std::string(routes::kOciManifest), artifact.text()},
      {std::string(routes::kOciIndex), index_of({child}).text()},
      {std::string(routes::kDockerList), index_of({child}, routes::kDockerList).text()},
      {std::string(routes::kOciArtifact), oci_artifact},
      {"application/vnd.example.manifest.v7", opaque},
  };
  for (const auto& [type, text] : kinds) {
    CAPTURE(type);
    CHECK(world.put_manifest(kRepository, "kind", text, type).status == 201);
    const auto pulled = world.get(manifest_path(kRepository, "kind"));
    CHECK((pulled.body == text));
    CHECK(pulled["Content-Type"] == type);
  }
}

TEST_CASE("a manifest without Content-Type has the type that it says itself") {
  RegistryWorld world;
  auto docker = world.made_image(kRepository, 13);
  docker.media_type = routes::kDockerManifest;
  CHECK(world.put_manifest(kRepository, "latest", docker.text(), "").status == 201);
  CHECK(world.get(manifest_path(kRepository, "latest"))["Content-Type"] == routes::kDockerManifest);
}

TEST_CASE("a body that is no manifest is MANIFEST_INVALID") {
  const std::string text = GENERATE(values<std::string>({
      "",
      "not json",
      "[]",
      "{}",
      R"({"schemaVersion":2,"config":"x","layers":[]})",
      R"({"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha256:short","size":1},"layers":[]})",
      R"({"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":-1},"layers":[]})",
  }));
  RegistryWorld world;
  CAPTURE(text);
  const auto refused = world.put_manifest(kRepository, "latest", text);
  CHECK(refused.status == 400);
  CHECK(refused.says("MANIFEST_INVALID"));
}

TEST_CASE("a tag that is none is refused, 64 hex digits and 128 characters are one") {
  RegistryWorld world;
  const auto text = world.made_image(kRepository, 14).text();
  for (const auto& tag :
       {std::string(64, 'a'), std::string(128, 'x'), std::string("_1.0-rc.1"), std::string("A")}) {
    CHECK(world.put_manifest(kRepository, tag, text).status == 201);
    CHECK(world.get(manifest_path(kRepository, tag)).body == text);
  }
  for (const auto& tag : {std::string(129, 'x'), std::string(".hidden"), std::string("-x"),
                          std::string("a+b"), std::string("a%20b")}) {
    CAPTURE(tag);
    CHECK(world.put_manifest(kRepository, tag, text).status == 400);
    CHECK(world
              .put_manifest(kRepository, digest_of(text).text() + "?tag=ok&tag=" + proxy::percent_encode(tag),
                            text)
              .status == 400);
  }
  CHECK(world.get(manifest_path(kRepository, "ok")).status == 404);
}

TEST_CASE("a manifest of 4 MiB is stored, one byte more is 413") {
  RegistryWorld world;
  const auto image = world.made_image(kRepository, 15);
  const auto largest = padded(image, 4 << 20), too_large = padded(image, (4 << 20) + 1);
  CHECK(world.put_manifest(kRepository, "largest", largest).status == 201);
  CHECK((world.get(manifest_path(kRepository, "largest")).body == largest));
  const Headers streamed = {{"Content-Type", std::string(routes::kOciManifest)},
                            {"Transfer-Encoding", "chunked"}};
  CHECK(world.put(manifest_path(kRepository, "streamed"), chunked(largest), streamed).status == 201);
  for (const auto& refused : {world.put_manifest(kRepository, "more", too_large),
                              world.put(manifest_path(kRepository, "more"), chunked(too_large), streamed)}) {
    CHECK(refused.status == 413);
    CHECK(refused["Content-Type"] == routes::kJson);
  }
  CHECK(world.get(manifest_path(kRepository, "more")).status == 404);
}

TEST_CASE("many large manifests that are pushed at once wait for room in memory, and all are stored") {
  RegistryWorld world;
  const auto image = world.made_image(kRepository, 16);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (size_t i = 0; i < 20; ++i) {
    clients.push_back(world.connect());
    clients.back()->send(request_text("PUT", manifest_path(kRepository, "tag" + std::to_string(i)),
                                      {{"Content-Type", std::string(routes::kOciManifest)}},
                                      padded(image, (4 << 20) - i)));
  }
  for (const auto& client : clients) CHECK(reply_of(client->receive_reply()).status == 201);
}

TEST_CASE("a manifest pushed again is stored once") {
  RegistryWorld world;
  const auto text = world.made_image(kRepository, 17).text();
  CHECK(world.put_manifest(kRepository, "one", text).status == 201);
  const auto taken = world.store().budget().of("private").taken();
  CHECK(world.put_manifest(kRepository, "one", text).status == 201);
  CHECK(world.put_manifest(kRepository, "two", text).status == 201);
  CHECK(world.store().budget().of("private").taken() == taken);
}

TEST_CASE("fields that nobody knows are kept") {
  RegistryWorld world;
  auto text = world.made_image(kRepository, 18).text();
  text.insert(1, R"("org.example.extra":{"deep":[1,2.5,null,"\u00e9"]},)");
  CHECK(world.put_manifest(kRepository, "latest", text).status == 201);
  CHECK(world.get(manifest_path(kRepository, "latest")).body == text);
}

TEST_CASE(
    "a cache that BuildKit's importers cannot use is stored, and the answer, the log and the statistics say "
    "so") {
  const bool as_image = GENERATE(true, false);
  RegistryWorld world;
  const auto layer = world.push_blob(kRepository, content_of(1000, 19));
  const auto push_cache = [&](size_t config_bytes) {
    const auto config = world.push_blob(kRepository, std::string(config_bytes, ' '), kCacheConfigType);
    auto cache = index_of({layer, config});
    if (as_image) {
      cache = MadeManifest();
      cache.config = config;
      cache.layers = {layer};
    }
    return world.put_manifest(kRepository, "cache", cache.text(), cache.media_type);
  };
  const auto usable = push_cache(1 << 20);
  CHECK(usable.status == 201);
  CHECK_FALSE(usable.has("Warning"));
  CHECK(world.registry().push_stats().unusable_caches_total == 0);
  const auto unusable = push_cache((1 << 20) + 1);
  CHECK(unusable.status == 201);
  CHECK(unusable["Warning"].starts_with("299 - \""));
  CHECK(unusable["Warning"].find("1 MiB") != std::string_view::npos);
  CHECK(world.log().count("warning") == 1);
  CHECK(world.log().contains("1048577"));
  CHECK(world.registry().push_stats().unusable_caches_total == 1);
}

TEST_CASE("a cache whose manifest is too long for BuildKit's importers says so, whatever its config") {
  RegistryWorld world;
  const auto config = world.push_blob(kRepository, "{}", kCacheConfigType);
  const auto layer = world.push_blob(kRepository, content_of(1000, 22));
  const auto push = [&](size_t note_bytes, std::string_view config_type) {
    MadeManifest cache;
    cache.config = Descriptor(config_type, config.digest, config.size);
    cache.layers = {layer};
    cache.note = std::string(note_bytes, 'x');
    return world.put_manifest(kRepository, "cache", cache.text(), cache.media_type);
  };
  CHECK_FALSE(push(1000, kCacheConfigType).has("Warning"));
  CHECK_FALSE(push(1 << 20, kConfigType).has("Warning"));  // an image: nobody minds
  const auto unusable = push(1 << 20, kCacheConfigType);
  CHECK(unusable.status == 201);
  CHECK(unusable["Warning"].find("its manifest has 10") != std::string_view::npos);
  CHECK(world.log().contains("its manifest has 10"));
  CHECK(world.registry().push_stats().unusable_caches_total == 1);
}

TEST_CASE(
    "a push that fails on the disk is 500 or 503, leaves the tag where it was, and works when the disk "
    "does") {
  RegistryWorld world;
  const auto before = world.made_image(kRepository, 20).text(),
             after = world.made_image(kRepository, 21).text();
  CHECK(world.put_manifest(kRepository, "latest", before).status == 201);
  world.files.disk.fail_each(FaultyDisk::Operation::sync);
  CHECK(world.put_manifest(kRepository, "latest", after).status >= 500);
  world.files.disk.heal();
  CHECK(world.get(manifest_path(kRepository, "latest")).body == before);
  CHECK(world.put_manifest(kRepository, "latest", after).status == 201);
  CHECK(world.get(manifest_path(kRepository, "latest")).body == after);
}

}  // namespace breakwater::test
