// A registry of our own that serves only what is signed.
#include <memory>
#include <string>
#include <vector>

#include "routes/oci/manifest.h"
#include "routes/signatures/remembered_signatures.h"
#include "routes/signatures/signature_layers.h"
#include "store/blobs/manifests.h"
#include "store/blobs/parts.h"
#include "store/files/files.h"
#include "test/catch.h"
#include "test/fakes/cosign_key.h"
#include "test/fakes/faulty_disk.h"
#include "test/fakes/registry_world.h"

namespace breakwater::test {
namespace {

constexpr const char* kRepository = "prod/app";

std::string tag_of(const store::Digest& digest) { return "sha256-" + digest.hex() + ".sig"; }

struct SignedWorld : RegistryWorld {
  SignedWorld() {
    settings.require_signature = std::make_shared<const routes::SignaturePolicy>(
        routes::SignaturePolicy{{{"prod/*"}, {"cosign.pub"}, {key.key()}},
                                {{"*/app", "both/*"}, {"a", "b"}, {key.key(), next.key()}}});
  }

  // Pushes a manifest of signatures under a tag, or by its digest alone.
  Reply put_signatures(const std::string& repository, const std::string& tag,
                       const std::vector<MadeSignature>& signatures, const std::string& artifact_type = "",
                       const std::optional<MadeSubject>& subject = {}) {
    push_blob(repository, std::string(kSignatureConfig));
    for (const auto& one : signatures) push_blob(repository, one.document);
    const auto text = signature_manifest(signatures, artifact_type, subject);
    const auto reply = put_manifest(repository, tag.empty() ? digest_of(text).text() : tag, text);
    CHECK(reply.status == 201);
    return reply;
  }
  void sign(const CosignKey& signer, const store::Digest& digest,
            const std::string& repository = kRepository) {
    put_signatures(repository, tag_of(digest), {simple_signature(signer, payload_of(digest))});
  }
  Reply pull(const std::string& reference, const std::string& repository = kRepository) {
    return get(manifest_path(repository, reference));
  }
  Reply pull(const Descriptor& image) { return pull(image.digest.text()); }

  const CosignKey key = CosignKey::p256(), next = CosignKey::p256(), other = CosignKey::p256();
};

bool tells(const Reply& reply, const std::string& words) {
  return reply.body.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("what is not signed is refused to GET, in a sentence that says which rule it is and what to do") {
  SignedWorld world;
  const auto image = world.push_image(kRepository, "1", 7);
  for (const std::string& reference : {std::string("1"), image.digest.text()}) {
    const auto refused = world.pull(reference);
    CHECK(refused.status == 403);
    CHECK(refused.says("DENIED"));
    CHECK(tells(refused, "route private serves no prod/app@" + image.digest.text() +
                             R"( because it has no cosign signature, and \"require_signature\" wants one )"
                             R"(for \"prod/*\"; sign it: cosign sign --key cosign.key REGISTRY/prod/app@)" +
                             image.digest.text() + R"(, by a name that may \"sign\")"));
  }
  CHECK(world.get(manifest_path(kRepository, "1"), {{"If-None-Match", '"' + image.digest.text() + '"'}})
            .status == 403);
  CHECK(world.head(manifest_path(kRepository, "1")).status == 200);
  CHECK(world.get("/v2/prod/app/referrers/" + image.digest.text()).status == 200);
  CHECK(world.get("/v2/prod/app/tags/list").status == 200);
  CHECK(world.metrics().find(R"(reason="signature")") != std::string::npos);
}

TEST_CASE("who may sign is served what he has to sign, and nobody else is, not even who may push") {
  SignedWorld world;
  routes::AccessRule anyone;
  anyone.is_of_anyone = true;
  anyone.may = {routes::Action::pull, routes::Action::push};
  world.access.rules = {anyone};
  const auto image = world.push_image(kRepository, "1", 7);
  CHECK(world.pull("1").status == 403);
  const auto pull_with = [&](const std::string& token) {
    return world.get(manifest_path(kRepository, "1"), {{"Authorization", "Bearer " + token}});
  };
  CHECK(pull_with(world.make_token("signer", {"pull", "sign"}, {"prod/*"})).status == 200);
  CHECK(pull_with(world.make_token("pusher", {"pull", "push"}, {"prod/*"})).status == 403);
  CHECK(world.pull("1").status == 403);
}

TEST_CASE("a repository that no rule covers needs no signature, and of several rules the first counts") {
  SignedWorld world;
  world.push_image("test/tool", "1", 7);
  CHECK(world.pull("1", "test/tool").status == 200);
  const auto by_both = world.push_image("team/app", "1", 7);
  world.sign(world.next, by_both.digest, "team/app");
  CHECK(world.pull("1", "team/app").status == 200);
  const auto by_first = world.push_image(kRepository, "1", 7);
  world.sign(world.next, by_first.digest);
  CHECK(world.pull("1").status == 403);
}

TEST_CASE("a signature that is pushed counts at once, by its tag, as a referrer and as a bundle") {
  for (const int kind : {0, 1, 2, 3}) {
    CAPTURE(kind);
    SignedWorld world;
    const auto made = world.made_image(kRepository, 7);
    const auto image = world.push_manifest(kRepository, "1", made);
    CHECK(world.pull("1").status == 403);
    const MadeSubject subject{image.digest, image.size};
    if (kind == 0) world.sign(world.key, image.digest);
    if (kind == 1)
      world.put_signatures(kRepository, "", {simple_signature(world.key, payload_of(image.digest))},
                           std::string(kSignatureArtifactType), subject);
    if (kind == 2)
      world.put_signatures(kRepository, "", {envelope_bundle(world.key, statement_of(image.digest))},
                           std::string(kBundleType), subject);
    if (kind == 3)
      world.put_signatures(kRepository, "", {message_bundle(world.key, made.text())},
                           std::string(kBundleType), subject);
    const auto pulled = world.pull("1");
    CHECK(pulled.status == 200);
    CHECK(pulled.body == made.text());
    CHECK(world.pull(image).status == 200);
  }
}

TEST_CASE("a signature that does not count is named with what is wrong with it") {
  SignedWorld world;
  const auto image = world.push_image(kRepository, "1", 7), another = world.push_image(kRepository, "2", 8);
  world.sign(world.other, image.digest);
  CHECK(tells(world.pull("1"), "because its signature is by another key"));
  world.put_signatures(kRepository, tag_of(image.digest),
                       {simple_signature(world.key, payload_of(another.digest)),
                        simple_signature(world.other, payload_of(image.digest))});
  CHECK(tells(world.pull("1"), "because its signature is of another digest"));
  world.put_signatures(kRepository, tag_of(image.digest), {{std::string(kSimpleSigningType), "x", "!"}});
  CHECK(tells(world.pull("1"), "because its signature cannot be read"));
  world.put_signatures(kRepository, "", {envelope_bundle(world.key, statement_of(image.digest, "a/report"))},
                       std::string(kBundleType), MadeSubject{image.digest, image.size});
  CHECK(tells(world.pull("1"), "because its signature says something else of it than cosign sign does"));
  CHECK(world.pull("1").status == 403);
}

TEST_CASE("one good signature is enough, among bad ones and behind many") {
  SignedWorld world;
  const auto image = world.push_image(kRepository, "1", 7);
  std::vector<MadeSignature> many;
  for (int i = 0; i < 60; ++i)
    many.push_back({std::string(kSimpleSigningType), "payload " + std::to_string(i), "YQ=="});
  world.put_signatures(kRepository, tag_of(image.digest), many);
  CHECK(world.pull("1").status == 403);
  many.push_back(simple_signature(world.key, payload_of(image.digest)));
  world.put_signatures(kRepository, tag_of(image.digest), many);
  CHECK(world.pull("1").status == 200);
}

TEST_CASE("a payload that is too long is not read") {
  SignedWorld world;
  const auto image = world.push_image(kRepository, "1", 7);
  const auto padded = payload_of(image.digest) + std::string(routes::kSignedDocumentBytesMax, ' ');
  world.put_signatures(kRepository, tag_of(image.digest), {simple_signature(world.key, padded)});
  CHECK(tells(world.pull("1"), "because its signature cannot be read"));
}

TEST_CASE("the signature itself, and what else is but about an image, is served to whoever verifies") {
  SignedWorld world;
  const auto image = world.push_image(kRepository, "1", 7);
  world.sign(world.other, image.digest);
  world.put_signatures(kRepository, "sha256-" + image.digest.hex() + ".att",
                       {{"application/vnd.dsse.envelope.v1+json", "{}"}});
  world.put_signatures(kRepository, "sha256-" + image.digest.hex() + ".sbom", {{"text/spdx+json", "{}"}});
  for (const char* suffix : {".sig", ".att", ".sbom"}) {
    CAPTURE(suffix);
    const auto read = world.pull("sha256-" + image.digest.hex() + suffix);
    CHECK(read.status == 200);
    CHECK(world.pull(std::string(read["Docker-Content-Digest"])).status == 200);
  }
  CHECK(world.get(blob_path(kRepository, digest_of(payload_of(image.digest)))).status == 200);
}

TEST_CASE("an image is no signature because its tag is one's") {
  SignedWorld world;
  const auto image = world.push_image(kRepository, tag_of(digest_of("x")), 7);
  CHECK(world.pull(tag_of(digest_of("x"))).status == 403);
  const auto list = world.put_manifest(kRepository, "sha256-" + digest_of("x").hex(), index_text({image}),
                                       routes::kOciIndex);
  CHECK(list.status == 201);
  CHECK(world.pull("sha256-" + digest_of("x").hex()).status == 200);  // a list of referrers
  CHECK(world.pull(image).status == 403);                             // and none of what it lists
}

TEST_CASE("what a signed index names is signed with it, also two levels below, and after a restart") {
  SignedWorld world;
  const auto image = world.push_image(kRepository, "image", 7),
             lone = world.push_image(kRepository, "lone", 8);
  const auto text = index_text({image});
  CHECK(world.put_manifest(kRepository, "inner", text, routes::kOciIndex).status == 201);
  const Descriptor inner(routes::kOciIndex, digest_of(text), text.size());
  const auto outer = index_text({inner});
  CHECK(world.put_manifest(kRepository, "1", outer, routes::kOciIndex).status == 201);
  CHECK(world.pull(image).status == 403);
  world.sign(world.key, digest_of(outer));
  CHECK(world.pull(image).status == 200);
  CHECK(world.pull(inner).status == 200);
  CHECK(world.pull("1").status == 200);
  CHECK(world.pull(lone).status == 403);
  world.stop();
  CHECK(world.pull(inner).status == 200);
  CHECK(world.pull(image).status == 200);
  CHECK(world.pull(lone).status == 403);
}

TEST_CASE("a manifest that a signed image calls a layer is not signed with it") {
  SignedWorld world;
  const auto made = world.made_image(kRepository, 7);
  const auto image = world.push_manifest(kRepository, "1", made);
  auto outer = world.made_image(kRepository, 8);
  outer.layers.push_back(world.push_blob(kRepository, made.text()));
  const auto above = world.push_manifest(kRepository, "2", outer);
  world.sign(world.key, above.digest);
  CHECK(world.pull(above).status == 200);
  CHECK(world.pull(image).status == 403);
}

TEST_CASE("that an image is signed is remembered, and that it is not is forgotten within seconds") {
  SignedWorld world;
  const auto image = world.push_image(kRepository, "1", 7), another = world.push_image(kRepository, "2", 8);
  world.sign(world.key, image.digest);
  CHECK(world.pull("1").status == 200);
  CHECK(world.remove(manifest_path(kRepository, tag_of(image.digest))).status == 202);
  CHECK(world.pull("1").status == 200);
  // A signature of it that comes by another way than a push, as by an import.
  CHECK(world.pull("2").status == 403);
  const auto signature = simple_signature(world.key, payload_of(another.digest));
  world.put_signatures("elsewhere", "x", {signature});
  const auto text = signature_manifest({signature});
  const store::RepositoryKey key("private", kRepository);
  for (const auto& blob : {std::string(kSignatureConfig), signature.document})
    REQUIRE(world.store().blobs().mount(key, "elsewhere", digest_of(blob)) == true);
  const auto content = routes::read_content(digest_of(text), std::string(routes::kOciManifest), text);
  REQUIRE(content);
  const auto lacking =
      world.store().manifests().push(key, digest_of(text), text, *content, {tag_of(another.digest)});
  REQUIRE(lacking);
  REQUIRE(lacking->empty());
  CHECK(world.pull("2").status == 403);
  // The store's clock is ahead of the machine's by as many milliseconds as there were pushes.
  world.clock().advance(routes::RememberedSignatures::kRefusedFor + std::chrono::seconds(1));
  CHECK(world.pull("2").status == 200);
}

TEST_CASE("while the store cannot be read nobody can tell, and nothing that may be unsigned is served") {
  SignedWorld world;
  const auto image = world.push_image(kRepository, "1", 7);
  world.sign(world.key, image.digest);
  const auto payload = digest_of(payload_of(image.digest));
  world.stop();
  world.start();
  CHECK(world.head(manifest_path(kRepository, "1")).status == 200);
  world.files.disk.fail_on(FaultyDisk::Operation::open, world.store().parts().files.path_of(payload));
  const auto refused = world.pull("1");
  CHECK(refused.status == 503);
  CHECK(refused.has("Retry-After"));
  CHECK(tells(refused, "whether prod/app@" + image.digest.text() + " is signed"));
  CHECK(tells(refused, "nobody can tell now"));
}

}  // namespace breakwater::test
