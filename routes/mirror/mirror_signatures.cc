#include "routes/mirror/mirror_signatures.h"

#include <string>
#include <utility>

#include "routes/oci/parsing.h"
#include "store/references/retention.h"

namespace breakwater::routes {

using proxy::Task;

// "There is none" is an answer. Whatever else went wrong leaves it open whether there is one.
void MirrorSignatures::Search::doubt(Error error) {
  if (error.kind != Error::Kind::not_found && !found.doubt) found.doubt = std::move(error);
}

Task<SignatureFinding> MirrorSignatures::look(SignatureQuestion question) {
  Search search;
  if (question.place == SignatureQuestion::Place::tag) {
    co_await by_tag(std::move(question), search);
  } else {
    co_await by_referrers(std::move(question), search);
  }
  co_return std::move(search.found);
}

Task<> MirrorSignatures::by_tag(SignatureQuestion question, Search& search) {
  std::string tag = store::tag_stem_of(question.check.digest) + ".sig";
  auto manifest = co_await manifests_.by_tag(question.repository.repository, std::move(tag), question.asker);
  co_await look_at(std::move(question), std::move(manifest), search);
}

Task<> MirrorSignatures::by_referrers(SignatureQuestion question, Search& search) {
  const auto list =
      co_await referrers_.list(question.repository.repository, question.check.digest, question.asker);
  if (!list) co_return search.doubt(list.error());
  if (list->is_too_long)
    co_return search.doubt(Error(Error::Kind::too_large, "upstream lists more referrers than are read", 0));
  // An old list does not tell whether there are others now.
  if (!list->stale_reason.empty()) search.doubt(Error(Error::Kind::unavailable, list->stale_reason, 0));
  auto job = [index = list->body] { return signature_referrers(*index, kSignaturesMax); };
  const auto referrers = co_await parse(parts_.readers, list->body->size(), std::move(job), question.client);
  for (const auto& digest : referrers) {
    if (search.is_ended()) break;
    auto manifest = co_await manifests_.by_digest(question.repository.repository, digest, question.asker);
    co_await look_at(question, std::move(manifest), search);
  }
}

// At a manifest of signatures, the last of them first.
Task<> MirrorSignatures::look_at(SignatureQuestion question, Result<ServedManifest> manifest,
                                 Search& search) {
  if (!manifest) co_return search.doubt(manifest.error());
  if (!manifest->stale_reason.empty())
    search.doubt(Error(Error::Kind::unavailable, manifest->stale_reason, 0));
  const size_t room = kSignaturesMax - search.documents;
  auto job = [bytes = manifest->bytes, room] { return signature_layers(*bytes, room); };
  const auto layers =
      co_await parse(parts_.readers, manifest->bytes->size(), std::move(job), question.client);
  for (auto layer = layers.rbegin(); layer != layers.rend() && !search.is_ended(); ++layer)
    co_await look_at_layer(question, *layer, search);
}

Task<> MirrorSignatures::look_at_layer(SignatureQuestion question, SignatureLayer layer, Search& search) {
  ++search.documents;
  if (layer.size > kSignedDocumentBytesMax) co_return search.found.add(SignatureFlaw::unreadable);
  auto document =
      co_await blobs_.small(question.repository, layer.digest, kSignedDocumentBytesMax, question.asker);
  if (!document) {
    search.found.add(SignatureFlaw::unreadable);
    if (document.error().kind != Error::Kind::too_large) search.doubt(document.error());
    co_return;
  }
  auto job = [check = question.check, layer, bytes = *std::move(document)] {
    return check.flaw(layer, bytes);
  };
  const proxy::JobOf of(proxy::JobOf::Kind::brief, question.client);
  const auto flaw = co_await parts_.readers.run(of, std::move(job));
  search.found.add(flaw);
}

}  // namespace breakwater::routes
