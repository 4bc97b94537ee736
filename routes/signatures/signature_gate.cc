#include "routes/signatures/signature_gate.h"

#include <algorithm>
#include <array>

#include "routes/oci/freshness.h"
#include "routes/oci/manifest.h"
#include "routes/oci/media_type.h"
#include "routes/oci/oci_error.h"
#include "routes/oci/parsing.h"
#include "store/blobs/manifests.h"
#include "store/catalog/catalog.h"

namespace breakwater::routes {

using proxy::Task;
using store::Digest;
using store::RepositoryKey;
using Place = SignatureQuestion::Place;

namespace {

constexpr size_t kIndexesMax = 16;      // above one manifest, whose signatures are looked for
constexpr size_t kChildrenMax = 1'000;  // of one signed index, that are remembered with it
constexpr int64_t kUndecidedRetryAfter_s = 5;

// The indexes that name the manifest, and those that name these, at most kIndexesMax. May block.
Result<std::vector<Digest>> indexes_above(const store::Catalog& catalog, const RepositoryKey& repository,
                                          const Digest& manifest) {
  std::vector<Digest> found = {manifest};
  for (size_t at = 0; at < found.size(); ++at) {
    const Digest child = found[at];
    const auto parents = catalog.parents_in(child, repository, std::nullopt, kIndexesMax);
    if (!parents) return failure(parents.error());
    for (const auto& parent : *parents) {
      if (found.size() > kIndexesMax) break;
      if (std::find(found.begin(), found.end(), parent) != found.end()) continue;
      const auto edge = catalog.edge(child, repository, parent);
      if (!edge) return failure(edge.error());
      if (*edge && (*edge)->is_manifest) found.push_back(parent);  // else it calls it a layer
    }
  }
  found.erase(found.begin());
  return found;
}

// The manifests that a signed index names. None if it is no index.
std::vector<Digest> manifests_below(const Digest& digest, const std::string& media_type,
                                    std::string_view bytes) {
  std::vector<Digest> below;
  if (!is_index_type(media_type)) return below;
  const auto read = read_carried_manifest(bytes, media_type, digest);
  for (const auto& child : read.content.children) {
    if (child.edge.is_manifest && below.size() < kChildrenMax) below.push_back(child.digest);
  }
  return below;
}

// The list of referrers that clients keep where they find no API for it. What it lists is judged by itself.
bool is_list_of_referrers(const std::string& tag, const std::string& media_type) {
  return is_index_type(media_type) && is_referrer_tag(tag) && tag.find('.') == std::string::npos;
}

std::string image_text(const RepositoryKey& repository, const Digest& digest) {
  return repository.repository + "@" + digest.text();
}

}  // namespace

Task<Result<bool>> SignatureGate::admits(proxy::Exchange& exchange, RequestContext& context,
                                         RepositoryKey repository, const ServedManifest& manifest) {
  const auto* rule = rule_for(settings_.policy, repository.repository);
  if (rule == nullptr || exchange.request().method == "HEAD") co_return true;
  if (context.is_of_operator || context.may_sign) co_return true;
  if (remembered_.is_good(repository.repository, manifest.digest)) co_return true;
  exchange.at("signature");
  const bool is_exempt = co_await needs_none(exchange, context, manifest);
  if (is_exempt) co_return true;
  auto refusal = remembered_.refusal(repository.repository, manifest.digest, parts_.clock.now());
  if (!refusal) {
    const auto pushes = pushes_;
    SignatureCheck check{manifest.digest, manifest.bytes, settings_.policy, rule};
    const Asked asked{repository, manifest.media_type, std::move(check), context.asker,
                      exchange.peer().key()};
    const auto found = co_await judge(asked);
    if (found.is_good) co_return true;
    if (found.doubt) co_return failure(undecided(asked, *found.doubt));
    refusal = refusal_text(asked, found.flaw);
    if (pushes == pushes_)
      remembered_.refuse(repository.repository, manifest.digest, *refusal, parts_.clock.now());
  }
  context.refused = "signature";
  reply_denied(exchange, *refusal, context);
  co_return false;
}

Task<bool> SignatureGate::needs_none(const proxy::Exchange& exchange, const RequestContext& context,
                                     const ServedManifest& manifest) {
  if (is_list_of_referrers(context.path.tag, manifest.media_type)) co_return true;
  if (manifest.bytes->size() > kSignatureManifestBytesMax) co_return false;
  auto job = [bytes = manifest.bytes] { return is_about_an_image(*bytes); };
  co_return co_await parse(parts_.readers, manifest.bytes->size(), std::move(job), exchange.peer().key());
}

// By the signatures of what names it, because cosign signs the index, else by its own.
Task<SignatureFinding> SignatureGate::judge(Asked asked) {
  auto found = co_await judge_indexes(asked);
  if (!found.is_good) {
    auto own = co_await judge_alone(asked);
    found.add(std::move(own));
  }
  if (found.is_good) co_await remember(std::move(asked));
  co_return found;
}

Task<SignatureFinding> SignatureGate::judge_alone(Asked asked) {
  SignatureFinding found;
  for (const auto place : std::array{Place::tag, Place::referrers}) {
    SignatureQuestion question{asked.repository, asked.check, place, asked.asker, asked.client};
    auto here = co_await source_.look(std::move(question));
    found.add(std::move(here));
    if (found.is_good) break;
  }
  co_return found;
}

Task<SignatureFinding> SignatureGate::judge_indexes(Asked asked) {
  SignatureFinding found;
  auto job = [&catalog = parts_.store.catalog(), repository = asked.repository, digest = asked.check.digest] {
    return indexes_above(catalog, repository, digest);
  };
  const auto indexes = co_await parts_.readers.run(std::move(job));
  if (!indexes) found.doubt = indexes.error();
  for (size_t i = 0; indexes && i < indexes->size() && !found.is_good; ++i) {
    const Digest digest = (*indexes)[i];
    found.is_good = remembered_.is_good(asked.repository.repository, digest);
    if (found.is_good) break;
    auto index = co_await index_of(asked, digest);
    if (!index) continue;
    auto above = co_await judge_alone(*index);
    if (above.is_good) co_await remember(*std::move(index));
    above.flaw = SignatureFlaw::none;  // its signatures say nothing of the manifest
    found.add(std::move(above));
  }
  co_return found;
}

// The same question about an index; nothing if that is not to be had here.
Task<std::optional<SignatureGate::Asked>> SignatureGate::index_of(Asked asked, Digest digest) {
  auto job = [&store = parts_.store, repository = asked.repository,
              digest]() -> Result<std::pair<std::string, Body>> {
    const auto record = store.catalog().manifest(repository, digest, store::Reach::disk);
    if (!record) return failure(record.error());
    if (!*record) return failure(Error::Kind::not_found, "no manifest " + digest.text());
    auto bytes = store.manifests().bytes(repository, digest);
    if (!bytes) return failure(bytes.error());
    return std::pair((*record)->media_type, std::make_shared<const std::string>(*std::move(bytes)));
  };
  const proxy::JobOf lengthy(proxy::JobOf::Kind::lengthy, asked.client);
  auto read = co_await parts_.readers.run(lengthy, std::move(job));
  if (!read || !is_index_type(read->first)) co_return std::nullopt;
  asked.media_type = std::move(read->first);
  asked.check.digest = digest;
  asked.check.bytes = std::move(read->second);
  co_return asked;
}

// That it is signed, and with it what it names.
Task<> SignatureGate::remember(Asked asked) {
  remembered_.add_good(asked.repository.repository, asked.check.digest);
  auto job = [digest = asked.check.digest, type = asked.media_type, bytes = asked.check.bytes] {
    return manifests_below(digest, type, *bytes);
  };
  const auto below = co_await parse(parts_.readers, asked.check.bytes->size(), std::move(job), asked.client);
  for (const auto& digest : below) remembered_.add_good(asked.repository.repository, digest);
}

Error SignatureGate::undecided(const Asked& asked, const Error& doubt) const {
  const std::string why = "whether " + image_text(asked.repository, asked.check.digest) +
                          " is signed, as route " + settings_.route + " requires for \"" +
                          pattern_for(*asked.check.rule, asked.repository.repository) +
                          "\", nobody can tell now: " + doubt.message;
  return Error(Error::Kind::unavailable, why, std::max(doubt.retry_after_s, kUndecidedRetryAfter_s));
}

std::string SignatureGate::refusal_text(const Asked& asked, SignatureFlaw flaw) const {
  const std::string image = image_text(asked.repository, asked.check.digest);
  const std::string lacks = flaw == SignatureFlaw::none ? "it has no cosign signature"
                                                        : "its signature " + std::string(words_of(flaw));
  return "route " + settings_.route + " serves no " + image + " because " + lacks +
         ", and \"require_signature\" wants one for \"" +
         pattern_for(*asked.check.rule, asked.repository.repository) +
         "\"; sign it: cosign sign --key cosign.key " + settings_.registry + image + settings_.who_signs;
}

}  // namespace breakwater::routes
