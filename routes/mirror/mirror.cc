#include "routes/mirror/mirror.h"

#include "routes/mirror/registry_name.h"
#include "routes/oci/oci_error.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Task;

namespace {

// A list that upstream refuses to us is not a list that is not there.
OciStatus refused_list(const Error& error) {
  auto status = oci_status_of(error, OciSubject::name);
  status.status = 403;
  status.code = "DENIED";
  return status;
}

SignatureGateSettings gate_settings(const MirrorSettings& settings) {
  // Of several registries, the names in the store begin with them.
  const std::string registry = settings.kept_under.empty() ? settings.registry + "/" : "";
  return {settings.route, registry, "", settings.require_signature};
}

}  // namespace

Mirror::Mirror(const MirrorParts& parts, const MirrorSettings& settings)
    : parts_(parts),
      settings_(settings),
      manifests_(parts, settings),
      blobs_(parts, settings),
      tags_(parts, settings),
      referrers_(parts, settings, manifests_),
      signatures_(parts, manifests_, referrers_, blobs_),
      gate_({parts.readers, parts.store, parts.clock}, gate_settings(settings), signatures_) {}

Task<> Mirror::serve(Exchange& exchange, const OciPath& path, RequestContext& context) {
  auto answered = co_await answer(exchange, path, context);
  if (answered) co_return;
  const bool is_list = path.kind == OciPath::Kind::tags || path.kind == OciPath::Kind::referrers;
  if (is_list && answered.error().kind == Error::Kind::denied)
    co_return reply_oci(exchange, refused_list(answered.error()), base_headers(context),
                        answered.error().message, context);
  reply_error(exchange, answered.error(), subject_of(path.kind), context);
}

Task<Result<>> Mirror::answer(Exchange& exchange, const OciPath& path, RequestContext& context) {
  auto repository = repository_of(path);
  context.repository = repository;
  // Before anything is looked up, here or upstream: a refused repository is told nothing but this.
  const auto refusal =
      path.name.empty() ? std::nullopt : refusal_of(settings_.repositories, settings_.route, repository);
  if (refusal) {
    context.refused = "rule";
    reply_denied(exchange, *refusal, context);
    co_return Result<>();
  }
  // What is here is found at once; for the rest many wait that upstream was asked for once.
  exchange.end_turn();
  switch (path.kind) {
    case OciPath::Kind::manifest:
      co_return co_await serve_manifest(exchange, std::move(repository), path, context);
    case OciPath::Kind::blob:
      co_return co_await blobs_.serve(exchange, std::move(repository), *path.digest, context);
    case OciPath::Kind::tags: co_return co_await tags_.serve(exchange, std::move(repository), path, context);
    case OciPath::Kind::referrers:
      co_return co_await referrers_.serve(exchange, std::move(repository), path, context);
    default: reply_no_such_path(exchange, context);
  }
  co_return Result<>();
}

Task<Result<>> Mirror::serve_manifest(Exchange& exchange, std::string repository, const OciPath& path,
                                      RequestContext& context) {
  exchange.at("manifest");
  Result<ServedManifest> manifest = failure(Error::Kind::internal, "not asked");
  if (path.digest) {
    manifest = co_await manifests_.by_digest(repository, *path.digest, context.asker);
  } else {
    manifest = co_await manifests_.by_tag(repository, path.tag, context.asker);
  }
  if (!manifest) co_return failure(manifest.error());
  store::RepositoryKey key(settings_.route, std::move(repository));
  const auto admitted = co_await gate_.admits(exchange, context, std::move(key), *manifest);
  if (!admitted) co_return failure(admitted.error());
  if (!*admitted) co_return Result<>();
  co_return co_await reply_manifest(exchange, context, *std::move(manifest), parts_.replies,
                                    parts_.clock.now());
}

// Of Docker Hub's official images some clients send "library/", others do not.
std::string Mirror::repository_of(const OciPath& path) const {
  return settings_.kept_under + whole_name(settings_.registry, path.name);
}

}  // namespace breakwater::routes
