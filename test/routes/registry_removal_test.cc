// What may be removed, by clients and by the collector, and what stays because something alive needs it.
#include "store/upkeep/collector.h"
#include "test/catch.h"
#include "test/fakes/registry_world.h"

namespace breakwater::test {
namespace {

using std::chrono::minutes;
using store::Algorithm;

constexpr const char* kRepository = "team/app";

MadeManifest index_of(std::vector<Descriptor> manifests) {
  MadeManifest index;
  index.media_type = routes::kOciIndex;
  index.manifests = std::move(manifests);
  return index;
}

bool mentions(const Reply& reply, std::string_view text) {
  return reply.body.find(text) != std::string::npos;
}

// Refused because something needs it, which the answer names.
void check_needed(const Reply& refused, std::string_view by) {
  CHECK(refused.status == 405);
  CHECK(refused.says("UNSUPPORTED"));
  CHECK(refused.has("Allow"));
  CAPTURE(refused.body);
  CHECK(mentions(refused, by));
}

// The collector at work until it has nothing to do.
void collect(RegistryWorld& world) {
  for (;;) {
    const auto looked = world.store().collector().collect(1000);
    REQUIRE(looked);
    if (*looked == 0) return;
  }
}

void let_lease_pass(RegistryWorld& world) { world.clock().advance(minutes(61)); }

}  // namespace

TEST_CASE("a tag is removed alone: its manifest and other tags stay") {
  RegistryWorld world;
  const auto image = world.push_image(kRepository, "one", 1);
  world.push_image(kRepository, "two", 1);
  CHECK(world.remove(manifest_path(kRepository, "one")).status == 202);
  CHECK(world.get(manifest_path(kRepository, "one")).says("MANIFEST_UNKNOWN"));
  CHECK(world.get(manifest_path(kRepository, "two")).status == 200);
  CHECK(world.get(manifest_path(kRepository, image.digest.text())).status == 200);
  CHECK(world.get("/v2/team/app/tags/list").body == R"({"name":"team/app","tags":["two"]})");
}

TEST_CASE("a manifest is removed with all tags that name it") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  RegistryWorld world;
  const auto text = world.made_image(kRepository, 2, algorithm).text();
  const auto digest = store::digest_of(algorithm, text);
  CHECK(world.put_manifest(kRepository, digest.text() + "?tag=one&tag=two", text).status == 201);
  world.push_image(kRepository, "other", 3);
  CHECK(world.remove(manifest_path(kRepository, digest.text())).status == 202);
  for (const auto& reference : {digest.text(), std::string("one"), std::string("two")}) {
    CHECK(world.get(manifest_path(kRepository, reference)).status == 404);
    CHECK(world.head(manifest_path(kRepository, reference)).status == 404);
  }
  CHECK(world.get(manifest_path(kRepository, "other")).status == 200);
}

TEST_CASE("a blob is removed from its repository at once, and from no other") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  RegistryWorld world;
  const auto blob = world.push_blob(kRepository, content_of(1000, 1), kLayerType, algorithm);
  CHECK(world.post(uploads_path("other") + "?mount=" + blob.digest.text() + "&from=team/app").status == 201);
  CHECK(world.remove(blob_path(kRepository, blob.digest)).status == 202);
  CHECK(world.get(blob_path(kRepository, blob.digest)).says("BLOB_UNKNOWN"));
  CHECK(world.head(blob_path(kRepository, blob.digest)).status == 404);
  CHECK(world.get(blob_path("other", blob.digest)).body == content_of(1000, 1));
}

TEST_CASE("what is not there cannot be removed: 404") {
  RegistryWorld world;
  const auto image = world.push_image(kRepository, "latest", 4);
  CHECK(world.remove(manifest_path(kRepository, "none")).says("MANIFEST_UNKNOWN"));
  CHECK(world.remove(manifest_path(kRepository, digest_of("x").text())).says("MANIFEST_UNKNOWN"));
  CHECK(world.remove(blob_path(kRepository, digest_of("x"))).says("BLOB_UNKNOWN"));
  CHECK(world.remove(manifest_path("nowhere", image.digest.text())).status == 404);
  CHECK(world.remove(manifest_path(kRepository, "latest")).status == 202);
  CHECK(world.remove(manifest_path(kRepository, "latest")).status == 404);
}

TEST_CASE("a blob that a manifest needs is not removed, and the answer says which needs it") {
  RegistryWorld world;
  const auto image = world.made_image(kRepository, 5);
  const auto pushed = world.push_manifest(kRepository, "1.0", image);
  for (const auto& part : {*image.config, image.layers[0]}) {
    const auto refused = world.remove(blob_path(kRepository, part.digest));
    check_needed(refused, pushed.digest.text());
    CHECK(mentions(refused, "1.0"));
    CHECK(world.head(blob_path(kRepository, part.digest)).status == 200);
  }
  CHECK(world.remove(manifest_path(kRepository, "1.0")).status == 202);
  check_needed(world.remove(blob_path(kRepository, image.layers[0].digest)), pushed.digest.text());
  CHECK(world.remove(manifest_path(kRepository, pushed.digest.text())).status == 202);
  for (const auto& part : {*image.config, image.layers[0]})
    CHECK(world.remove(blob_path(kRepository, part.digest)).status == 202);
}

TEST_CASE("the children of an index that a tag names are not removed, not even by their own tag's removal") {
  RegistryWorld world;
  const auto child = world.push_image(kRepository, "child", 6);
  const auto inner = world.push_manifest(kRepository, "inner", index_of({child}));
  const auto outer = world.push_manifest(kRepository, "outer", index_of({inner}));
  check_needed(world.remove(manifest_path(kRepository, child.digest.text())), inner.digest.text());
  check_needed(world.remove(manifest_path(kRepository, inner.digest.text())), outer.digest.text());
  CHECK(world.remove(manifest_path(kRepository, "child")).status == 202);
  CHECK(world.remove(manifest_path(kRepository, "inner")).status == 202);
  let_lease_pass(world);
  collect(world);
  CHECK(world.get(manifest_path(kRepository, child.digest.text())).status == 200);
  CHECK(world.get(manifest_path(kRepository, inner.digest.text())).status == 200);
  for (const auto& manifest : {outer, inner, child})
    CHECK(world.remove(manifest_path(kRepository, manifest.digest.text())).status == 202);
}

TEST_CASE("a manifest that is asked for as a blob is not removed as one") {
  RegistryWorld world;
  const auto image = world.push_image(kRepository, "latest", 7);
  const auto refused = world.remove(blob_path(kRepository, image.digest));
  CHECK((refused.status == 404 || refused.status == 405));
  CHECK(world.get(manifest_path(kRepository, "latest")).status == 200);
}

TEST_CASE("a subject is removed though something refers to it, and what refers to it stays for now") {
  RegistryWorld world;
  const auto subject = world.push_image(kRepository, "latest", 8);
  auto artifact = world.made_image(kRepository, 9);
  artifact.subject = subject;
  const auto pushed = world.push_manifest(kRepository, "artifact", artifact);
  CHECK(world.remove(manifest_path(kRepository, subject.digest.text())).status == 202);
  CHECK(world.get(manifest_path(kRepository, pushed.digest.text())).status == 200);
  CHECK(mentions(world.get("/v2/team/app/referrers/" + subject.digest.text()), pushed.digest.text()));
}

TEST_CASE("a registry that removes nothing says 405, and still cancels uploads") {
  RegistryWorld world;
  world.settings.removal = false;
  const auto image = world.push_image(kRepository, "latest", 10);
  const auto blob = world.push_blob(kRepository, content_of(10, 1));
  for (const auto& target :
       {manifest_path(kRepository, "latest"), manifest_path(kRepository, image.digest.text()),
        blob_path(kRepository, blob.digest)}) {
    const auto refused = world.remove(target);
    CHECK(refused.status == 405);
    CHECK(refused.says("UNSUPPORTED"));
    CHECK(refused["Allow"].find("DELETE") == std::string_view::npos);
    CHECK(world.get(target).status == 200);
  }
  CHECK(world.remove(world.begin_upload(kRepository)).status == 204);
}

// --- the collector beside it

TEST_CASE(
    "a manifest whose tag was moved is collected when its lease has passed, and not before, with what only "
    "it needs") {
  RegistryWorld world;
  const auto old_image = world.made_image(kRepository, 11);
  const auto old_pushed = world.push_manifest(kRepository, "cache", old_image);
  auto new_image = world.made_image(kRepository, 12);
  new_image.config = old_image.config;  // shared
  world.push_manifest(kRepository, "cache", new_image);
  collect(world);
  // Leased again by this.
  CHECK(world.get(manifest_path(kRepository, old_pushed.digest.text())).status == 200);
  world.clock().advance(minutes(59));
  collect(world);
  CHECK(world.has_file(old_image.layers[0].digest));
  let_lease_pass(world);
  collect(world);
  let_lease_pass(world);
  collect(world);
  CHECK_FALSE(world.has_file(old_pushed.digest));
  CHECK_FALSE(world.has_file(old_image.layers[0].digest));
  CHECK(world.get(manifest_path(kRepository, old_pushed.digest.text())).status == 404);
  CHECK(world.get(manifest_path(kRepository, "cache")).status == 200);
  for (const auto& part : {*new_image.config, new_image.layers[0]})
    CHECK(world.head(blob_path(kRepository, part.digest)).status == 200);
}

TEST_CASE(
    "a blob that no manifest needs is collected when its lease has passed: uploaded, mounted or asked for") {
  RegistryWorld world;
  const auto uploaded = world.push_blob(kRepository, content_of(1000, 2));
  world.clock().advance(minutes(40));
  collect(world);
  CHECK(world.head(blob_path(kRepository, uploaded.digest)).status == 200);
  world.clock().advance(minutes(40));
  collect(world);
  CHECK(world.post(uploads_path("other") + "?mount=" + uploaded.digest.text()).status == 201);
  world.clock().advance(minutes(40));
  collect(world);
  CHECK(world.has_file(uploaded.digest));
  let_lease_pass(world);
  collect(world);
  CHECK_FALSE(world.has_file(uploaded.digest));
  CHECK(world.head(blob_path(kRepository, uploaded.digest)).status == 404);
  CHECK(world.head(blob_path("other", uploaded.digest)).status == 404);
  CHECK(world.store().budget().of("private").taken() == 0);
}

TEST_CASE(
    "who was told that a blob is there can push a manifest that names it, whatever is removed meanwhile") {
  RegistryWorld world;
  const auto image = world.made_image(kRepository, 13);
  const auto pushed = world.push_manifest(kRepository, "latest", image);
  let_lease_pass(world);
  for (const auto& part : {*image.config, image.layers[0]})
    CHECK(world.head(blob_path(kRepository, part.digest)).status == 200);
  CHECK(world.remove(manifest_path(kRepository, pushed.digest.text())).status == 202);
  world.clock().advance(minutes(50));
  collect(world);
  CHECK(world.put_manifest(kRepository, "again", image.text()).status == 201);
  let_lease_pass(world);
  collect(world);
  CHECK(world.get(blob_path(kRepository, image.layers[0].digest)).body == content_of(5000, 13));
}

TEST_CASE("a layer that need not be there is kept by the manifest that names it, if it was pushed") {
  RegistryWorld world;
  auto image = world.made_image(kRepository, 16);
  auto foreign = world.push_blob(kRepository, content_of(3000, 17));
  foreign.media_type =
      GENERATE(as<std::string>(), std::string(kForeignLayerType), std::string(kNondistributableLayerType));
  image.layers.push_back(foreign);
  world.push_manifest(kRepository, "windows", image);
  const auto opaque = world.push_blob(kRepository, content_of(3000, 18));
  const auto names_it =
      R"({"blobs":[{"mediaType":"a/b","size":3000,"digest":")" + opaque.digest.text() + R"("}]})";
  CHECK(world.put_manifest(kRepository, "artifact", names_it, "application/vnd.example+json").status == 201);
  for (const auto& digest : {foreign.digest, opaque.digest})
    CHECK(world.remove(blob_path(kRepository, digest)).status == 405);
  let_lease_pass(world);
  collect(world);
  CHECK(world.get(blob_path(kRepository, foreign.digest)).status == 200);
  CHECK(world.get(blob_path(kRepository, opaque.digest)).status == 200);
  CHECK(world.remove(manifest_path(kRepository, "windows")).status == 202);
  let_lease_pass(world);
  collect(world);
  CHECK_FALSE(world.has_file(foreign.digest));
  CHECK(world.has_file(opaque.digest));
}

TEST_CASE(
    "what refers to a subject is not listed any more when it was pushed as a type without one, and removed") {
  RegistryWorld world;
  auto image = world.made_image(kRepository, 19);
  image.subject = world.push_image(kRepository, "subject", 20);
  auto text = image.text();
  const std::string own_type = R"("mediaType":")" + image.media_type + R"(",)";
  text.erase(text.find(own_type), own_type.size());
  const auto digest = store::digest_of(store::Algorithm::sha256, text).text();
  CHECK(world.put_manifest(kRepository, digest, text).status == 201);
  const auto listed = [&] {
    return world.get("/v2/" + std::string(kRepository) + "/referrers/" + image.subject->digest.text())
               .body.find(digest) != std::string::npos;
  };
  CHECK(listed());
  CHECK(world.put_manifest(kRepository, digest, text, "application/vnd.example+json").status == 201);
  CHECK_FALSE(listed());
  CHECK(world.remove(manifest_path(kRepository, digest)).status == 202);
  CHECK_FALSE(listed());
}

TEST_CASE(
    "who has read a manifest finds all that it names for as long as the lease, though the tag was moved") {
  RegistryWorld world;
  const auto cache = world.made_image(kRepository, 14);
  const auto pushed = world.push_manifest(kRepository, "cache", cache);
  let_lease_pass(world);
  CHECK(world.get(manifest_path(kRepository, "cache")).status == 200);
  world.push_image(kRepository, "cache", 15);
  world.clock().advance(minutes(55));
  collect(world);
  CHECK(world.get(manifest_path(kRepository, pushed.digest.text())).status == 200);
  for (const auto& part : {*cache.config, cache.layers[0]})
    CHECK(world.get(blob_path(kRepository, part.digest)).status == 200);
}

TEST_CASE("nothing is collected before one lease has passed since a start after a crash") {
  RegistryWorld world;
  const auto image = world.made_image(kRepository, 16);
  const auto pushed = world.push_manifest(kRepository, "latest", image);
  CHECK(world.remove(manifest_path(kRepository, "latest")).status == 202);
  let_lease_pass(world);
  world.crash();
  world.start();
  collect(world);
  CHECK(world.get(manifest_path(kRepository, pushed.digest.text())).status == 200);
  let_lease_pass(world);
  collect(world);
  let_lease_pass(world);
  collect(world);
  CHECK(world.get(manifest_path(kRepository, pushed.digest.text())).status == 404);
  CHECK_FALSE(world.has_file(image.layers[0].digest));
}

TEST_CASE("what refers to a manifest lives as long as that does") {
  RegistryWorld world;
  const auto subject = world.push_image(kRepository, "latest", 17);
  auto artifact = world.made_image(kRepository, 18);
  artifact.subject = subject;
  const auto text = artifact.text();
  CHECK(world.put_manifest(kRepository, digest_of(text).text(), text).status == 201);
  let_lease_pass(world);
  collect(world);
  CHECK(world.get(manifest_path(kRepository, digest_of(text).text())).status == 200);
  CHECK(world.remove(manifest_path(kRepository, subject.digest.text())).status == 202);
  for (int i = 0; i < 3; ++i) {
    let_lease_pass(world);
    collect(world);
  }
  CHECK(world.get(manifest_path(kRepository, digest_of(text).text())).status == 404);
  CHECK(world.files.files_in("blobs") == 0);
}

TEST_CASE(
    "who has read a manifest finds all that it names for as long as the lease, though it was deleted by "
    "digest") {
  RegistryWorld world;
  const auto image = world.made_image(kRepository, 21);
  const auto child = world.push_manifest(kRepository, "child", image);
  const auto index = world.push_manifest(kRepository, "index", index_of({child}));
  let_lease_pass(world);
  CHECK(world.get(manifest_path(kRepository, "index")).status == 200);
  CHECK(world.remove(manifest_path(kRepository, index.digest.text())).status == 202);
  const bool child_too = GENERATE(false, true);
  if (child_too) CHECK(world.remove(manifest_path(kRepository, child.digest.text())).status == 202);
  collect(world);
  world.clock().advance(minutes(59));
  collect(world);
  CHECK(world.get(manifest_path(kRepository, child.digest.text())).status == (child_too ? 404 : 200));
  for (const auto& part : {*image.config, image.layers[0]}) {
    CHECK(world.head(blob_path(kRepository, part.digest)).status == 200);
    CHECK(world.get(blob_path(kRepository, part.digest)).status == 200);
  }
  for (int i = 0; i < 3; ++i) {
    let_lease_pass(world);
    if (!child_too && i == 0) CHECK(world.remove(manifest_path(kRepository, "child")).status == 202);
    collect(world);
  }
  CHECK(world.files.files_in("blobs") == 0);
}

TEST_CASE("a signature's tag goes with its image, and what it names is there for a lease") {
  RegistryWorld world;
  const auto image = world.push_image(kRepository, "latest", 22);
  const auto tag = "sha256-" + image.digest.hex() + ".sig";
  const auto signature = world.push_image(kRepository, tag, 23);
  CHECK(world.remove(manifest_path(kRepository, image.digest.text())).status == 202);
  CHECK(world.get(manifest_path(kRepository, tag)).status == 404);
  CHECK(world.get(manifest_path(kRepository, signature.digest.text())).status == 200);
  for (int i = 0; i < 3; ++i) {
    let_lease_pass(world);
    collect(world);
  }
  CHECK(world.get(manifest_path(kRepository, signature.digest.text())).status == 404);
  CHECK(world.files.files_in("blobs") == 0);
}

}  // namespace breakwater::test
