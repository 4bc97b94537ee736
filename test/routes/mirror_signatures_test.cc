// A mirror that serves only what is signed upstream.
#include <memory>
#include <string>
#include <vector>

#include "routes/oci/media_type.h"
#include "routes/signatures/signature_layers.h"
#include "test/catch.h"
#include "test/fakes/cosign_key.h"
#include "test/fakes/mirror_world.h"

namespace breakwater::test {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr const char* kRepository = "prod/app";
constexpr const char* kTag = "/v2/prod/app/manifests/1";

std::string type() { return std::string(routes::kOciManifest); }
std::string target_of(const std::string& reference, const std::string& repository = kRepository) {
  return "/v2/" + repository + "/manifests/" + reference;
}
std::string tag_of(const store::Digest& digest) { return "sha256-" + digest.hex() + ".sig"; }
std::string referrers_path(const store::Digest& digest) { return "/v2/prod/app/referrers/" + digest.text(); }
std::string image_text(const std::string& seed) { return image_of(digest_of(seed), 100, {}); }

bool tells(const Answer& answer, const std::string& words) {
  return answer.body.find(words) != std::string::npos;
}

struct SignedWorld : MirrorWorld {
  SignedWorld() {
    mirror_settings.require_signature = std::make_shared<const routes::SignaturePolicy>(
        routes::SignaturePolicy{{{"prod/*", "gcr.io/prod/*"}, {"cosign.pub"}, {key.key()}}});
    any_registries = {"gcr.io"};
    image = hub.manifest(kRepository, "1", type(), image_text("one"));
  }

  // Puts a manifest of signatures upstream, under a tag or by its digest alone.
  store::Digest put(FakeRegistry& registry, const std::string& tag,
                    const std::vector<MadeSignature>& signatures) {
    registry.blob(kRepository, std::string(kSignatureConfig));
    for (const auto& one : signatures) registry.blob(kRepository, one.document);
    return registry.manifest(kRepository, tag, type(), signature_manifest(signatures));
  }
  void sign(FakeRegistry& registry, const CosignKey& signer, const store::Digest& digest) {
    put(registry, tag_of(digest), {simple_signature(signer, payload_of(digest))});
  }
  void list(const store::Digest& referrer, const std::string& artifact_type) {
    hub.answer(referrers_path(image), Canned(200, {{"Content-Type", std::string(routes::kOciIndex)}},
                                             R"({"schemaVersion":2,"manifests":[{"mediaType":")" + type() +
                                                 R"(","size":1,"digest":")" + referrer.text() +
                                                 R"(","artifactType":")" + artifact_type + R"("}]})"));
  }
  // What upstream says that there is none of is believed for a while.
  void forget_what_is_missing() { clock().advance(seconds(61)); }
  void restart() {
    finish_fills();
    stop();
    start();
  }

  const CosignKey key = CosignKey::p256(), strange = CosignKey::p256();
  store::Digest image = digest_of("");
};

}  // namespace

TEST_CASE("a mirror refuses what upstream has no signature of, until there is one, and looks once for many") {
  SignedWorld world;
  for (int i = 0; i < 3; ++i) {
    const auto refused = world.get(kTag);
    CHECK(refused.status == 403);
    CHECK(tells(refused, R"("code":"DENIED","message":"route dockerhub serves no prod/app@)" +
                             world.image.text() + " because it has no cosign signature"));
    CHECK(tells(refused, "sign it: cosign sign --key cosign.key docker.io/prod/app@" + world.image.text()));
  }
  CHECK(world.hub.count("GET", FakeRegistry::manifest_path(kRepository, tag_of(world.image))) == 1);
  CHECK(world.hub.count("GET", referrers_path(world.image)) == 1);
  CHECK(world.head(kTag).status == 200);
  CHECK(world.get(referrers_path(world.image)).status == 200);
  world.sign(world.hub, world.key, world.image);
  world.forget_what_is_missing();
  CHECK(world.get(kTag).status == 200);
  CHECK(world.get(target_of(world.image.text())).body == image_text("one"));
}

TEST_CASE("a repository that no rule covers is mirrored without anybody asking for signatures") {
  SignedWorld world;
  world.hub.manifest("library/alpine", "1", type(), image_text("alpine"));
  CHECK(world.get("/v2/library/alpine/manifests/1").status == 200);
  CHECK(world.hub.count() == 1);
}

TEST_CASE("an image that is signed upstream is served, by its tag, as a referrer or as a bundle") {
  for (const int kind : {0, 1, 2}) {
    CAPTURE(kind);
    SignedWorld world;
    if (kind == 0) world.sign(world.hub, world.key, world.image);
    if (kind == 1)
      world.list(world.put(world.hub, "", {simple_signature(world.key, payload_of(world.image))}),
                 std::string(kSignatureArtifactType));
    if (kind == 2)
      world.list(world.put(world.hub, "", {envelope_bundle(world.key, statement_of(world.image))}),
                 std::string(kBundleType));
    CHECK(world.get(kTag).status == 200);
  }
}

TEST_CASE("the list of referrers that upstream keeps under a tag counts where it has no API for them") {
  SignedWorld world;
  const auto signature = world.put(world.hub, "", {simple_signature(world.key, payload_of(world.image))});
  world.hub.manifest(kRepository, "sha256-" + world.image.hex(), std::string(routes::kOciIndex),
                     index_of({{signature, 1}}));
  CHECK(world.get(kTag).status == 200);
}

TEST_CASE("a signature by another key, or of another digest, is refused and named") {
  SignedWorld world;
  world.sign(world.hub, world.strange, world.image);
  CHECK(tells(world.get(kTag), "because its signature is by another key"));
  const auto moved = world.hub.manifest(kRepository, "2", type(), image_text("two"));
  world.put(world.hub, tag_of(moved), {simple_signature(world.key, payload_of(world.image))});
  const auto refused = world.get(target_of("2"));
  CHECK(refused.status == 403);
  CHECK(tells(refused, "because its signature is of another digest"));
}

TEST_CASE("the signature is served itself, and its payload, so that a client can verify") {
  SignedWorld world;
  world.sign(world.hub, world.strange, world.image);
  CHECK(world.get(kTag).status == 403);
  const auto signature = world.get(target_of(tag_of(world.image)));
  CHECK(signature.status == 200);
  CHECK(world.get(target_of(digest_of(signature.body).text())).status == 200);
  CHECK(world.get("/v2/prod/app/blobs/" + digest_of(payload_of(world.image)).text()).body ==
        payload_of(world.image));
}

TEST_CASE("what was found to be signed is served while upstream is away, after a restart too") {
  SignedWorld world;
  world.sign(world.hub, world.key, world.image);
  REQUIRE(world.get(kTag).status == 200);
  world.hub.shut();
  CHECK(world.get(kTag).status == 200);
  world.restart();
  CHECK(world.get(kTag).status == 200);
  world.restart();
  world.clock().advance(hours(2));
  CHECK(world.get(kTag).status == 200);
}

TEST_CASE("while upstream cannot be asked nobody can tell, and what may be unsigned is not served") {
  SignedWorld world;
  REQUIRE(world.get(kTag).status == 403);  // it is here now
  world.forget_what_is_missing();
  world.hub.shut();
  for (const std::string& target : {std::string(kTag), target_of(world.image.text())}) {
    const auto undecided = world.get(target);
    CHECK(undecided.status == 503);
    CHECK_FALSE(undecided.headers.get("Retry-After").empty());
    CHECK(tells(undecided,
                "whether prod/app@" + world.image.text() +
                    R"( is signed, as route dockerhub requires for \"prod/*\", nobody can tell now)"));
  }
  CHECK(world.head(target_of(world.image.text())).status == 200);
}

TEST_CASE("an upstream that is in trouble with one place is not taken to have no signature there") {
  struct Row {
    bool is_tag_broken, is_list_broken, is_payload_broken;
  };
  for (const auto& row : {Row{true, false, false}, Row{false, true, false}, Row{false, false, true}}) {
    CAPTURE(row.is_tag_broken, row.is_list_broken, row.is_payload_broken);
    SignedWorld world;
    world.fill_settings.retry.attempts_max = 1;
    if (row.is_tag_broken)
      world.hub.always(FakeRegistry::manifest_path(kRepository, tag_of(world.image)), Fault::reply(403));
    if (row.is_list_broken) world.hub.always(referrers_path(world.image), Fault::reply(500));
    if (row.is_payload_broken) {
      world.sign(world.hub, world.key, world.image);
      world.hub.always(FakeRegistry::blob_path(kRepository, digest_of(payload_of(world.image))),
                       Fault::reply(500));
    }
    CHECK(world.get(kTag).status == 503);
  }
}

TEST_CASE("an old signature that does not count says nothing of whether there is another by now") {
  SignedWorld world;
  world.sign(world.hub, world.strange, world.image);
  REQUIRE(world.get(kTag).status == 403);
  world.forget_what_is_missing();
  world.hub.shut();
  CHECK(world.get(kTag).status == 503);
}

TEST_CASE("what a signed index names is signed with it, if the index is here") {
  SignedWorld world;
  const auto index =
      world.hub.manifest(kRepository, "all", std::string(routes::kOciIndex), index_of({{world.image, 100}}));
  world.sign(world.hub, world.key, index);
  CHECK(world.get(target_of(world.image.text())).status == 403);
  world.forget_what_is_missing();
  CHECK(world.get(target_of("all")).status == 200);
  CHECK(world.get(target_of(world.image.text())).status == 200);
  world.restart();
  CHECK(world.get(target_of(world.image.text())).status == 200);
}

TEST_CASE("a payload is read though there is no room to store it") {
  SignedWorld world;
  world.sign(world.hub, world.key, world.image);
  REQUIRE(world.head(kTag).status == 200);
  world.files.disk.full_after(0);
  CHECK(world.get(kTag).status == 200);
}

TEST_CASE("a payload that is longer than any is not read, whatever its manifest says") {
  SignedWorld world;
  const auto padded = payload_of(world.image) + std::string(routes::kSignedDocumentBytesMax, ' ');
  auto made = simple_signature(world.key, padded);
  world.put(world.hub, tag_of(world.image), {made});
  CHECK(tells(world.get(kTag), "because its signature cannot be read"));
  CHECK(world.hub.count("GET", FakeRegistry::blob_path(kRepository, digest_of(padded))) == 0);
  auto text = signature_manifest({made});
  const std::string size = R"("size":)" + std::to_string(padded.size());
  text.replace(text.find(size), size.size(), R"("size":300)");
  world.hub.manifest(kRepository, tag_of(world.image), type(), text);
  world.forget_what_is_missing();
  CHECK(tells(world.get(kTag), "because its signature cannot be read"));
}

TEST_CASE("of a registry that a client names by ns, the rule names the whole repository") {
  SignedWorld world;
  const auto image = world.other.manifest(kRepository, "1", type(), image_text("of gcr"));
  const std::string target = target_of("1") + "?ns=gcr.io";
  const auto refused = world.get(target);
  CHECK(refused.status == 403);
  CHECK(tells(refused, "cosign sign --key cosign.key gcr.io/prod/app@" + image.text()));
  world.sign(world.other, world.key, image);
  world.forget_what_is_missing();
  CHECK(world.get(target).status == 200);
}

}  // namespace breakwater::test
