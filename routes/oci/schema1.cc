#include "routes/oci/schema1.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "routes/oci/json_bounds.h"

namespace breakwater::routes {
namespace {

using nlohmann::json;

std::optional<std::string> base64url_decoded(std::string text) {
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  const size_t padding = (4 - text.size() % 4) % 4;
  text.append(padding, '=');
  if (padding == 3) return std::nullopt;
  std::string decoded(text.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(decoded.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0 || static_cast<size_t>(size) < padding) return std::nullopt;
  decoded.resize(static_cast<size_t>(size) - padding);
  return decoded;
}

bool is_schema1(const json& manifest) {
  const auto version = manifest.find("schemaVersion");
  const auto layers = manifest.find("fsLayers");
  return version != manifest.end() && *version == 1 && layers != manifest.end() && layers->is_array();
}

// The protected header of the first signature: {"formatLength": 123, "formatTail": "Cn0", …}.
json protected_header(const json& manifest) {
  const auto signatures = manifest.find("signatures");
  if (signatures == manifest.end() || !signatures->is_array() || signatures->empty()) return {};
  const json& first = signatures->front();
  if (!first.is_object() || !first.contains("protected") || !first["protected"].is_string()) return {};
  const auto text = base64url_decoded(first["protected"].get<std::string>());
  return text && json_within_bounds(*text) ? json::parse(*text, nullptr, false) : json();
}

}  // namespace

std::optional<store::Digest> signed_digest(std::string_view bytes, store::Algorithm algorithm) {
  if (!json_within_bounds(bytes)) return std::nullopt;
  const auto manifest = json::parse(bytes, nullptr, false);
  if (!manifest.is_object() || !is_schema1(manifest)) return std::nullopt;
  const json header = protected_header(manifest);
  if (!header.is_object()) return std::nullopt;
  const auto length = header.find("formatLength");
  const auto tail = header.find("formatTail");
  if (length == header.end() || tail == header.end() || !length->is_number_unsigned() || !tail->is_string())
    return std::nullopt;
  const auto end = base64url_decoded(tail->get<std::string>());
  if (!end || length->get<uint64_t>() > bytes.size()) return std::nullopt;
  std::string payload(bytes.substr(0, length->get<size_t>()));
  payload.append(*end);
  // Else anything could have any digest: what is served has to say what was signed.
  auto said = manifest;
  said.erase("signatures");
  if (!json_within_bounds(payload) || json::parse(payload, nullptr, false) != said) return std::nullopt;
  return store::digest_of(algorithm, payload);
}

}  // namespace breakwater::routes
