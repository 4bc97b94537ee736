// What counts as a signature of a manifest, without a server.
#include <string>
#include <vector>

#include "routes/signatures/cosign.h"
#include "routes/signatures/remembered_signatures.h"
#include "routes/signatures/signature_layers.h"
#include "routes/signatures/signature_policy.h"
#include "test/catch.h"
#include "test/fakes/certificate_files.h"
#include "test/fakes/cosign_key.h"
#include "test/fakes/fake_clock.h"

namespace breakwater::test {
namespace {

using routes::flaw_of;
using routes::is_about_an_image;
using routes::RememberedSignatures;
using routes::signature_layers;
using routes::SignatureFlaw;
using routes::SignatureKey;
using routes::SignatureLayer;
using routes::SignedManifest;

const std::string kManifest = R"({"schemaVersion":2,"manifests":[]})";

store::Digest sha256(std::string_view text) { return store::digest_of(store::Algorithm::sha256, text); }
store::Digest sha512(std::string_view text) { return store::digest_of(store::Algorithm::sha512, text); }

const CosignKey& key() {
  static const CosignKey made = CosignKey::p256();
  return made;
}

SignatureFlaw flaw(const MadeSignature& made, const std::vector<SignatureKey>& keys,
                   const store::Digest& digest = sha256(kManifest)) {
  const auto layers = signature_layers(signature_manifest({made}), 1);
  REQUIRE(layers.size() == 1);
  CHECK(layers[0].digest == sha256(made.document));
  CHECK(layers[0].size == made.document.size());
  return flaw_of(layers[0], made.document, SignedManifest{digest, kManifest}, keys);
}
SignatureFlaw flaw(const MadeSignature& made) { return flaw(made, {key().key()}); }

std::string error_of(const std::string& pem) {
  const auto parsed = SignatureKey::parse(pem);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().kind == Error::Kind::invalid);
  return parsed.error().message;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

}  // namespace

TEST_CASE("a signature by a key of each kind counts, as a payload, as an envelope and as a bundle of bytes") {
  for (const auto& signer : {CosignKey::p256(), CosignKey::rsa(), CosignKey::ed25519()}) {
    CHECK(flaw(simple_signature(signer, payload_of(sha256(kManifest))), {signer.key()}) ==
          SignatureFlaw::none);
    CHECK(flaw(envelope_bundle(signer, statement_of(sha256(kManifest))), {signer.key()}) ==
          SignatureFlaw::none);
    CHECK(flaw(message_bundle(signer, kManifest), {signer.key()}) == SignatureFlaw::none);
  }
}

TEST_CASE("a signature of a sha512 digest counts for that") {
  const auto digest = sha512(kManifest);
  CHECK(flaw(simple_signature(key(), payload_of(digest)), {key().key()}, digest) == SignatureFlaw::none);
  CHECK(flaw(envelope_bundle(key(), statement_of(digest)), {key().key()}, digest) == SignatureFlaw::none);
  CHECK(flaw(simple_signature(key(), payload_of(sha256(kManifest))), {key().key()}, digest) ==
        SignatureFlaw::other_digest);
}

TEST_CASE("any of the keys is enough, and a signature by none of them is not") {
  const auto next = CosignKey::p256(), other = CosignKey::ed25519();
  const std::vector<SignatureKey> keys = {key().key(), next.key()};
  for (const auto& made :
       {simple_signature(next, payload_of(sha256(kManifest))),
        envelope_bundle(next, statement_of(sha256(kManifest))), message_bundle(next, kManifest)}) {
    CHECK(flaw(made, keys) == SignatureFlaw::none);
    CHECK(flaw(made, {key().key()}) == SignatureFlaw::other_key);
    CHECK(flaw(made, {other.key()}) == SignatureFlaw::other_key);
    CHECK(flaw(made, {}) == SignatureFlaw::other_key);
  }
}

TEST_CASE("what is signed for another digest does not count") {
  const auto other = sha256("another manifest");
  CHECK(flaw(simple_signature(key(), payload_of(other))) == SignatureFlaw::other_digest);
  CHECK(flaw(envelope_bundle(key(), statement_of(other))) == SignatureFlaw::other_digest);
  CHECK(flaw(message_bundle(key(), "another manifest")) == SignatureFlaw::other_digest);
  // Its digest in another field, or in another algorithm's, is none.
  CHECK(flaw(envelope_bundle(key(), replaced(statement_of(sha256(kManifest)), "\"sha256\"", "\"sha1\""))) ==
        SignatureFlaw::other_digest);
}

TEST_CASE("what the key has signed for another purpose does not count") {
  const auto digest = sha256(kManifest);
  CHECK(flaw(simple_signature(key(), payload_of(digest, "atomic container signature"))) ==
        SignatureFlaw::other_statement);
  CHECK(flaw(simple_signature(key(), R"({"optional":{}})")) == SignatureFlaw::other_statement);
  CHECK(
      flaw(envelope_bundle(key(), statement_of(digest, "https://cosign.sigstore.dev/attestation/vuln/v1"))) ==
      SignatureFlaw::other_statement);
  CHECK(flaw(envelope_bundle(key(), replaced(statement_of(digest), "in-toto.io/Statement", "x/Statement"))) ==
        SignatureFlaw::other_statement);
  CHECK(flaw(envelope_bundle(key(), statement_of(digest), "application/json")) == SignatureFlaw::unreadable);
}

TEST_CASE("a document or a signature that was changed, cut or is too long does not count") {
  const auto good = simple_signature(key(), payload_of(sha256(kManifest)));
  auto changed = good;
  changed.document += ' ';
  CHECK(flaw(changed) == SignatureFlaw::other_key);
  for (const std::string& signature :
       {std::string("!"), std::string("===="), good.signature.substr(1), good.signature + "=",
        good.signature.substr(0, good.signature.size() - 1), " " + good.signature}) {
    CAPTURE(signature);
    auto cut = good;
    cut.signature = signature;
    CHECK(flaw(cut) == SignatureFlaw::unreadable);
  }
  auto shorter = good;
  shorter.signature = good.signature.substr(0, 8);
  CHECK(flaw(shorter) == SignatureFlaw::other_key);
  auto without = good;
  without.signature.clear();
  CHECK(flaw(without) == SignatureFlaw::unreadable);
  const std::string padding(routes::kSignedDocumentBytesMax, ' ');
  CHECK(flaw(simple_signature(key(), payload_of(sha256(kManifest)) + padding)) == SignatureFlaw::unreadable);
}

TEST_CASE("a bundle that can be read in two ways, or is none, does not count") {
  const auto envelope = envelope_bundle(key(), statement_of(sha256(kManifest)));
  const auto message = message_bundle(key(), kManifest);
  const auto with = [](MadeSignature made, std::string document) {
    made.document = std::move(document);
    return made;
  };
  const std::string both =
      envelope.document.substr(0, envelope.document.size() - 1) + R"(,"messageSignature":{}})";
  for (const std::string& document :
       {both, std::string("{}"), std::string("[]"), std::string(), envelope.document.substr(1),
        replaced(envelope.document, ".v0.3+json", ".v0.9+json"),
        replaced(envelope.document, "\"dsseEnvelope\"", "\"DsseEnvelope\""),
        envelope.document.substr(0, envelope.document.size() - 1) + R"(,"dsseEnvelope":{}})"}) {
    CAPTURE(document);
    CHECK(flaw(with(envelope, document)) == SignatureFlaw::unreadable);
  }
  CHECK(flaw(with(message, replaced(message.document, "\"signature\"", "\"sig\""))) ==
        SignatureFlaw::unreadable);
  CHECK(flaw(with(envelope, replaced(envelope.document, "\"signatures\":[{",
                                     "\"signatures\":[7,{}],\"x\":[{"))) == SignatureFlaw::other_key);
}

TEST_CASE("a statement that names its subjects twice is not read, although it is signed") {
  const auto statement = statement_of(sha256(kManifest));
  const std::string twice =
      statement.substr(0, statement.size() - 1) + R"(,"subject":[{"digest":{"sha256":"00"}}]})";
  CHECK(flaw(envelope_bundle(key(), twice)) == SignatureFlaw::unreadable);
}

TEST_CASE("the last signatures of a manifest are taken, of the types that are known") {
  std::vector<MadeSignature> many;
  for (int i = 0; i < 60; ++i) many.push_back({std::string(kSimpleSigningType), std::to_string(i), "YQ=="});
  many.push_back({"application/vnd.oci.image.layer.v1.tar+gzip", "a layer"});
  many.push_back({std::string(kBundleType), "a bundle"});
  const auto layers = signature_layers(signature_manifest(many), 50);
  REQUIRE(layers.size() == 50);
  CHECK(layers.front().digest == sha256("11"));
  CHECK(layers[48].digest == sha256("59"));
  CHECK(layers[48].kind == SignatureLayer::Kind::simple_signing);
  CHECK(layers[48].signature == "YQ==");
  CHECK(layers.back().digest == sha256("a bundle"));
  CHECK(layers.back().kind == SignatureLayer::Kind::bundle);

  for (const std::string& text : {std::string(), std::string("["), std::string("[]"), std::string("{}"),
                                  std::string(R"({"layers":7})"), std::string(R"({"layers":[7,{},[]]})"),
                                  R"({"layers":[{"mediaType":")" + std::string(kBundleType) + R"("}]})"}) {
    CAPTURE(text);
    CHECK(signature_layers(text, 50).empty());
  }
  const std::string huge = signature_manifest(many) + std::string(routes::kSignatureManifestBytesMax, ' ');
  CHECK(signature_layers(huge, 50).empty());
  many = {{std::string(kSimpleSigningType), "x", std::string(100'000, 'A')}};
  CHECK(signature_layers(signature_manifest(many), 50).front().signature.empty());
}

TEST_CASE("of a list of referrers those are looked at that may be signatures") {
  const auto one = [](const std::string& type, const std::string& text) {
    return R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":")" +
           sha256(text).text() + R"(")" + (type.empty() ? "" : R"(,"artifactType":")" + type + R"(")") + "}";
  };
  const std::string index = R"({"manifests":[)" + one("application/vnd.example.sbom", "a") + "," +
                            one(std::string(kSignatureArtifactType), "b") + "," +
                            one(std::string(kBundleType), "c") + "," + one("", "d") + "," +
                            one("application/vnd.oci.empty.v1+json", "e") + R"(,7,{"digest":"x"}]})";
  CHECK(routes::signature_referrers(index, 50) ==
        std::vector<store::Digest>{sha256("b"), sha256("c"), sha256("d"), sha256("e")});
  CHECK(routes::signature_referrers(index, 2) == std::vector<store::Digest>{sha256("b"), sha256("c")});
  for (const char* text : {"", "{", "[]", "{}", R"({"manifests":{}})"})
    CHECK(routes::signature_referrers(text, 50).empty());
}

TEST_CASE("a manifest is but about an image if nobody can take a layer of it for an image's") {
  const auto with_layer = [](const std::string& type) { return signature_manifest({{type, "a layer"}}); };
  for (const std::string& type :
       {std::string(kSimpleSigningType), std::string(kBundleType),
        std::string("application/vnd.dsse.envelope.v1+json"), std::string("application/vnd.in-toto+json"),
        std::string("text/spdx+json"), std::string("application/vnd.cyclonedx+xml")}) {
    CAPTURE(type);
    CHECK(is_about_an_image(with_layer(type)));
  }
  for (const std::string type :
       {"application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/octet-stream", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", ""}) {
    CAPTURE(type);
    CHECK_FALSE(is_about_an_image(with_layer(type)));
    CHECK_FALSE(is_about_an_image(signature_manifest({{std::string(kSimpleSigningType), "a"}, {type, "b"}})));
  }
  CHECK_FALSE(is_about_an_image(signature_manifest({})));
  CHECK_FALSE(is_about_an_image(kManifest));
  CHECK_FALSE(is_about_an_image(""));
}

TEST_CASE("an image cannot hide in a signature's manifest behind keys that others read in another way") {
  const auto good = signature_manifest({{std::string(kSimpleSigningType), "a"}});
  REQUIRE(is_about_an_image(good));
  const std::string image =
      R"([{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:00","size":1}])";
  const auto with = [&good](const std::string& more) { return good.substr(0, good.size() - 1) + more + "}"; };
  CHECK_FALSE(is_about_an_image(with(R"(,"layers":)" + image)));       // the last one counts for many
  CHECK_FALSE(is_about_an_image(with(R"(,"Layers":)" + image)));       // Go takes keys in any case
  CHECK_FALSE(is_about_an_image(with(R"(,"layer\u017f":)" + image)));  // and with a long s
  CHECK_FALSE(is_about_an_image(with(R"(,"manifests":[])")));
  CHECK_FALSE(is_about_an_image(with(R"(,"fsLayers":[])")));
  CHECK_FALSE(is_about_an_image(replaced(good, R"({"mediaType":")" + std::string(kSimpleSigningType) + "\"",
                                         R"({"mediaType":")" + std::string(kSimpleSigningType) +
                                             R"(","MediaType":"application/vnd.oci.image.layer.v1.tar")")));
}

TEST_CASE("a key that cannot be used is refused with what it is and what to do") {
  const auto pem = key().pem();
  CHECK(SignatureKey::parse("a comment\n" + pem + "\n\n"));
  CHECK(error_of("").starts_with("holds no public key in PEM"));
  CHECK(error_of("ssh-ed25519 AAAA").ends_with("name the cosign.pub of the key pair"));
  CHECK(error_of(key().private_pem()).starts_with("holds a private key: name the public one"));
  CHECK(error_of("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n").starts_with("holds a private key"));
  CHECK(error_of(pem + pem).starts_with("holds more than one key"));
  CHECK(error_of("-----BEGIN CERTIFICATE-----\n").starts_with("holds a certificate"));
  CHECK(error_of(pem.substr(0, 60)).starts_with("holds a public key that cannot be read"));
  CHECK(error_of(CosignKey::ec("P-384").pem()).starts_with("holds an ECDSA key that is not on P-256"));
  CHECK(error_of(CosignKey::rsa(1024).pem()).starts_with("holds an RSA key of 1024 bits: use one of 2048"));
}

TEST_CASE("a key is read from its file, and the error of one that is not there names it") {
  CertificateFiles files;
  files.write("cosign.pub", key().pem());
  files.write("empty.pub", "");
  const auto read = routes::read_signature_key(files.path("cosign.pub"));
  REQUIRE(read);
  CHECK(*read == key().key());
  CHECK_FALSE(*read == CosignKey::p256().key());
  for (const char* file : {"empty.pub", "absent.pub"}) {
    const auto wrong = routes::read_signature_key(files.path(file));
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().message.starts_with(files.path(file) + " cannot be read, or is empty: put the"));
  }
}

TEST_CASE("the first rule that covers a repository counts") {
  const auto policy = std::make_shared<const routes::SignaturePolicy>(
      routes::SignaturePolicy{{{"other/*", "prod/*"}, {"a"}, {}}, {{"prod/app", "test/*"}, {"b"}, {}}});
  CHECK(routes::rule_for(policy, "prod/app")->key_files.front() == "a");
  CHECK(routes::rule_for(policy, "test/app")->key_files.front() == "b");
  CHECK(routes::rule_for(policy, "production") == nullptr);
  CHECK(routes::rule_for(nullptr, "prod/app") == nullptr);
  CHECK(routes::pattern_for(policy->front(), "prod/app") == "prod/*");
}

TEST_CASE("that a manifest is signed is remembered until others need the place") {
  RememberedSignatures remembered(3);
  const auto digest = [](int i) { return sha256(std::to_string(i)); };
  for (int i = 0; i < 3; ++i) remembered.add_good("app", digest(i));
  CHECK(remembered.is_good("app", digest(0)));  // and so it is the most recently used
  CHECK_FALSE(remembered.is_good("other", digest(0)));
  remembered.add_good("app", digest(3));
  CHECK(remembered.good() == 3);
  CHECK(remembered.is_good("app", digest(0)));
  CHECK_FALSE(remembered.is_good("app", digest(1)));
  CHECK(remembered.is_good("app", digest(3)));
}

TEST_CASE("that a manifest is not signed is remembered for seconds, or until something is pushed there") {
  RememberedSignatures remembered(3);
  FakeClock clock;
  const auto digest = sha256("x");
  remembered.refuse("app", digest, "why", clock.now());
  CHECK(remembered.refusal("app", digest, clock.now()) == "why");
  CHECK(remembered.refusal("app", digest, clock.now() - std::chrono::hours(1)) == std::nullopt);
  remembered.forget_refusals("ap");
  CHECK(remembered.refusal("app", digest, clock.now()) == "why");
  remembered.forget_refusals("app");
  CHECK_FALSE(remembered.refusal("app", digest, clock.now()));
  remembered.refuse("app", digest, "why", clock.now());
  clock.advance(RememberedSignatures::kRefusedFor);
  CHECK_FALSE(remembered.refusal("app", digest, clock.now()));
  for (int i = 0; i < 100; ++i) remembered.refuse("app", sha256(std::to_string(i)), "why", clock.now());
  CHECK(remembered.refused() <= 3);
}

}  // namespace breakwater::test
