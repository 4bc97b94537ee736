#include "routes/signatures/signature_layers.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>

#include "routes/access/jose.h"
#include "routes/oci/json_bounds.h"

namespace breakwater::routes {
namespace {

using nlohmann::json;

constexpr std::string_view kSimpleSigning = "application/vnd.dev.cosign.simplesigning.v1+json";
constexpr std::string_view kBundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
constexpr std::string_view kSignature = "dev.cosignproject.cosign/signature";
constexpr std::string_view kEmpty = "application/vnd.oci.empty.v1+json";
constexpr std::string_view kBundles = "application/vnd.dev.sigstore.bundle";          // of any version
constexpr std::string_view kSignatures = "application/vnd.dev.cosign.artifact.sig.";  // likewise
constexpr size_t kValuesMax = 20'000;                   // of a manifest that is about an image
constexpr size_t kSignatureBytesMax = size_t{8} << 10;  // in base64; that of RSA with 8192 bits has 1368

// What begins the types of layers that nobody can run: of cosign, sigstore, in-toto, SBOMs and Notary.
constexpr std::array<std::string_view, 11> kAboutAnImage = {"application/vnd.dev.cosign.",
                                                            "application/vnd.dev.sigstore.",
                                                            "application/vnd.dsse.envelope.",
                                                            "application/vnd.in-toto",
                                                            "application/vnd.cyclonedx",
                                                            "application/vnd.syft",
                                                            "application/spdx",
                                                            "text/spdx",
                                                            "application/vnd.cncf.notary.",
                                                            "application/jose+json",
                                                            "application/cose"};

// All keys that a manifest and a descriptor have. Readers in Go take keys in any case, so that "Layers" would
// be other layers to them than "layers" is to us.
constexpr std::array<std::string_view, 8> kManifestKeys = {
    "schemaVersion", "mediaType", "artifactType", "config", "layers", "blobs", "subject", "annotations"};
constexpr std::array<std::string_view, 8> kDescriptorKeys = {
    "mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"};

bool has_only(const json& object, std::span<const std::string_view> keys) {
  const auto is_known = [keys](const auto& item) {
    return std::find(keys.begin(), keys.end(), item.key()) != keys.end();
  };
  const auto items = object.items();
  return std::all_of(items.begin(), items.end(), is_known);
}

std::string text_of(const json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The array; nothing if there is none.
const json* list_in(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? &*found : nullptr;
}

json parsed(std::string_view text, size_t bytes_max) {
  if (text.size() > bytes_max || !json_within_bounds(text)) return {};
  return json::parse(text, nullptr, false);
}

std::optional<SignatureLayer> signature_layer(const json& layer) {
  if (!layer.is_object()) return std::nullopt;
  const auto type = text_of(layer, "mediaType");
  const auto digest = store::Digest::parse(text_of(layer, "digest"));
  if (!digest || (type != kSimpleSigning && type != kBundle)) return std::nullopt;
  const bool is_bundle = type == kBundle;
  SignatureLayer found{is_bundle ? SignatureLayer::Kind::bundle : SignatureLayer::Kind::simple_signing,
                       *digest, 0, ""};
  if (const auto size = layer.find("size"); size != layer.end() && size->is_number_unsigned())
    found.size = size->get<uint64_t>();
  const auto annotations = layer.find("annotations");
  if (!is_bundle && annotations != layer.end() && annotations->is_object())
    found.signature = text_of(*annotations, kSignature);
  if (found.signature.size() > kSignatureBytesMax) found.signature.clear();
  return found;
}

bool is_layer_about_an_image(const json& layer) {
  if (!layer.is_object() || !has_only(layer, kDescriptorKeys)) return false;
  const auto type = text_of(layer, "mediaType");
  return std::any_of(kAboutAnImage.begin(), kAboutAnImage.end(),
                     [&type](std::string_view begin) { return type.starts_with(begin); });
}

}  // namespace

std::vector<SignatureLayer> signature_layers(std::string_view manifest, size_t most) {
  std::vector<SignatureLayer> layers;
  const json body = parsed(manifest, kSignatureManifestBytesMax);
  const json* list = body.is_object() ? list_in(body, "layers") : nullptr;
  if (list == nullptr) return layers;
  for (auto layer = list->rbegin(); layer != list->rend() && layers.size() < most; ++layer) {
    if (auto found = signature_layer(*layer)) layers.push_back(*std::move(found));
  }
  std::reverse(layers.begin(), layers.end());
  return layers;
}

// cosign lists a bundle under a fallback tag by the type of its config, which is empty.
bool is_signature_artifact_type(std::string_view type) {
  return type.empty() || type == kEmpty || type.starts_with(kSignatures) || type.starts_with(kBundles);
}

std::vector<store::Digest> signature_referrers(std::string_view index, size_t most) {
  std::vector<store::Digest> found;
  const json body = json_within_bounds(index) ? json::parse(index, nullptr, false) : json();
  const json* list = body.is_object() ? list_in(body, "manifests") : nullptr;
  if (list == nullptr) return found;
  for (const auto& one : *list) {
    if (found.size() == most) break;
    if (!one.is_object() || !is_signature_artifact_type(text_of(one, "artifactType"))) continue;
    if (auto digest = store::Digest::parse(text_of(one, "digest"))) found.push_back(*digest);
  }
  return found;
}

bool is_about_an_image(std::string_view manifest) {
  if (manifest.size() > kSignatureManifestBytesMax) return false;
  const auto body = unambiguous_object(manifest, kValuesMax);
  if (!body || !has_only(*body, kManifestKeys) || body->contains("layers") == body->contains("blobs"))
    return false;
  const json* list = list_in(*body, body->contains("layers") ? "layers" : "blobs");
  return list != nullptr && !list->empty() &&
         std::all_of(list->begin(), list->end(), is_layer_about_an_image);
}

}  // namespace breakwater::routes
