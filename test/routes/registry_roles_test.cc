// What is needed is needed as what it is: a manifest that an index names is one, however its bytes came.
#include "store/blobs/parts.h"
#include "store/catalog/catalog.h"
#include "store/references/broken.h"
#include "store/upkeep/collector.h"
#include "test/catch.h"
#include "test/fakes/registry_world.h"

namespace breakwater::test {
namespace {

constexpr const char* kRepository = "team/app";
constexpr const char* kOther = "team/other";

MadeManifest index_of(std::vector<Descriptor> manifests, std::string_view type = routes::kOciIndex) {
  MadeManifest index;
  index.media_type = type;
  index.manifests = std::move(manifests);
  return index;
}

struct RolesWorld : RegistryWorld {
  // Past the first lease, so that what nothing needs goes at once after its own.
  RolesWorld() {
    start();
    clock().advance(files.settings.lease);
  }

  Reply push(const MadeManifest& manifest, std::string_view reference) {
    return put_manifest(kRepository, reference, manifest.text(), manifest.media_type);
  }
  // The bytes of a manifest, as an upload of a blob.
  Descriptor push_as_blob(const MadeManifest& manifest, std::string_view repository = kRepository) {
    return push_blob(repository, manifest.text(), manifest.media_type);
  }
  Descriptor push_as_blob(const std::string& text, std::string_view type) {
    return push_blob(kRepository, text, type);
  }
  Reply mount(const store::Digest& digest) {
    return post(uploads_path(kRepository) + "?mount=" + digest.text() + "&from=" + kOther);
  }
  // Everything that nothing needs goes: no lease holds any more.
  void collect() {
    for (int round = 0; round < 8; ++round) {
      clock().advance(2 * files.settings.lease);
      for (size_t looked = 1; looked > 0;) looked = store().collector().collect(100).value();
    }
  }
  int status_of(const Descriptor& manifest) {
    return get(manifest_path(kRepository, manifest.digest.text())).status;
  }
  void check_whole(const MadeManifest& image) {
    CHECK(get(blob_path(kRepository, image.config->digest)).status == 200);
    for (const auto& layer : image.layers) CHECK(get(blob_path(kRepository, layer.digest)).status == 200);
  }
};

}  // namespace

TEST_CASE("a child of an index that came as a blob becomes a manifest with it, and keeps its layers") {
  const auto type = GENERATE(std::string(routes::kOciIndex), std::string(routes::kDockerList));
  const std::string child_type = GENERATE(std::string(routes::kOciManifest), std::string(),
                                          std::string("Application/VND.OCI.Image.Manifest.v1+json"));
  const bool is_mounted = GENERATE(false, true);
  CAPTURE(type, child_type, is_mounted);
  RolesWorld world;
  const auto image = world.made_image(kRepository, 1);
  auto child = is_mounted ? world.push_as_blob(image, kOther) : world.push_as_blob(image);
  child.media_type = child_type;
  if (is_mounted) CHECK(world.mount(child.digest).status == 201);
  CHECK(world.status_of(child) == 404);
  CHECK(world.push(index_of({child}, type), "latest").status == 201);
  CHECK(world.get(manifest_path(kRepository, child.digest.text())).body == image.text());
  world.collect();
  CHECK(world.status_of(child) == 200);
  world.check_whole(image);
  CHECK(world.remove(manifest_path(kRepository, child.digest.text())).status == 405);
  // And all of it goes with the tag.
  CHECK(world.remove(manifest_path(kRepository, "latest")).status == 202);
  world.collect();
  CHECK_FALSE(world.has_file(image.layers[0].digest));
  CHECK_FALSE(world.has_file(child.digest));
}

TEST_CASE("indexes in an index that came as blobs become manifests, with all that is below them") {
  RolesWorld world;
  const auto image = world.made_image(kRepository, 1);
  auto below = world.push_as_blob(image);
  std::vector<Descriptor> levels = {below};
  for (int level = 0; level < 3; ++level) levels.push_back(world.push_as_blob(index_of({levels.back()})));
  CHECK(world.push(index_of({levels.back(), below}), "latest").status == 201);
  world.collect();
  for (const auto& manifest : levels) CHECK(world.status_of(manifest) == 200);
  world.check_whole(image);
}

TEST_CASE("a child of an index that is no manifest, or not a whole one, is missing") {
  RolesWorld world;
  auto no_layer = world.made_image(kRepository, 2);
  no_layer.layers[0] = Descriptor(kLayerType, digest_of(std::string("nowhere")), 7);
  auto wrong_size = world.made_image(kRepository, 3);
  ++wrong_size.layers[0].size;
  const auto elsewhere = world.push_image(kOther, "latest", 4);
  const auto layer = world.push_blob(kRepository, content_of(900, 5), routes::kOciManifest);
  const auto in_index = world.push_as_blob(index_of({world.push_as_blob(no_layer)}));
  struct Row {
    const char* what;
    Descriptor child;
    const char* code;
    std::string named;
  };
  const std::vector<Row> rows = {
      {"a layer", layer, "MANIFEST_BLOB_UNKNOWN", layer.digest.text()},
      {"a layer is missing", world.push_as_blob(no_layer), "MANIFEST_BLOB_UNKNOWN",
       no_layer.layers[0].digest.text()},
      {"two levels down", in_index, "MANIFEST_BLOB_UNKNOWN", no_layer.layers[0].digest.text()},
      {"a manifest of another repository", elsewhere, "MANIFEST_BLOB_UNKNOWN", elsewhere.digest.text()},
      {"another size inside", world.push_as_blob(wrong_size), "MANIFEST_INVALID",
       wrong_size.layers[0].digest.text()},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const auto refused = world.push(index_of({row.child}), "latest");
    CHECK(refused.says(row.code));
    CHECK(refused.body.find(row.named) != std::string::npos);
    CHECK(world.get(manifest_path(kRepository, "latest")).status == 404);
    CHECK(world.status_of(row.child) == 404);
  }
}

TEST_CASE("a digest that an index lists as a blob and as a manifest is a manifest") {
  const bool is_first = GENERATE(true, false);
  RolesWorld world;
  const auto image = world.made_image(kRepository, 1);
  const auto child = world.push_as_blob(image);
  auto as_layer = child;
  as_layer.media_type = kLayerType;
  CHECK(world.push(is_first ? index_of({child, as_layer}) : index_of({as_layer, child}), "latest").status ==
        201);
  world.collect();
  CHECK(world.status_of(child) == 200);
  world.check_whole(image);
}

TEST_CASE("a manifest that is also a layer keeps what it needs, and so does one whose layer is a manifest") {
  RolesWorld world;
  const auto image = world.made_image(kRepository, 1);
  const auto pushed = world.push_manifest(kRepository, "first", image);
  auto with = world.made_image(kRepository, 2);
  with.layers.push_back(Descriptor(kLayerType, pushed.digest, pushed.size));
  CHECK(world.push(with, "second").status == 201);
  CHECK(world.remove(manifest_path(kRepository, "first")).status == 202);
  world.collect();
  CHECK(world.status_of(pushed) == 200);
  world.check_whole(image);
  CHECK(world.get(blob_path(kRepository, pushed.digest)).body == image.text());
}

TEST_CASE("a subject that is here as a blob only keeps no referrer, and needs nothing") {
  RolesWorld world;
  const auto subject = world.push_as_blob(world.made_image(kRepository, 1));
  auto signature = world.made_image(kRepository, 2);
  signature.subject = subject;
  CHECK(world.push(signature, digest_of(signature.text()).text()).status == 201);
  auto tagged = world.made_image(kRepository, 3);
  tagged.subject = subject;
  CHECK(world.push(tagged, "tagged").status == 201);
  world.collect();
  CHECK(world.get(manifest_path(kRepository, digest_of(signature.text()).text())).status == 404);
  world.check_whole(tagged);
}

TEST_CASE("BuildKit's older cache exports, whose manifests are layers and a config by type, are taken") {
  RolesWorld world;
  const auto layer =
      world.push_blob(kRepository, content_of(5000, 1), "application/vnd.docker.image.rootfs.diff.tar.gzip");
  const auto oci = world.push_blob(kRepository, content_of(5000, 2), kLayerType);
  const auto config = world.push_blob(kRepository, "{\"layers\":[]}", kCacheConfigType);
  const auto cache = index_of({layer, oci, config}, routes::kDockerList);
  CHECK(world.push(cache, "cache").status == 201);
  world.collect();
  for (const auto& part : {layer, oci, config})
    CHECK(world.get(blob_path(kRepository, part.digest)).status == 200);
}

TEST_CASE("16 levels of manifests below a manifest are taken, and not one more") {
  const bool as_blobs = GENERATE(false, true);
  CAPTURE(as_blobs);
  RolesWorld world;
  auto top = world.push_image(kRepository, digest_of(world.made_image(kRepository, 1).text()).text(), 1);
  const auto push_one = [&](const MadeManifest& index) {
    if (as_blobs) return world.push_as_blob(index);
    const std::string text = index.text();
    CHECK(world.push(index, digest_of(text).text()).status == 201);
    return Descriptor(index.media_type, digest_of(text), text.size());
  };
  for (int level = 1; level < 16; ++level) top = push_one(index_of({top}));
  const auto deepest = index_of({top});
  CHECK(world.push(deepest, "deepest").status == 201);
  const auto refused = world.push(
      index_of({Descriptor(deepest.media_type, digest_of(deepest.text()), deepest.text().size())}), "deeper");
  CHECK(refused.status == 400);
  CHECK(refused.says("MANIFEST_INVALID"));
  CHECK(refused.body.find("more than 16 levels") != std::string::npos);
}

TEST_CASE("a manifest that gives another size than a blob has is refused, and both sizes are named") {
  RolesWorld world;
  const auto whole = world.made_image(kRepository, 1);
  const auto pushed = world.push_manifest(kRepository, "1", whole);
  auto config = whole, layer = whole, twice = whole, foreign = whole;
  config.config->size -= 1;
  layer.layers[0].size += 1;
  twice.layers.push_back(twice.layers[0]);
  twice.layers[1].size += 1;
  foreign.layers.push_back(world.push_blob(kRepository, content_of(700, 9), kForeignLayerType));
  foreign.layers[1].size += 1;
  auto child = index_of({pushed});
  child.manifests[0].size += 1;
  struct Row {
    MadeManifest manifest;
    store::Digest digest;
    uint64_t said, found;
  };
  const uint64_t config_size = whole.config->size, layer_size = whole.layers[0].size;
  for (const Row& row : {Row{config, whole.config->digest, config_size - 1, config_size},
                         Row{layer, whole.layers[0].digest, layer_size + 1, layer_size},
                         Row{twice, whole.layers[0].digest, layer_size + 1, layer_size},
                         Row{foreign, foreign.layers[1].digest, 701, 700},
                         Row{child, pushed.digest, pushed.size + 1, pushed.size}}) {
    const auto refused = world.push(row.manifest, "wrong");
    CHECK(refused.status == 400);
    CHECK(refused.says("MANIFEST_INVALID"));
    CHECK(refused.body.find(row.digest.text()) != std::string::npos);
    CHECK(refused.body.find(std::to_string(row.said)) != std::string::npos);
    CHECK(refused.body.find(std::to_string(row.found)) != std::string::npos);
    CHECK(world.get(manifest_path(kRepository, "wrong")).status == 404);
  }
}

TEST_CASE("the same bytes pushed as another type change nothing of what is served already") {
  // Without a mediaType of their own.
  const auto layer_of = [](RolesWorld& world) { return world.push_blob(kRepository, content_of(900, 1)); };
  RolesWorld world;
  const auto layer = layer_of(world);
  const auto config = world.push_blob(kRepository, "{}", kConfigType);
  const auto subject = world.push_image(kRepository, "subject", 4);
  const auto text_of = [](const Descriptor& one) {
    return R"({"mediaType":")" + one.media_type + R"(","digest":")" + one.digest.text() + R"(","size":)" +
           std::to_string(one.size) + "}";
  };
  const std::string text = R"({"schemaVersion":2,"config":)" + text_of(config) + R"(,"layers":[)" +
                           text_of(layer) + R"(],"subject":)" + text_of(subject) + "}";
  const auto type_of = [&](std::string_view reference) {
    return std::string(world.get(manifest_path(kRepository, reference))["Content-Type"]);
  };
  const std::string digest = digest_of(text).text();
  CHECK(world.put_manifest(kRepository, "v1", text, routes::kOciManifest).status == 201);
  CHECK(world.put_manifest(kRepository, "v2", text, routes::kDockerManifest).status == 201);
  CHECK(world.put_manifest(kRepository, "v3", text, "application/vnd.own+json").status == 201);
  CHECK(type_of("v1") == routes::kOciManifest);
  CHECK(type_of("v2") == routes::kDockerManifest);
  CHECK(type_of("v3") == "application/vnd.own+json");
  CHECK(type_of(digest) == routes::kOciManifest);
  // Nor is it forgotten what it refers to, or what it needs.
  const auto referrers = world.get("/v2/team/app/referrers/" + subject.digest.text()).body;
  CHECK(referrers.find(digest) != std::string::npos);
  CHECK(referrers.find(std::string(routes::kOciManifest)) != std::string::npos);
  CHECK(world.remove(manifest_path(kRepository, "v1")).status == 202);
  CHECK(world.remove(manifest_path(kRepository, "v2")).status == 202);
  world.collect();
  CHECK(world.get(blob_path(kRepository, layer.digest)).status == 200);
  CHECK(type_of("v3") == "application/vnd.own+json");
}

TEST_CASE("a media type that no header can carry is served to nobody") {
  RolesWorld world;
  const auto config = world.push_blob(kRepository, "{}", kConfigType);
  const std::string type = R"(application/x\r\nSet-Cookie: a=b)";
  MadeManifest image;
  image.media_type = type;
  image.config = config;
  const auto taken = world.put_manifest(kRepository, "1", image.text(), routes::kOciManifest);
  CHECK(taken.status == 201);
  CHECK(world.get(manifest_path(kRepository, "1"))["Content-Type"] == routes::kOciManifest);
  CHECK(world.put_manifest(kRepository, "2", image.text(), "application/json").status == 201);
  const auto got = world.get(manifest_path(kRepository, "2"));
  CHECK(got["Content-Type"] == routes::kOciManifest);
  CHECK_FALSE(got.has("Set-Cookie"));
  const auto none = world.put_manifest(kRepository, "3", "{\"mediaType\":\"application/x\\u001b[31m\"}",
                                       "application/json");
  CHECK(none.status == 400);
  CHECK(world.put_manifest(kRepository, "4", "{}", "application/x \x1b[31m").status == 400);
}

}  // namespace breakwater::test
