#include "routes/registry/stored_signatures.h"

#include <optional>
#include <string>
#include <utility>

#include "store/blobs/blobs.h"
#include "store/blobs/manifests.h"
#include "store/catalog/catalog.h"
#include "store/references/retention.h"

namespace breakwater::routes {
namespace {

using store::Digest;
using store::RepositoryKey;
using Place = SignatureQuestion::Place;

constexpr size_t kReferrersPage = 100;
constexpr size_t kReferrersMax = 1'000;  // that are looked through
constexpr uint64_t kReferrersBytesMax = 1 << 20;

// Looks through what is stored, until a good one is found. Lives in a job of a worker.
class Search {
 public:
  Search(store::Store& store, RepositoryKey repository, SignatureCheck check)
      : store_(store), repository_(std::move(repository)), check_(std::move(check)) {}

  SignatureFinding in(Place place) {
    auto looked = place == Place::tag ? by_tag() : by_referrers();
    if (!looked) found_.doubt = std::move(looked).error();
    return std::move(found_);
  }

 private:
  bool is_ended() const { return found_.is_good || documents_ == kSignaturesMax; }

  Result<> by_tag() {
    const auto tag =
        store_.catalog().tag(repository_, store::tag_stem_of(check_.digest) + ".sig", store::Reach::disk);
    if (!tag) return failure(tag.error());
    return *tag ? look_at((*tag)->digest) : Result<>();
  }

  Result<> by_referrers() {
    std::optional<Digest> last;
    size_t manifests = 0;
    for (size_t seen = 0; seen < kReferrersMax && !is_ended();) {
      const auto page =
          store_.catalog().referrers(repository_, check_.digest, last, kReferrersPage, kReferrersBytesMax);
      if (!page) return failure(page.error());
      if (page->empty()) break;
      for (const auto& referrer : *page) {
        if (!is_signature_artifact_type(referrer.record.artifact_type)) continue;
        if (is_ended() || ++manifests > kSignaturesMax) return {};
        if (auto looked = look_at(referrer.digest); !looked) return looked;
      }
      seen += page->size();
      last = page->back().digest;
    }
    return {};
  }

  // At a manifest of signatures, the last of them first. One that is not there, or too long, has none.
  Result<> look_at(const Digest& digest) {
    const auto record = store_.catalog().manifest(repository_, digest, store::Reach::disk);
    if (!record) return failure(record.error());
    if (!*record || (*record)->size > kSignatureManifestBytesMax) return {};
    const auto bytes = store_.manifests().bytes(repository_, digest);
    if (!bytes) return failure(bytes.error());
    const auto layers = signature_layers(*bytes, kSignaturesMax - documents_);
    for (auto layer = layers.rbegin(); layer != layers.rend() && !is_ended(); ++layer) {
      ++documents_;
      const auto document = document_of(layer->digest);
      if (!document) return failure(document.error());
      found_.add(*document ? check_.flaw(*layer, **document) : SignatureFlaw::unreadable);
    }
    return {};
  }

  // Nothing if it is not there, or too long.
  Result<std::optional<std::string>> document_of(const Digest& digest) {
    const auto record = store_.catalog().blob(digest, store::Reach::disk);
    if (!record) return failure(record.error());
    if (!*record || (*record)->size > kSignedDocumentBytesMax) return std::nullopt;
    auto bytes = store_.blobs().bytes(digest);
    if (!bytes && bytes.error().kind == Error::Kind::not_found) return std::nullopt;
    if (!bytes) return failure(bytes.error());
    return *std::move(bytes);
  }

  store::Store& store_;
  const RepositoryKey repository_;
  const SignatureCheck check_;
  SignatureFinding found_;
  size_t documents_ = 0;  // that were looked at
};

}  // namespace

proxy::Task<SignatureFinding> StoredSignatures::look(SignatureQuestion question) {
  auto job = [&store = parts_.store, repository = question.repository, check = question.check,
              place = question.place] { return Search(store, repository, check).in(place); };
  const proxy::JobOf lengthy(proxy::JobOf::Kind::lengthy, question.client);
  co_return co_await parts_.readers.run(lengthy, std::move(job));
}

}  // namespace breakwater::routes
