#include "test/fakes/made_manifest.h"

namespace breakwater::test {
namespace {

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

std::string text_of(const Descriptor& descriptor) {
  return R"({"mediaType":)" + quoted(descriptor.media_type) + R"(,"digest":)" +
         quoted(descriptor.digest.text()) + R"(,"size":)" + std::to_string(descriptor.size) + "}";
}

std::string text_of(const std::vector<Descriptor>& descriptors) {
  std::string text = "[";
  for (const auto& descriptor : descriptors) text += (text.size() > 1 ? "," : "") + text_of(descriptor);
  return text + "]";
}

}  // namespace

std::string MadeManifest::text() const {
  std::string json = R"({"schemaVersion":2,"mediaType":)" + quoted(media_type);
  if (!artifact_type.empty()) json += R"(,"artifactType":)" + quoted(artifact_type);
  if (config) json += R"(,"config":)" + text_of(*config) + R"(,"layers":)" + text_of(layers);
  if (!config) json += R"(,"manifests":)" + text_of(manifests);
  if (subject) json += R"(,"subject":)" + text_of(*subject);
  if (!note.empty()) json += R"(,"annotations":{"made.for":)" + quoted(note) + "}";
  return json + "}";
}

std::string index_text(const std::vector<Descriptor>& manifests, std::string_view media_type) {
  MadeManifest index;
  index.media_type = media_type;
  index.manifests = manifests;
  return index.text();
}

}  // namespace breakwater::test
