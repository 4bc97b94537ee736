#include "routes/oci/manifest.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "proxy/http/http.h"
#include "routes/oci/json_bounds.h"
#include "routes/oci/media_type.h"

namespace breakwater::routes {
namespace {

using nlohmann::json;

// Who reads. A registry refuses what is malformed; a mirror carries it, and follows what it understands.
enum class Reader { registry, mirror };

// The fields that a manifest has; several media types share a shape.
enum class Shape { image, index, artifact, opaque };

tl::unexpected<Error> bad(std::string why) {
  return failure(Error::Kind::invalid, "manifest: " + std::move(why));
}

// The field's text, "" if it is absent or no string.
std::string text_of(const json& object, const char* field) {
  const auto found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The text of a field that names a type. One that no request can ask for counts as none: it would make each
// record that says it as long as the manifest.
std::string type_text_of(const json& object, const char* field) {
  constexpr size_t kBytesMax = 1024;
  std::string type = text_of(object, field);
  return type.size() <= kBytesMax ? type : std::string();
}

bool has_array(const json& object, const char* field) {
  const auto found = object.find(field);
  return found != object.end() && found->is_array();
}

bool has_object(const json& object, const char* field) {
  const auto found = object.find(field);
  return found != object.end() && found->is_object();
}

// A list may be null, because Go encodes an empty list so.
bool may_list(const json& object, const char* field) {
  return has_array(object, field) || !object.contains(field) || object[field].is_null();
}

// --- which type it is

std::string_view type_by_fields(const json& body) {
  if (has_array(body, "manifests")) return kOciIndex;
  if (has_object(body, "config") && has_array(body, "layers")) return kOciManifest;
  if (has_array(body, "fsLayers"))
    return has_array(body, "signatures") ? kDockerSchema1Signed : kDockerSchema1;
  return {};
}

bool is_generic(std::string_view type) {
  return type.empty() || proxy::same_token(type, kJson) || proxy::same_token(type, kOctetStream) ||
         proxy::same_token(type, "text/plain");
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

Shape shape_of(std::string_view type) {
  if (is_image_type(type)) return Shape::image;
  if (is_index_type(type)) return Shape::index;
  return type == kOciArtifact ? Shape::artifact : Shape::opaque;
}

// False also for a body with the fields of two shapes, which means different things to different clients
// (CVE-2021-41190).
bool has_shape(const json& body, Shape shape) {
  const bool layers = body.contains("layers") || body.contains("config") || body.contains("fsLayers");
  const bool manifests = body.contains("manifests");
  switch (shape) {
    case Shape::image: return !manifests && has_object(body, "config") && may_list(body, "layers");
    case Shape::index: return !layers && may_list(body, "manifests");
    case Shape::artifact: return !layers && !manifests;
    case Shape::opaque: break;
  }
  return true;
}

// What cannot be a media type counts as none.
std::string_view declared_type(std::string_view content_type) {
  const std::string_view type = without_parameters(content_type);
  return is_media_type(type) ? type : std::string_view();
}

Result<std::string> type_of(const json& body, std::string_view content_type) {
  const std::string_view as_declared = declared_type(content_type);
  std::string declared = lower(as_declared);
  std::string own = text_of(body, "mediaType");
  if (!is_media_type(own)) own.clear();
  if (is_generic(declared)) {
    std::string type = own.empty() ? std::string(type_by_fields(body)) : own;
    if (type.empty()) return bad("neither Content-Type nor the body says what it is");
    return type;
  }
  if (declared.starts_with("text/html")) return bad("it came as " + declared);
  // The body's mediaType wins among types of one shape: the digest covers it, and registries mix up the OCI
  // and the Docker names.
  if (is_manifest_type(own) && own != declared) {
    if (is_manifest_type(declared) && shape_of(declared) != shape_of(own))
      return bad("it came as " + declared + " and calls itself " + own);
    return own;
  }
  return is_manifest_type(declared) ? declared : std::string(as_declared);
}

// Whether the type is one that we do not know and need not understand.
bool is_unknown_type(std::string_view content_type) {
  const std::string type = lower(declared_type(content_type));
  return !is_generic(type) && !is_manifest_type(type) && !type.starts_with("text/html");
}

// --- what it names

struct Descriptor {
  store::Digest digest;
  store::EdgeRecord edge;
};

Result<Descriptor> descriptor_of(const json& value, Reader reader) {
  if (!value.is_object()) return bad("a descriptor is no object");
  auto digest = store::Digest::parse(text_of(value, "digest"));
  if (!digest) return bad("a descriptor's digest: " + digest.error().message);
  const auto size = value.find("size");
  const bool is_size = size != value.end() && size->is_number_integer() &&
                       (size->is_number_unsigned() || size->get<int64_t>() >= 0);
  if (!is_size && reader == Reader::registry) return bad("a descriptor has no size");
  Descriptor descriptor{*digest, {}};
  descriptor.edge.media_type = type_text_of(value, "mediaType");
  descriptor.edge.size = is_size ? size->get<uint64_t>() : 0;
  return descriptor;
}

// Collects the children of a manifest, each once.
class Children {
 public:
  Children(store::ManifestContent& content, Reader reader) : content_(content), reader_(reader) {}

  // A config is always needed, whatever its media type: only layers may be foreign.
  Result<> add_config(const json& value) {
    auto descriptor = descriptor_of(value, reader_);
    if (!descriptor) return malformed(std::move(descriptor.error()));
    add_needed(std::move(*descriptor));
    return {};
  }

  Result<> add_blob(const json& value) {
    auto descriptor = descriptor_of(value, reader_);
    if (!descriptor) return malformed(std::move(descriptor.error()));
    add(std::move(*descriptor));
    return {};
  }

  // Whether a child of an index is a manifest is decided by its media type: BuildKit's older cache exports
  // list layers in an index.
  Result<> add_of_index(const json& value) {
    auto descriptor = descriptor_of(value, reader_);
    if (!descriptor) return malformed(std::move(descriptor.error()));
    const std::string type = lower(without_parameters(descriptor->edge.media_type));
    descriptor->edge.is_manifest = type.empty() || is_manifest_type(type);
    add(std::move(*descriptor));
    return {};
  }

  // Adds whatever looks like a descriptor in a manifest of unknown type. Nothing in there is an error.
  void guess_one(const json& value) {
    if (!value.is_object()) return;
    // Docker schema 1 says blobSum.
    const std::string text = text_of(value, value.contains("blobSum") ? "blobSum" : "digest");
    const auto digest = store::Digest::parse(text);
    if (!digest) return;
    Descriptor descriptor{*digest, {}};
    descriptor.edge.media_type = type_text_of(value, "mediaType");
    add_foreign(std::move(descriptor));
  }
  void guess(const json& body) {
    for (const char* field : {"config", "layers", "blobs", "manifests", "fsLayers"}) {
      const auto found = body.find(field);
      if (found == body.end()) continue;
      if (!found->is_array()) guess_one(*found);
      if (!found->is_array()) continue;
      for (const auto& value : *found) guess_one(value);
    }
  }

  using Add = Result<> (Children::*)(const json&);
  Result<> add_each(const json& body, const char* field, Add add_one) {
    const auto list = body.find(field);
    if (list == body.end() || list->is_null()) return {};
    if (!list->is_array()) return bad(std::string(field) + " is no array");
    for (const auto& value : *list) {
      if (auto added = (this->*add_one)(value); !added) return added;
    }
    return {};
  }

 private:
  // A mirror leaves out what it does not understand.
  Result<> malformed(Error error) const {
    return reader_ == Reader::mirror ? Result<>() : failure(std::move(error));
  }
  void add(Descriptor descriptor) {
    if (!descriptor.edge.is_manifest && is_foreign_layer_type(descriptor.edge.media_type))
      return add_foreign(std::move(descriptor));
    add_needed(std::move(descriptor));
  }
  void add_needed(Descriptor descriptor) {
    note_size(descriptor);
    const auto [known, is_new] = needed_.emplace(descriptor.digest, content_.children.size());
    // Listed again, as a manifest now: that says more than what it was as a blob.
    if (!is_new && descriptor.edge.is_manifest)
      content_.children[known->second].edge = std::move(descriptor.edge);
    if (!is_new) return;
    if (foreign_.erase(descriptor.digest) > 0) {
      std::erase_if(content_.foreign, [&](const store::ManifestContent::Child& child) {
        return child.digest == descriptor.digest;
      });
    }
    content_.children.push_back({descriptor.digest, std::move(descriptor.edge)});
  }
  // What is only guessed has no size.
  void note_size(const Descriptor& descriptor) {
    if (reader_ == Reader::mirror) return;
    const auto [said, is_new] = sizes_.emplace(descriptor.digest, descriptor.edge.size);
    if (is_new || said->second == descriptor.edge.size || !content_.contradiction.empty()) return;
    content_.contradiction = "manifest: it gives " + descriptor.digest.text() + " two sizes, " +
                             std::to_string(said->second) + " and " + std::to_string(descriptor.edge.size);
  }
  void add_foreign(Descriptor descriptor) {
    if (descriptor.edge.size > 0) note_size(descriptor);
    if (needed_.contains(descriptor.digest) || !foreign_.insert(descriptor.digest).second) return;
    content_.foreign.push_back({descriptor.digest, std::move(descriptor.edge)});
  }

  store::ManifestContent& content_;
  const Reader reader_;
  std::map<store::Digest, size_t> needed_;  // where each is among the children
  std::map<store::Digest, uint64_t> sizes_;
  std::set<store::Digest> foreign_;
};

Result<> read_children(const json& body, Shape shape, Reader reader, store::ManifestContent& content) {
  Children children(content, reader);
  switch (shape) {
    case Shape::image:
      if (auto config = children.add_config(body["config"]); !config) return config;
      return children.add_each(body, "layers", &Children::add_blob);
    case Shape::index: return children.add_each(body, "manifests", &Children::add_of_index);
    case Shape::artifact: return children.add_each(body, "blobs", &Children::add_blob);
    case Shape::opaque: children.guess(body);
  }
  return {};
}

// --- what it refers to

Result<> read_subject(const json& body, Reader reader, store::ManifestRecord& record) {
  const auto subject = body.find("subject");
  if (subject == body.end() || subject->is_null()) return {};
  auto descriptor = descriptor_of(*subject, reader);
  if (!descriptor && reader == Reader::mirror) return {};
  if (!descriptor) return failure(std::move(descriptor.error()));
  record.subject = descriptor->digest;
  return {};
}

// Without artifactType, an image has its config's media type (distribution specification, "Listing
// Referrers").
std::string artifact_type_of(const json& body, Shape shape) {
  auto type = type_text_of(body, "artifactType");
  if (type.empty() && shape == Shape::image) type = type_text_of(body["config"], "mediaType");
  return type;
}

void describe_referrer(const json& body, const store::Digest& digest, store::ManifestContent& content) {
  const store::ManifestRecord& record = content.record;
  nlohmann::ordered_json descriptor;
  descriptor["mediaType"] = record.media_type;
  descriptor["digest"] = digest.text();
  descriptor["size"] = record.size;
  if (!record.artifact_type.empty()) descriptor["artifactType"] = record.artifact_type;
  const auto text = [&descriptor] {
    return descriptor.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  };
  content.short_descriptor = text();
  if (has_object(body, "annotations")) descriptor["annotations"] = body["annotations"];
  content.referrer_descriptor = text();
}

// Reads what a body of this shape says of itself and of others.
Result<> read_body(const json& body, Shape shape, Reader reader, const store::Digest& digest,
                   store::ManifestContent& content) {
  if (auto read = read_children(body, shape, reader, content); !read) return read;
  if (shape == Shape::opaque) return {};
  store::ManifestRecord& record = content.record;
  if (auto read = read_subject(body, reader, record); !read) return read;
  record.artifact_type = artifact_type_of(body, shape);
  if (record.subject) describe_referrer(body, digest, content);
  return {};
}

// What a mirror calls a manifest: as upstream did, unless the body knows better. Empty if neither says.
std::string carried_type(const json& body, std::string_view content_type) {
  std::string_view declared = declared_type(content_type);
  if (lower(declared).starts_with("text/html")) declared = {};
  auto type = body.is_object() ? type_of(body, declared) : failure(Error::Kind::invalid, "no object");
  if (type) return *std::move(type);
  return std::string(is_generic(lower(declared)) ? std::string_view() : declared);
}

}  // namespace

Result<Manifest> read_manifest(std::string_view bytes, std::string_view content_type,
                               const store::Digest& digest) {
  if (bytes.size() > kManifestBytesMax) return bad("longer than 4 MiB");
  Manifest manifest;
  store::ManifestRecord& record = manifest.content.record;
  record.size = bytes.size();
  const bool is_bounded = json_within_bounds(bytes);
  const auto body = is_bounded ? json::parse(bytes, nullptr, false) : json(json::value_t::discarded);
  if (!body.is_object()) {
    if (!is_unknown_type(content_type))
      return bad(is_bounded ? "no JSON object" : "nested too deep, or of too many values");
    record.media_type = declared_type(content_type);
    manifest.is_readable = false;
    return manifest;
  }
  auto type = type_of(body, content_type);
  if (!type) return failure(std::move(type.error()));
  const Shape shape = shape_of(*type);
  if (!has_shape(body, shape)) return bad("the body is not of the shape of " + *type);

  record.media_type = std::move(*type);
  if (auto read = read_body(body, shape, Reader::registry, digest, manifest.content); !read)
    return failure(std::move(read.error()));
  return manifest;
}

Manifest read_carried_manifest(std::string_view bytes, std::string_view content_type,
                               const store::Digest& digest) {
  Manifest manifest;
  store::ManifestRecord& record = manifest.content.record;
  record.size = bytes.size();
  const bool is_bounded = json_within_bounds(bytes);
  const auto body = is_bounded ? json::parse(bytes, nullptr, false) : json(json::value_t::discarded);
  // What is too deep to be followed may be JSON nevertheless; telling takes no memory to speak of.
  manifest.is_readable =
      body.is_object() || (!is_bounded && begins_json_object(bytes) && json::accept(bytes));
  record.media_type = carried_type(body, content_type);
  manifest.is_known = !record.media_type.empty();
  if (!manifest.is_known) record.media_type = kOctetStream;
  if (!body.is_object()) return manifest;
  const Shape shape = shape_of(record.media_type);
  const bool is_clear = has_shape(body, shape);
  (void)read_body(body, is_clear ? shape : Shape::opaque, Reader::mirror, digest, manifest.content);
  return manifest;
}

Result<store::ManifestContent> read_content(const store::Digest& digest, const std::string& media_type,
                                            std::string_view bytes) {
  auto read = read_manifest(bytes, media_type, digest);
  if (!read) return failure(std::move(read.error()));
  return std::move(read->content);
}

}  // namespace breakwater::routes
