#include "routes/registry/registry_reads.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "routes/oci/blob_reply.h"
#include "routes/oci/manifest_reply.h"
#include "routes/oci/media_type.h"
#include "routes/oci/oci_error.h"
#include "routes/registry/list_sources.h"
#include "store/blobs/blobs.h"
#include "store/blobs/manifests.h"
#include "store/catalog/catalog.h"
#include "store/references/leases.h"
#include "store/references/references.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Task;
using store::Digest;
using store::RepositoryKey;

namespace {

bool would_block(const Error& error) { return error.kind == Error::Kind::would_block; }

// Damage in our own store is our fault (500). `corrupt` would blame an upstream (502) that a registry does
// not have.
Error as_ours(Error error) {
  if (error.kind == Error::Kind::corrupt) error.kind = Error::Kind::internal;
  return error;
}

}  // namespace

// --- manifests

Task<Result<>> RegistryReads::manifest(Exchange& exchange, const OciPath& path, RequestContext& context) {
  exchange.at("manifest");
  auto held = co_await lease(exchange, path);
  if (!held) co_return failure(as_ours(held.error()));
  auto manifest = co_await read(exchange, key_of(path), *held);
  if (!manifest) co_return failure(as_ours(manifest.error()));
  const auto admitted = co_await gate_.admits(exchange, context, key_of(path), *manifest);
  if (!admitted) co_return failure(admitted.error());
  if (!*admitted) co_return Result<>();
  co_return co_await reply_manifest(exchange, context, *std::move(manifest), parts_.replies,
                                    parts_.clock.now());
}

Task<Result<store::References::LeasedManifest>> RegistryReads::lease(const Exchange& exchange,
                                                                     const OciPath& path) {
  const bool is_probe = exchange.request().method == "HEAD" && !path.digest;
  const auto kind = is_probe ? store::Leases::Kind::probe : store::Leases::Kind::read;
  auto ask = [&store = parts_.store, key = key_of(path), digest = path.digest, tag = path.tag,
              kind](store::Reach reach) {
    return digest ? store.references().lease_manifest(key, *digest, reach, kind)
                  : store.references().lease_tag(key, tag, reach, kind);
  };
  auto held = ask(store::Reach::memory);
  if (held || !would_block(held.error())) co_return held;
  auto job = [ask] { return ask(store::Reach::disk); };
  co_return co_await parts_.readers.run(std::move(job));
}

// Call this only for a manifest that the store has just confirmed: the memory cache may still have manifests
// that were removed. A long one is read when there is room for it.
Task<Result<ServedManifest>> RegistryReads::read(const Exchange& exchange, RepositoryKey key,
                                                 store::References::LeasedManifest held) {
  ServedManifest manifest(held.digest, held.record.media_type, nullptr, CacheResult::hit, std::nullopt,
                          std::string());
  auto entry = parts_.manifests.find(key, held.digest);
  if (!entry) {
    auto place = co_await parts_.replies.reserve(held.record.size, exchange.client());
    if (!place) co_return failure(place.error());
    manifest.place = *std::move(place);
    entry = parts_.manifests.find(key, held.digest);
  }
  if (!entry) {
    auto job = [&store = parts_.store, key, digest = held.digest] {
      return store.manifests().bytes(key, digest);
    };
    const auto kind = manifest.place ? proxy::JobOf::Kind::lengthy : proxy::JobOf::Kind::brief;
    const proxy::JobOf of(kind, exchange.peer().key());
    auto bytes = co_await parts_.readers.run(of, std::move(job));
    if (!bytes) co_return failure(bytes.error());
    // Somebody else may have read it meanwhile.
    entry = parts_.manifests.find(key, held.digest);
    if (!entry) {
      entry.emplace(held.record.media_type, std::make_shared<const std::string>(*std::move(bytes)));
      parts_.manifests.put(key, held.digest, *entry);
    }
  }
  manifest.bytes = entry->bytes;
  co_return manifest;
}

// --- blobs

Task<Result<>> RegistryReads::blob(Exchange& exchange, const OciPath& path, RequestContext& context) {
  const auto key = key_of(path);
  const auto digest = *path.digest;
  // A HEAD gets the longer lease: a client that pushes relies on the answer until its manifest arrives. A GET
  // has the file open and needs no more.
  const auto kind =
      exchange.request().method == "HEAD" ? store::Leases::Kind::read : store::Leases::Kind::probe;
  auto blob = parts_.store.blobs().lease(key, digest, store::Reach::memory, kind);
  if (!blob && would_block(blob.error())) {
    exchange.at("blob");
    auto job = [&store = parts_.store, key, digest, kind] {
      return store.blobs().lease(key, digest, store::Reach::disk, kind);
    };
    blob = co_await parts_.readers.run(std::move(job));
  }
  if (!blob) co_return failure(as_ours(blob.error()));
  context.cache = CacheResult::hit;
  if (exchange.request().method == "HEAD") context.reused_bytes = blob->size;  // is not pushed again
  exchange.at("sending");
  StoredBlob source(*blob);
  co_return co_await send_blob(exchange, context, digest, blob->size, source);
}

// --- lists

Task<Result<>> RegistryReads::tags(Exchange& exchange, const OciPath& path, RequestContext& context) {
  auto job = [&catalog = parts_.store.catalog(), key = key_of(path)] { return catalog.has_manifests(key); };
  auto exists = co_await parts_.readers.run(std::move(job));
  if (!exists) co_return failure(exists.error());
  if (!*exists) co_return failure(Error::Kind::not_found, "no repository " + path.name);
  auto headers = base_headers(context);
  headers.add("Content-Type", std::string(kJson));
  co_return co_await send(exchange, context, std::move(headers),
                          tags_page(parts_.store.catalog(), route_, path));
}

Task<Result<>> RegistryReads::catalog(Exchange& exchange, const OciPath& path, RequestContext& context) {
  auto headers = base_headers(context);
  headers.add("Content-Type", std::string(kJson));
  co_return co_await send(exchange, context, std::move(headers),
                          repositories_page(parts_.store.catalog(), route_, path, context.may_pull_from));
}

Task<Result<>> RegistryReads::referrers(Exchange& exchange, const OciPath& path, RequestContext& context) {
  std::optional<Digest> last;
  if (!path.query.last.empty()) {
    auto parsed = Digest::parse(path.query.last);
    if (!parsed) {
      reply_path_error(exchange, OciPathError(OciPathError::Kind::digest_invalid, parsed.error().message),
                       context);
      co_return Result<>();
    }
    last = *parsed;
  }
  auto headers = base_headers(context);
  headers.add("Content-Type", std::string(kOciIndex));
  if (!path.query.artifact_type.empty()) headers.add("OCI-Filters-Applied", "artifactType");
  co_return co_await send(exchange, context, std::move(headers),
                          referrers_page(parts_.store.catalog(), route_, path, last));
}

// What fits into one piece is a reply with a length. Else the pieces follow each other, and an error cuts the
// reply: no client takes a part of a list for the whole.
Task<Result<>> RegistryReads::send(Exchange& exchange, RequestContext& context, proxy::Headers headers,
                                   std::shared_ptr<ListPage> page) {
  exchange.at("list");
  const proxy::JobOf of(proxy::JobOf::Kind::lengthy, exchange.peer().key());
  for (bool is_surveyed = false; !is_surveyed;) {
    auto job = [page] { return page->survey(); };
    auto surveyed = co_await parts_.readers.run(of, std::move(job));
    if (!surveyed) co_return failure(surveyed.error());
    is_surveyed = *surveyed;
  }
  if (auto link = page->link(); !link.empty()) headers.add("Link", std::move(link));
  auto first = page->take_first();
  if (page->is_ended()) {
    exchange.reply(200, std::move(headers), std::make_shared<const std::string>(std::move(first)));
    co_return Result<>();
  }
  exchange.start(200, std::move(headers), std::nullopt);
  if (exchange.request().method == "HEAD") co_return Result<>();
  co_await exchange.write(std::move(first));
  auto sent = co_await send_rest(exchange, of, std::move(page));
  if (sent) {
    exchange.finish();
  } else {
    context.error = sent.error().message;
    exchange.abort();
  }
  co_return Result<>();
}

// An item that is longer than a piece waits for room.
Task<Result<>> RegistryReads::send_rest(Exchange& exchange, proxy::JobOf of, std::shared_ptr<ListPage> page) {
  for (uint64_t room = ListPage::kPieceBytes; !page->is_ended();) {
    auto place = co_await parts_.replies.reserve(room, exchange.client());
    if (!place) co_return failure(place.error());
    auto job = [page, room] { return page->next(room); };
    auto piece = co_await parts_.readers.run(of, std::move(job));
    if (!piece) co_return failure(piece.error());
    room = std::max<uint64_t>(piece->needs, ListPage::kPieceBytes);
    place->reset();  // what of it is not sent at once, write() counts
    if (!piece->json.empty()) co_await exchange.write(std::move(piece->json));
  }
  co_return Result<>();
}

}  // namespace breakwater::routes
