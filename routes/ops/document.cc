#include "routes/ops/document.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "routes/oci/date_text.h"
#include "routes/oci/json_bounds.h"
#include "routes/ops/image_config.h"
#include "store/blobs/blobs.h"
#include "store/blobs/manifests.h"
#include "store/catalog/catalog.h"
#include "store/catalog/store_clock.h"
#include "store/references/route_rules.h"

namespace breakwater::routes {
namespace {

using Json = nlohmann::ordered_json;
// What strangers have written: an object of ordered_json takes the square of its keys to read.
using Read = nlohmann::json;
using store::Digest;
using store::Reach;
using store::RepositoryKey;

constexpr const char* kImageConfigs[] = {"application/vnd.oci.image.config.v1+json",
                                         "application/vnd.docker.container.image.v1+json"};

Result<Read> read(const std::string& text) {
  if (!json_within_bounds(text))
    return failure(Error::Kind::invalid, "it is too deep, or has too many values, to be read");
  Read parsed = Read::parse(text, nullptr, false);
  if (!parsed.is_object()) return failure(Error::Kind::invalid, "it is no JSON object");
  return parsed;
}

bool is_image_config(const Read& descriptor) {
  const auto& type = in(descriptor, "mediaType");
  return std::any_of(std::begin(kImageConfigs), std::end(kImageConfigs),
                     [&](const char* known) { return type == known; });
}

class Document {
 public:
  Document(store::Store& store, const RepositoryKey& repository, const DocumentBounds& bounds)
      : store_(store),
        repository_(repository),
        texts_(bounds.text_bytes_max, bounds.answer_bytes_max, bounds.rows_max) {}

  Result<Json> of(const std::string& reference) {
    const std::string name = repository_.route + "/" + repository_.repository;
    auto digest = Digest::parse(reference);
    const std::string image = name + (digest ? "@" : ":") + reference;
    answer_["image"] = image;
    answer_["route"] = repository_.route;
    answer_["repository"] = repository_.repository;
    const auto none = failure(Error::Kind::not_found, "there is no image " + image);
    std::optional<store::TagRecord> tag;
    if (!digest) {
      auto found = store_.catalog().tag(repository_, reference, Reach::disk);
      if (!found) return failure(found.error());
      if (!*found) return none;
      tag = *found;
      digest = tag->digest;
      answer_["tag"] = reference;
    }
    answer_["digest"] = digest->text();
    const auto is_known = put_record(*digest);
    if (!is_known) return failure(is_known.error());
    if (!*is_known) return none;
    const auto here = is_here(*digest);
    if (!here) return failure(here.error());
    answer_["here"] = *here;
    answer_["kind"] = "unknown";
    if (tag) put_times(*tag);
    if (*here) {
      if (auto said = put_what_it_says(*digest); !said) return failure(said.error());
    }
    answer_["cut"] = texts_.is_cut();
    return std::move(answer_);
  }

 private:
  // False if the repository neither has it nor names it.
  Result<bool> put_record(const Digest& digest) {
    const auto record = store_.catalog().manifest(repository_, digest, Reach::disk);
    if (!record) return failure(record.error());
    if (*record) {
      answer_["media_type"] = (*record)->media_type;
      answer_["bytes"] = (*record)->size;
      return true;
    }
    const auto parent = store_.catalog().parent_in(digest, repository_, Reach::disk);
    if (!parent) return failure(parent.error());
    if (!*parent || !(*parent)->edge.is_manifest) return false;
    answer_["media_type"] = (*parent)->edge.media_type;
    answer_["bytes"] = (*parent)->edge.size;
    return true;
  }

  Result<bool> is_here(const Digest& digest) const {
    const auto blob = store_.catalog().blob(digest, Reach::disk);
    if (!blob) return failure(blob.error());
    return blob->has_value();
  }

  void put_times(const store::TagRecord& tag) {
    answer_["set_at"] = date_text(tag.set_at);
    if (store_.rules().is_mirror(repository_.route))
      answer_["checked_at"] = date_text(store_.clock().to_wall(tag.checked_at));
    const auto blob = store_.catalog().blob(tag.digest, Reach::disk);
    if (blob && *blob) answer_["last_pulled_at"] = date_text(store_.clock().to_wall((*blob)->used_at));
  }

  Result<> put_what_it_says(const Digest& digest) {
    const auto bytes = store_.manifests().bytes(repository_, digest);
    if (!bytes && bytes.error().kind == Error::Kind::storage) return failure(bytes.error());
    const auto manifest = bytes ? read(*bytes) : Result<Read>(failure(bytes.error()));
    if (!manifest) {
      answer_["here"] = bytes.has_value();
      answer_["unreadable"] = manifest.error().message;
      return {};
    }
    texts_.put_text(answer_, "artifact_type", *manifest, "artifactType");
    if (digest_in(in(*manifest, "subject"), "digest")) {
      auto subject = descriptor(in(*manifest, "subject"));
      if (!subject) return failure(subject.error());
      answer_["subject"] = *std::move(subject);
    }
    texts_.put_map(answer_, "annotations", *manifest, "annotations");
    return in(*manifest, "manifests").is_array() ? put_manifests(*manifest) : put_image(*manifest);
  }

  // What a manifest says of a thing that it names.
  Result<Json> descriptor(const Read& said, const char* digest_field = "digest") {
    Json row = Json::object();
    const auto digest = digest_in(said, digest_field);
    if (digest) row["digest"] = digest->text();
    texts_.put_text(row, "media_type", said, "mediaType");
    const auto& size = in(said, "size");
    if (size.is_number_unsigned()) row["bytes"] = size.get<uint64_t>();
    const auto here = digest ? is_here(*digest) : Result<bool>(false);
    if (!here) return failure(here.error());
    row["here"] = *here;
    texts_.put_text(row, "artifact_type", said, "artifactType");
    texts_.put_map(row, "annotations", said, "annotations");
    return row;
  }

  Result<> put_manifests(const Read& manifest) {
    answer_["kind"] = "index";
    answer_["manifests"] = Json::array();
    for (const auto& said : manifest["manifests"]) {
      if (!texts_.has_row(answer_["manifests"].size())) break;
      auto row = descriptor(said);
      if (!row) return failure(row.error());
      if (const auto platform = platform_text(in(said, "platform")); !platform.empty())
        (*row)["platform"] = platform;
      answer_["manifests"].push_back(*std::move(row));
    }
    return {};
  }

  Result<> put_image(const Read& manifest) {
    const auto& said = in(manifest, "config");
    answer_["kind"] = is_image_config(said) || in(manifest, "fsLayers").is_array() ? "image" : "artifact";
    Read config;
    if (said.is_object()) {
      auto row = descriptor(said);
      if (!row) return failure(row.error());
      if (is_image_config(said)) {
        auto found = read_config(said, *row);
        if (!found) return failure(found.error());
        config = *std::move(found);
      }
      put_config(*row, config, texts_);
      answer_["config"] = *std::move(row);
    }
    auto layers = layers_of(manifest);
    if (!layers) return failure(layers.error());
    put_history(answer_, *std::move(layers), config, texts_);
    return {};
  }

  Result<Json> layers_of(const Read& manifest) {
    Json layers = Json::array();
    for (const auto& [list, digest_field] :
         {std::pair("layers", "digest"), std::pair("fsLayers", "blobSum")}) {
      if (!in(manifest, list).is_array()) continue;
      for (const auto& said : in(manifest, list)) {
        if (!texts_.has_row(layers.size())) break;
        auto row = descriptor(said, digest_field);
        if (!row) return row;
        layers.push_back(*std::move(row));
      }
    }
    return layers;
  }

  // Nothing if it is not here, too long or no config: `row` says so.
  Result<Read> read_config(const Read& said, Json& row) {
    const auto digest = digest_in(said, "digest");
    if (!digest) return Read();
    const auto blob = store_.catalog().blob(*digest, Reach::disk);
    if (!blob) return failure(blob.error());
    if (!*blob) return Read();
    if ((*blob)->size > kConfigBytesMax) {
      row["unreadable"] = "it is larger than 4 MiB";
      return Read();
    }
    const auto bytes = store_.blobs().bytes(*digest);
    if (!bytes && bytes.error().kind == Error::Kind::storage) return failure(bytes.error());
    auto config = bytes ? read(*bytes) : Result<Read>(failure(bytes.error()));
    if (config) return config;
    row["here"] = bytes.has_value();
    row["unreadable"] = config.error().message;
    return Read();
  }

  store::Store& store_;
  const RepositoryKey& repository_;
  StrangersTexts texts_;
  Json answer_ = Json::object();
};

}  // namespace

Result<Json> document(store::Store& store, const RepositoryKey& repository, const std::string& reference,
                      const DocumentBounds& bounds) {
  return Document(store, repository, bounds).of(reference);
}

}  // namespace breakwater::routes
