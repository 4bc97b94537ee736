// Any bytes are a signature's manifest, a document or a key, or are none, and nothing that our key has not
// signed counts. The input's first byte says what the rest is; a payload and a statement are signed here, so
// that what is behind the signature is reached.
#include <openssl/err.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "routes/signatures/cosign.h"
#include "routes/signatures/signature_layers.h"
#include "test/fakes/cosign_key.h"

namespace {

using namespace breakwater;
using routes::SignatureFlaw;
using routes::SignatureKey;
using routes::SignatureLayer;

void require(bool condition) {
  if (!condition) std::abort();
}

const test::CosignKey& own_key() {
  static const auto key = test::CosignKey::ed25519();
  return key;
}

const std::vector<SignatureKey>& keys() {
  static const std::vector<SignatureKey> all = {own_key().key()};
  return all;
}

constexpr std::string_view kManifest = "{}";

SignatureFlaw flaw_of(SignatureLayer::Kind kind, const std::string& document, std::string signature) {
  const auto digest = store::digest_of(store::Algorithm::sha256, kManifest);
  const SignatureLayer layer{kind, digest, document.size(), std::move(signature)};
  return routes::flaw_of(layer, document, routes::SignedManifest{digest, kManifest}, keys());
}

void read_manifest(std::string_view text) {
  const auto layers = routes::signature_layers(text, 50);
  require(layers.size() <= 50);
  (void)routes::is_about_an_image(text);
  require(routes::signature_referrers(text, 3).size() <= 3);
  for (const auto& layer : layers) require(flaw_of(layer.kind, "{}", layer.signature) != SignatureFlaw::none);
}

// What counts names the digest.
void check(SignatureFlaw flaw, std::string_view text) {
  const auto hex = store::digest_of(store::Algorithm::sha256, kManifest).hex();
  require(flaw != SignatureFlaw::none || text.find(hex) != std::string_view::npos ||
          text.find("\\u") != std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0: read_manifest(text); break;
    case 1: require(flaw_of(SignatureLayer::Kind::simple_signing, "{}", text) != SignatureFlaw::none); break;
    case 2: require(flaw_of(SignatureLayer::Kind::bundle, text, "") != SignatureFlaw::none); break;
    case 3: {
      const auto made = test::simple_signature(own_key(), text);
      check(flaw_of(SignatureLayer::Kind::simple_signing, text, made.signature), text);
      break;
    }
    case 4: {
      const auto made = test::envelope_bundle(own_key(), text);
      check(flaw_of(SignatureLayer::Kind::bundle, made.document, ""), text);
      break;
    }
    default: {
      const auto key = SignatureKey::parse(text);
      require(key ? !key->has_signed("", "") : key.error().kind == Error::Kind::invalid);
    }
  }
  require(ERR_peek_error() == 0);
  return 0;
}
