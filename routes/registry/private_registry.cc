#include "routes/registry/private_registry.h"

#include "routes/oci/oci_error.h"
#include "store/catalog/catalog.h"
#include "store/references/references.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Task;
using Kind = OciPath::Kind;

namespace {

bool is_read(const std::string& method) { return method == "GET" || method == "HEAD"; }
bool is_upload(Kind kind) { return kind == Kind::upload || kind == Kind::upload_start; }

// The methods that this kind of path accepts, for `Allow`.
std::string_view methods_of(Kind kind, bool removal) {
  switch (kind) {
    case Kind::manifest: return removal ? "GET, HEAD, PUT, DELETE" : "GET, HEAD, PUT";
    case Kind::blob: return removal ? "GET, HEAD, DELETE" : "GET, HEAD";
    case Kind::upload_start: return "POST";
    case Kind::upload: return "GET, HEAD, PATCH, PUT, DELETE";
    case Kind::base:
    case Kind::tags:
    case Kind::referrers:
    case Kind::catalog:
    case Kind::unknown: break;
  }
  return "GET, HEAD";
}

// Why the method is not accepted, and what to do.
std::string refused_method(Kind kind, const std::string& method, const PrivateRegistrySettings& settings) {
  const bool is_removal = method == "DELETE" && (kind == Kind::manifest || kind == Kind::blob);
  if (is_removal)
    return "route " + settings.route + " deletes nothing; set \"delete\": true in its registry, if it should";
  return method + " means nothing here; use one of " + std::string(methods_of(kind, settings.removal));
}

// Runs on a worker. Deletes what the path names, and tells who wants to know of it.
Result<> remove_and_note(const RegistryParts& parts, const store::RepositoryKey& key, const OciPath& path,
                         const ChangingRequest& request) {
  RegistryChange change{RegistryChange::Kind::removal, key};
  if (path.kind == Kind::blob) change.kind = RegistryChange::Kind::blob_removal;
  change.tag = path.tag;
  change.before = path.digest;
  auto& references = parts.store.references();
  Result<> removed;
  if (path.kind == Kind::blob) {
    removed = references.delete_link(key, *path.digest);
  } else if (path.digest) {
    removed = references.delete_manifest(key, *path.digest);
  } else {
    const auto tag = parts.store.catalog().tag(key, path.tag, store::Reach::disk);
    if (!tag) return failure(tag.error());
    if (*tag) change.before = (*tag)->digest;
    removed = references.delete_tag(key, path.tag);
  }
  if (!removed || parts.changes == nullptr) return removed;
  return parts.changes->note(request, {change});
}

}  // namespace

PrivateRegistry::PrivateRegistry(const RegistryParts& parts, const PrivateRegistrySettings& settings)
    : parts_(parts),
      settings_(settings),
      reads_(parts, settings.route, settings.require_signature),
      line_(parts.loop),
      blob_pushes_(parts, settings.route, settings.uploads, line_),
      manifest_pushes_(parts, settings.route, settings.manifest_bodies, line_) {}

PushStats PrivateRegistry::push_stats() const {
  return PushStats(blob_pushes_.open_sessions(), manifest_pushes_.unusable_caches_total());
}

Task<> PrivateRegistry::serve(Exchange& exchange, const OciPath& path, RequestContext& context) {
  auto answered = co_await answer(exchange, path, context);
  if (answered) co_return;
  auto error = std::move(answered).error();
  const bool is_unknown_tag = error.kind == Error::Kind::not_found && !path.tag.empty();
  if (is_unknown_tag && !settings_.hub_at.empty())
    error.remedy = "check the name and the tag; images of docker.io are at " + settings_.hub_at;
  reply_error(exchange, error, subject_of(path.kind), context);
}

Task<Result<>> PrivateRegistry::answer(Exchange& exchange, const OciPath& path, RequestContext& context) {
  context.repository = path.name;
  const bool reads = is_read(exchange.request().method);
  if (reads && !is_upload(path.kind)) co_return co_await read(exchange, path, context);
  co_return co_await push(exchange, path, context);
}

Task<Result<>> PrivateRegistry::read(Exchange& exchange, const OciPath& path, RequestContext& context) {
  switch (path.kind) {
    case Kind::manifest: co_return co_await reads_.manifest(exchange, path, context);
    case Kind::blob: co_return co_await reads_.blob(exchange, path, context);
    case Kind::tags: co_return co_await reads_.tags(exchange, path, context);
    case Kind::catalog: co_return co_await reads_.catalog(exchange, path, context);
    case Kind::referrers: co_return co_await reads_.referrers(exchange, path, context);
    default: reply_no_such_path(exchange, context);
  }
  co_return Result<>();
}

Task<Result<>> PrivateRegistry::push(Exchange& exchange, const OciPath& path, RequestContext& context) {
  const auto& method = exchange.request().method;
  const bool removable = path.kind == Kind::manifest || path.kind == Kind::blob;
  if (removable && settings_.removal && method == "DELETE")
    co_return co_await remove(exchange, path, context);
  if (path.kind == Kind::manifest && method == "PUT") {
    auto pushed = co_await manifest_pushes_.put(exchange, path, context);
    reads_.pushed_to(path.name);
    co_return pushed;
  }
  if (path.kind == Kind::upload_start && method == "POST")
    co_return co_await blob_pushes_.start_upload(exchange, path, context);
  if (path.kind == Kind::upload) {
    if (is_read(method)) co_return co_await blob_pushes_.upload_status(exchange, path, context);
    if (method == "PATCH") co_return co_await blob_pushes_.append(exchange, path, context);
    if (method == "PUT") co_return co_await blob_pushes_.finish(exchange, path, context);
    if (method == "DELETE") co_return co_await blob_pushes_.cancel(exchange, path, context);
  }
  reply_not_allowed(exchange, methods_of(path.kind, settings_.removal),
                    refused_method(path.kind, method, settings_), context);
  co_return Result<>();
}

// Replies 202 after the removal. Removing what something else needs is a conflict (405), whose reason names
// that.
Task<Result<>> PrivateRegistry::remove(Exchange& exchange, const OciPath& path, RequestContext& context) {
  exchange.at("removing");
  const store::RepositoryKey key(settings_.route, path.name);
  auto job = [parts = parts_, key, path, request = ChangingRequest(exchange, context.user)] {
    return remove_and_note(parts, key, path, request);
  };
  auto removed = co_await parts_.workers.run(std::move(job));
  if (!removed) co_return removed;
  if (path.digest) parts_.manifests.erase(key, *path.digest);
  exchange.reply(202, base_headers(context), "");
  co_return Result<>();
}

}  // namespace breakwater::routes
