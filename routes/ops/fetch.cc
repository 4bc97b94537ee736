#include "routes/ops/fetch.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "routes/oci/json_bounds.h"
#include "routes/oci/manifest.h"
#include "routes/oci/media_type.h"
#include "routes/oci/oci_path.h"
#include "routes/oci/parsing.h"
#include "routes/oci/request_context.h"
#include "routes/ops/inner_exchange.h"
#include "routes/ops/shown.h"
#include "routes/ops/words.h"
#include "store/catalog/catalog.h"
#include "store/references/manifest_content.h"

namespace breakwater::routes {
namespace {

using store::Digest;

constexpr size_t kBlobsAtOnce = 4;
constexpr size_t kErrorBytesMax = 4096;  // of a blob nothing else is kept
// A download that waits for its turn, or whose upstream is slow to begin, is asked for again.
constexpr int kTriesMax = 30;
constexpr proxy::Millis kTryAgainAfter(2'000);

// What is known of an answer of a route.
struct Answered {
  int status = 0;
  std::string content_type;
  std::string body;
  CacheResult cache = CacheResult::none;
  uint64_t bytes = 0;
  std::string why;  // it is not what was asked for
};

// What a manifest has below it.
struct Below {
  std::vector<Digest> manifests;
  std::vector<std::pair<Digest, uint64_t>> blobs;  // with their sizes, as far as the manifest says
};

std::string message_of(const std::string& body) {
  const auto json = Json::parse(body, nullptr, false);
  if (!json.is_object() || !json.contains("errors") || json["errors"].empty()) return "";
  const auto& error = json["errors"][0];
  const auto detail = error.value("detail", Json::object());
  const std::string reason = detail.is_object() ? detail.value("reason", std::string()) : std::string();
  return reason.empty() ? error.value("message", std::string()) : reason;
}

std::string platform_of(const Json& descriptor) {
  if (!descriptor.is_object() || !descriptor.contains("platform") || !descriptor["platform"].is_object())
    return "";
  const auto& platform = descriptor["platform"];
  std::string text =
      platform.value("os", std::string()) + "/" + platform.value("architecture", std::string());
  const auto variant = platform.value("variant", std::string());
  return variant.empty() ? text : text + "/" + variant;
}

// "linux/arm" is every variant of it.
bool is_wanted(const std::string& platform, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return true;
  return std::any_of(wanted.begin(), wanted.end(), [&](const std::string& one) {
    return platform == one || platform.starts_with(one + "/");
  });
}

// The digests of an index's entries of other platforms.
std::set<std::string> unwanted_in(const std::string& bytes, const std::vector<std::string>& platforms) {
  std::set<std::string> unwanted;
  if (platforms.empty() || !json_within_bounds(bytes)) return unwanted;
  const auto json = Json::parse(bytes, nullptr, false);
  if (!json.is_object() || !json.contains("manifests") || !json["manifests"].is_array()) return unwanted;
  for (const auto& entry : json["manifests"]) {
    if (!entry.is_object() || is_wanted(platform_of(entry), platforms)) continue;
    unwanted.insert(entry.value("digest", std::string()));
  }
  return unwanted;
}

Below below(const Answered& manifest, const Digest& digest, const std::vector<std::string>& platforms) {
  Below all;
  const auto unwanted = unwanted_in(manifest.body, platforms);
  const auto read = read_carried_manifest(manifest.body, manifest.content_type, digest);
  for (const auto& child : read.content.children) {
    if (unwanted.contains(child.digest.text())) continue;
    if (child.edge.is_manifest) {
      all.manifests.push_back(child.digest);
    } else {
      all.blobs.emplace_back(child.digest, child.edge.size);
    }
  }
  return all;
}

// One image. Lives in the frame of fetch().
class ImageFetch {
 public:
  ImageFetch(ServerSide& server, ServerSide::Answering of, std::string route,
             const std::vector<std::string>& platforms, Progress& progress)
      : server_(server),
        of_(std::move(of)),
        route_(std::move(route)),
        platforms_(platforms),
        progress_(progress) {}

  proxy::Task<Result<Json>> run(ImageName image);

 private:
  struct Manifest {
    Digest digest;
    int level = 0;
  };
  proxy::Task<Answered> ask(OciPath path, size_t kept_bytes_max);
  proxy::Task<Result<Answered>> get(OciPath path, size_t kept_bytes_max);
  proxy::Task<Result<>> take_manifest(OciPath path, int level);
  proxy::Task<> take_blobs();
  OciPath path_of(OciPath::Kind kind, const Digest& digest) const;

  ServerSide& server_;
  ServerSide::Answering of_;
  std::string route_;
  const std::vector<std::string>& platforms_;
  Progress& progress_;
  std::optional<Digest> top_;
  std::vector<Manifest> manifests_;                 // that are not fetched yet
  std::vector<std::pair<Digest, uint64_t>> blobs_;  // the same
  std::set<Digest> seen_;
  uint64_t manifests_count_ = 0, blobs_count_ = 0, downloaded_ = 0, bytes_ = 0;
  std::optional<Error> error_;  // the first of a blob
  bool is_kept_ = true;
};

OciPath ImageFetch::path_of(OciPath::Kind kind, const Digest& digest) const {
  OciPath path;
  path.kind = kind;
  path.name = of_.name;
  path.digest = digest;
  return path;
}

proxy::Task<Answered> ImageFetch::ask(OciPath path, size_t kept_bytes_max) {
  const bool is_manifest = path.kind == OciPath::Kind::manifest;
  const std::string target =
      "/v2/" + path.name + (is_manifest ? "/manifests/" : "/blobs/") + path.reference();
  proxy::Headers headers;
  if (is_manifest) headers.add("Accept", std::string(kAcceptManifests));
  InnerExchange exchange(target, std::move(headers), kept_bytes_max, server_.buffers(), progress_);
  RequestContext context;
  context.route = route_;
  context.trace = "fetch";
  context.is_of_operator = true;
  co_await of_.registry->serve(exchange, path, context);
  Answered answered{exchange.status(),     std::string(exchange.reply_headers().get("Content-Type")),
                    exchange.body(),       context.cache,
                    exchange.bytes_sent(), ""};
  if (answered.status != 200) {
    answered.why = message_of(exchange.body());
    if (answered.why.empty()) answered.why = "status " + std::to_string(answered.status);
  } else if (!exchange.is_complete()) {
    answered.status = 503;
    answered.why = "the transfer broke off";
  }
  co_return answered;
}

proxy::Task<Result<Answered>> ImageFetch::get(OciPath path, size_t kept_bytes_max) {
  for (int tried = 1;; ++tried) {
    auto copy = path;
    auto answered = co_await ask(std::move(copy), kept_bytes_max);
    if (answered.status == 200) co_return answered;
    const bool is_passing = answered.status == 503 && tried < kTriesMax;
    if (!is_passing) {
      const auto kind = answered.status == 404   ? Error::Kind::not_found
                        : answered.status == 429 ? Error::Kind::throttled
                                                 : Error::Kind::unavailable;
      co_return failure(kind, answered.why);
    }
    co_await server_.loop().sleep(kTryAgainAfter);
  }
}

proxy::Task<Result<>> ImageFetch::take_manifest(OciPath path, int level) {
  const auto asked = path.digest;
  auto answered = co_await get(std::move(path), kManifestBytesMax);
  if (!answered) co_return failure(answered.error());
  const auto digest = asked ? *asked : store::digest_of(store::Algorithm::sha256, answered->body);
  if (!top_) top_ = digest;
  seen_.insert(digest);
  ++manifests_count_;
  bytes_ += answered->bytes;
  const uint64_t body_bytes = answered->body.size();
  auto job = [manifest = *std::move(answered), digest, platforms = platforms_] {
    return below(manifest, digest, platforms);
  };
  const auto children = co_await parse(server_.workers(), body_bytes, std::move(job));
  for (const auto& child : children.manifests) {
    if (level < store::kManifestLevelsMax && seen_.insert(child).second)
      manifests_.push_back({child, level + 1});
  }
  for (const auto& [blob, size] : children.blobs) {
    if (!seen_.insert(blob).second) continue;
    blobs_.emplace_back(blob, size);
    progress_.bytes_total += size;
  }
  co_return Result<>();
}

// One of several that work side by side, until no blob is left.
proxy::Task<> ImageFetch::take_blobs() {
  while (!blobs_.empty() && !error_) {
    const auto [digest, size] = blobs_.back();
    blobs_.pop_back();
    auto path = path_of(OciPath::Kind::blob, digest);
    auto answered = co_await get(std::move(path), kErrorBytesMax);
    if (!answered) {
      if (!error_) error_ = answered.error();
      co_return;
    }
    ++blobs_count_;
    bytes_ += answered->bytes;
    if (answered->cache != CacheResult::hit) ++downloaded_;
    if (answered->cache == CacheResult::pass) is_kept_ = false;
  }
}

proxy::Task<Result<Json>> ImageFetch::run(ImageName image) {
  OciPath top;
  top.kind = OciPath::Kind::manifest;
  top.name = of_.name;
  top.digest = image.digest;
  if (!image.digest) top.tag = image.tag;
  auto taken = co_await take_manifest(std::move(top), 0);
  while (taken && !manifests_.empty()) {
    const auto next = manifests_.back();
    manifests_.pop_back();
    auto path = path_of(OciPath::Kind::manifest, next.digest);
    taken = co_await take_manifest(std::move(path), next.level);
  }
  if (!taken) co_return failure(taken.error());
  proxy::Tasks tasks(server_.loop());
  for (size_t i = 0; i < kBlobsAtOnce; ++i) tasks.spawn(take_blobs());
  while (tasks.size() > 0) co_await tasks.ended().wait();
  if (error_) co_return failure(*error_);
  if (!is_kept_)
    co_return failure(Error::Kind::full, "there is no room for all of it in the route " + route_);
  Json json;
  json["image"] = image.text();
  json["digest"] = top_->text();
  json["manifests"] = manifests_count_;
  json["blobs"] = blobs_count_;
  json["bytes"] = bytes_;
  json["downloaded_blobs"] = downloaded_;
  co_return json;
}

Result<ImageName> name_of(const std::string& text, const RouteDirectory& directory, const Sight& sight) {
  auto name = parse_image_name(text, directory);
  if (!name) return name;
  if (auto seen = check_seen(sight, *name); !seen) return failure(seen.error());
  const auto* route = directory.find(name->route);
  if (route != nullptr && route->kind == RouteDirectory::Kind::registry)
    return failure(Error::Kind::invalid,
                   name->route + " is a registry of its own: what it has is here, there is nothing to fetch");
  if (name->tag.empty() && !name->digest) name->tag = "latest";
  return name;
}

Json failed(const std::string& image, const Error& error) {
  Json json;
  json["image"] = image;
  json["error"] = error.message;
  return json;
}

}  // namespace

proxy::Task<Result<Json>> fetch(ServerSide& server, Arguments arguments, std::shared_ptr<Progress> progress,
                                Sight sight) {
  if (arguments.words("image").empty()) co_return failure(Error::Kind::invalid, "no image is named");
  const bool is_dry = arguments.flag("dry_run");
  Json answer;
  answer["well"] = true;
  answer["images"] = Json::array();
  uint64_t bytes = 0, failures = 0;
  for (const auto& text : arguments.words("image")) {
    const auto name = name_of(text, server.directory(), sight);
    auto of = name ? server.answering(*name) : ServerSide::Answering();
    if (!name || of.registry == nullptr) {
      const auto why = name ? Error(Error::Kind::not_found, "no route answers for it", 0) : name.error();
      answer["images"].push_back(failed(text, why));
      ++failures;
      continue;
    }
    if (is_dry) {
      answer["images"].push_back({{"image", name->text()}});
      continue;
    }
    ImageFetch image(server, std::move(of), name->route, arguments.words("platform"), *progress);
    auto copy = *name;
    auto fetched = co_await image.run(std::move(copy));
    if (fetched) {
      bytes += (*fetched)["bytes"].get<uint64_t>();
      answer["images"].push_back(*std::move(fetched));
    } else {
      answer["images"].push_back(failed(name->text(), fetched.error()));
      ++failures;
    }
  }
  answer["well"] = failures == 0;
  answer["bytes"] = bytes;
  answer["failed"] = failures;
  if (is_dry) answer["dry_run"] = true;
  co_return answer;
}

std::string fetch_words(const Json& answer) {
  std::string text;
  const bool is_dry = answer.contains("dry_run");
  for (const auto& image : answer["images"]) {
    const auto name = image["image"].get<std::string>();
    if (image.contains("error")) {
      text += name + ": not fetched: " + image["error"].get<std::string>() + "\n";
    } else if (is_dry) {
      text += name + ": would be fetched, as far as it is not here\n";
    } else {
      text += name + ": " + count_words(image["manifests"], "manifest", "manifests") + ", " +
              count_words(image["blobs"], "blob", "blobs") + ", " + bytes_words(image["bytes"]) + "; " +
              std::to_string(image["downloaded_blobs"].get<uint64_t>()) + " downloaded now\n";
    }
  }
  const uint64_t failures = answer["failed"].get<uint64_t>();
  if (failures > 0) text += count_words(failures, "image was", "images were") + " not fetched\n";
  return text;
}

}  // namespace breakwater::routes
