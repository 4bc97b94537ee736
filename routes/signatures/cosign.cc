#include "routes/signatures/cosign.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "routes/access/jose.h"

namespace breakwater::routes {
namespace {

using nlohmann::json;
using Flaw = SignatureFlaw;
using Keys = std::span<const SignatureKey>;

constexpr size_t kValuesMax = 4096;           // of a document
constexpr size_t kEnvelopeSignaturesMax = 8;  // a client makes one
constexpr std::string_view kPayloadType = "cosign container image signature";
constexpr std::string_view kBundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";
constexpr std::string_view kEnvelopeType = "application/vnd.in-toto+json";
constexpr std::string_view kStatementTypes = "https://in-toto.io/Statement/";
constexpr std::string_view kSignedByCosign = "https://sigstore.dev/cosign/sign/v1";

// As Go's encoding/json writes bytes: with padding, and without anything between.
std::optional<std::string> base64_decoded(std::string text) {
  if (text.empty() || text.size() % 4 != 0 || text.find_first_of("-_") != std::string::npos)
    return std::nullopt;
  for (int padding = 0; padding < 2 && text.back() == '='; ++padding) text.pop_back();
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return base64url_decoded(text);
}

std::string text_in(const json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const json& object_in(const json& object, const char* key) {
  static const json kNone = json::object();
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : kNone;
}

bool is_signed_by_any(Keys keys, std::string_view text, std::string_view signature) {
  return std::any_of(keys.begin(), keys.end(),
                     [&](const SignatureKey& key) { return key.has_signed(text, signature); });
}

// --- simple signing

Flaw flaw_of_payload(std::string_view payload, const std::string& signature, const SignedManifest& manifest,
                     Keys keys) {
  const auto decoded = base64_decoded(signature);
  if (!decoded) return Flaw::unreadable;
  if (!is_signed_by_any(keys, payload, *decoded)) return Flaw::other_key;
  const auto body = unambiguous_object(payload, kValuesMax);
  if (!body) return Flaw::unreadable;
  const json& critical = object_in(*body, "critical");
  if (text_in(critical, "type") != kPayloadType) return Flaw::other_statement;
  const bool is_of_this =
      text_in(object_in(critical, "image"), "docker-manifest-digest") == manifest.digest.text();
  return is_of_this ? Flaw::none : Flaw::other_digest;
}

// --- bundles

Flaw flaw_of_message(const json& message, const SignedManifest& manifest, Keys keys) {
  const auto signature = base64_decoded(text_in(message, "signature"));
  if (!signature) return Flaw::unreadable;
  if (is_signed_by_any(keys, manifest.bytes, *signature)) return Flaw::none;
  // What it says that it is of only tells why it does not fit.
  const auto digest = base64_decoded(text_in(object_in(message, "messageDigest"), "digest"));
  const auto own = store::digest_of(store::Algorithm::sha256, manifest.bytes);
  const std::string own_bytes(own.bytes().begin(), own.bytes().end());
  const bool is_of_this = digest == own_bytes;
  return is_of_this ? Flaw::other_key : Flaw::other_digest;
}

// What a DSSE envelope signs (its protocol, "PAE").
std::string pre_authentication_encoding(std::string_view type, std::string_view body) {
  std::string text = "DSSEv1 " + std::to_string(type.size()) + " ";
  text.append(type).append(" ").append(std::to_string(body.size())).append(" ").append(body);
  return text;
}

bool is_envelope_signed(const json& envelope, std::string_view text, Keys keys) {
  const auto list = envelope.find("signatures");
  if (list == envelope.end() || !list->is_array() || list->size() > kEnvelopeSignaturesMax) return false;
  return std::any_of(list->begin(), list->end(), [&](const json& one) {
    const auto signature = one.is_object() ? base64_decoded(text_in(one, "sig")) : std::nullopt;
    return signature && is_signed_by_any(keys, text, *signature);
  });
}

bool names_subject(const json& statement, const store::Digest& digest) {
  const auto list = statement.find("subject");
  if (list == statement.end() || !list->is_array()) return false;
  return std::any_of(list->begin(), list->end(), [&](const json& one) {
    return one.is_object() && text_in(object_in(one, "digest"), name_of(digest.algorithm())) == digest.hex();
  });
}

Flaw flaw_of_envelope(const json& envelope, const SignedManifest& manifest, Keys keys) {
  const auto type = text_in(envelope, "payloadType");
  const auto payload = base64_decoded(text_in(envelope, "payload"));
  if (!payload) return Flaw::unreadable;
  if (!is_envelope_signed(envelope, pre_authentication_encoding(type, *payload), keys))
    return Flaw::other_key;
  const auto statement = type == kEnvelopeType ? unambiguous_object(*payload, kValuesMax) : std::nullopt;
  if (!statement) return Flaw::unreadable;
  if (!text_in(*statement, "_type").starts_with(kStatementTypes) ||
      text_in(*statement, "predicateType") != kSignedByCosign)
    return Flaw::other_statement;
  return names_subject(*statement, manifest.digest) ? Flaw::none : Flaw::other_digest;
}

Flaw flaw_of_bundle(std::string_view document, const SignedManifest& manifest, Keys keys) {
  const auto bundle = unambiguous_object(document, kValuesMax);
  if (!bundle || text_in(*bundle, "mediaType") != kBundleType) return Flaw::unreadable;
  const bool has_message = bundle->contains("messageSignature");
  if (has_message == bundle->contains("dsseEnvelope")) return Flaw::unreadable;
  if (has_message) return flaw_of_message(object_in(*bundle, "messageSignature"), manifest, keys);
  return flaw_of_envelope(object_in(*bundle, "dsseEnvelope"), manifest, keys);
}

}  // namespace

std::string_view words_of(SignatureFlaw flaw) {
  switch (flaw) {
    case Flaw::none: return "is good";
    case Flaw::unreadable: return "cannot be read";
    case Flaw::other_key: return "is by another key";
    case Flaw::other_statement: return "says something else of it than cosign sign does";
    case Flaw::other_digest: return "is of another digest";
  }
  return "";
}

SignatureFlaw flaw_of(const SignatureLayer& layer, std::string_view document, const SignedManifest& manifest,
                      std::span<const SignatureKey> keys) {
  if (document.size() > kSignedDocumentBytesMax) return Flaw::unreadable;
  if (layer.kind == SignatureLayer::Kind::bundle) return flaw_of_bundle(document, manifest, keys);
  return flaw_of_payload(document, layer.signature, manifest, keys);
}

}  // namespace breakwater::routes
