#include "routes/oci/oci_error.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "routes/oci/client_text.h"
#include "routes/oci/media_type.h"
#include "routes/oci/range.h"

namespace breakwater::routes {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMissingMax = 100;  // digests named in one reply

OciStatus unknown(OciSubject subject) {
  switch (subject) {
    case OciSubject::name: break;
    case OciSubject::manifest: return {404, "MANIFEST_UNKNOWN", "manifest unknown"};
    case OciSubject::blob: return {404, "BLOB_UNKNOWN", "blob unknown to registry"};
    case OciSubject::upload: return {404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry"};
  }
  return {404, "NAME_UNKNOWN", "repository name not known to registry"};
}

OciStatus invalid(OciSubject subject) {
  switch (subject) {
    case OciSubject::name: break;
    case OciSubject::manifest: return {400, "MANIFEST_INVALID", "manifest invalid"};
    case OciSubject::blob: return {400, "DIGEST_INVALID", "provided digest did not match uploaded content"};
    case OciSubject::upload: return {400, "BLOB_UPLOAD_INVALID", "blob upload invalid"};
  }
  return {400, "NAME_INVALID", "invalid repository name"};
}

// 416 tells an upload out of order where to continue; 405 refuses to delete what is in use (distribution
// specification).
OciStatus conflict(OciSubject subject) {
  if (subject == OciSubject::upload) return {416, "BLOB_UPLOAD_INVALID", "blob upload invalid"};
  return {405, "UNSUPPORTED", "the operation is unsupported"};
}

ordered_json error_json(const OciStatus& status, std::string_view trace) {
  ordered_json error;
  error["code"] = status.code;
  error["message"] = status.message;
  error["detail"]["trace"] = trace;
  return error;
}

std::string errors_json(ordered_json errors) {
  ordered_json body;
  body["errors"] = std::move(errors);
  // A reason may quote bytes of a client or an upstream: bytes that are not UTF-8 are replaced, which else
  // would throw.
  return body.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

void reply_json(proxy::Exchange& exchange, int status, proxy::Headers headers, const std::string& body) {
  if (exchange.started()) return exchange.abort();
  headers.add("Content-Type", std::string(kJson));
  exchange.reply(status, std::move(headers), std::string_view(body));
}

}  // namespace

OciSubject subject_of(OciPath::Kind kind) {
  switch (kind) {
    case OciPath::Kind::manifest:
    case OciPath::Kind::referrers: return OciSubject::manifest;
    case OciPath::Kind::blob: return OciSubject::blob;
    case OciPath::Kind::upload:
    case OciPath::Kind::upload_start: return OciSubject::upload;
    case OciPath::Kind::base:
    case OciPath::Kind::tags:
    case OciPath::Kind::catalog:
    case OciPath::Kind::unknown: break;
  }
  return OciSubject::name;
}

OciStatus oci_status_of(const Error& error, OciSubject subject) {
  switch (error.kind) {
    case Error::Kind::not_found: return unknown(subject);
    // Upstream's 401 and 403 become 404: the client must neither start to authenticate against us, nor stop
    // trying other mirrors.
    case Error::Kind::denied: return {404, "NAME_UNKNOWN", "repository name not known to registry"};
    case Error::Kind::throttled: return {429, "TOOMANYREQUESTS", "too many requests"};
    case Error::Kind::storage:
    case Error::Kind::unavailable: return {503, "UNAVAILABLE", "unavailable for now"};
    case Error::Kind::corrupt:
      return {502, "UPSTREAM_INVALID", "upstream's answer is not what was asked for"};
    // Room that is there in a moment is worth another try, which clients know by 503.
    case Error::Kind::full:
      if (error.retry_after_s > 0) return {503, "UNAVAILABLE", "no room in the store for now"};
      return {507, "STORE_FULL", "no room left in the store"};
    case Error::Kind::invalid: return invalid(subject);
    case Error::Kind::too_large:
      return {413, subject == OciSubject::manifest ? "MANIFEST_INVALID" : "SIZE_INVALID",
              "more than is accepted"};
    case Error::Kind::too_slow: return {408, invalid(subject).code, "too slow"};
    case Error::Kind::conflict: return conflict(subject);
    case Error::Kind::would_block:
    case Error::Kind::internal: break;
  }
  return {500, "UNKNOWN", "internal error"};
}

OciStatus oci_status_of(OciPathError::Kind kind, std::string_view method) {
  switch (kind) {
    case OciPathError::Kind::name_invalid: break;
    case OciPathError::Kind::digest_invalid: return {400, "DIGEST_INVALID", "invalid digest"};
    // The distribution specification's conformance suite reads the tag `.INVALID_MANIFEST_NAME` and expects
    // 404.
    case OciPathError::Kind::tag_invalid:
      return method == "PUT" ? OciStatus{400, "MANIFEST_INVALID", "invalid tag"}
                             : unknown(OciSubject::manifest);
    case OciPathError::Kind::page_invalid: return {400, "UNSUPPORTED", "invalid number of results requested"};
    case OciPathError::Kind::target_invalid: return {400, "NAME_INVALID", "invalid path"};
  }
  return {400, "NAME_INVALID", "invalid repository name"};
}

std::string oci_error_body(const OciStatus& status, std::string_view reason, std::string_view trace) {
  auto error = error_json(status, trace);
  if (!reason.empty()) error["detail"]["reason"] = client_text(reason);
  return errors_json(ordered_json::array({std::move(error)}));
}

void reply_oci(proxy::Exchange& exchange, const OciStatus& status, proxy::Headers headers,
               std::string_view reason, std::string_view trace) {
  reply_json(exchange, status.status, std::move(headers), oci_error_body(status, reason, trace));
}

void reply_error(proxy::Exchange& exchange, const Error& error, OciSubject subject, RequestContext& context) {
  context.error = error.message;
  auto headers = base_headers();
  const bool waits = error.kind == Error::Kind::throttled || error.kind == Error::Kind::unavailable ||
                     error.kind == Error::Kind::storage || error.kind == Error::Kind::full;
  if (waits && error.retry_after_s > 0) headers.add("Retry-After", std::to_string(error.retry_after_s));
  const OciStatus status = oci_status_of(error, subject);
  if (status.status == 405) headers.add("Allow", "GET, HEAD");
  reply_oci(exchange, status, std::move(headers), error.message, context.trace);
}

void reply_path_error(proxy::Exchange& exchange, const OciPathError& error, std::string_view trace) {
  reply_oci(exchange, oci_status_of(error.kind, exchange.request().method), base_headers(), error.message,
            trace);
}

void reply_not_allowed(proxy::Exchange& exchange, std::string_view allow, std::string_view reason,
                       std::string_view trace) {
  auto headers = base_headers();
  headers.add("Allow", std::string(allow));
  reply_oci(exchange, {405, "UNSUPPORTED", "the operation is unsupported"}, std::move(headers), reason,
            trace);
}

void reply_denied(proxy::Exchange& exchange, std::string_view reason, std::string_view trace) {
  reply_oci(exchange, {403, "DENIED", "requested access to the resource is denied"}, base_headers(), reason,
            trace);
}

void reply_refused(proxy::Exchange& exchange, const RequestContext& context) {
  reply_oci(exchange, {403, "DENIED", context.error}, base_headers(context), "", context.trace);
}

void reply_unsatisfiable(proxy::Exchange& exchange, uint64_t size, std::string_view trace) {
  auto headers = base_headers();
  headers.add("Content-Range", unsatisfied_content_range(size));
  reply_oci(exchange, {416, "SIZE_INVALID", "range not satisfiable"}, std::move(headers), "", trace);
}

void reply_missing_children(proxy::Exchange& exchange, const std::vector<store::Digest>& missing,
                            std::string_view trace) {
  constexpr OciStatus kUnknown = {400, "MANIFEST_BLOB_UNKNOWN",
                                  "manifest references a manifest or blob unknown to registry"};
  auto errors = ordered_json::array();
  for (const auto& digest : missing) {
    if (errors.size() == kMissingMax) break;
    auto error = error_json(kUnknown, trace);
    error["detail"]["digest"] = digest.text();
    errors.push_back(std::move(error));
  }
  reply_json(exchange, kUnknown.status, base_headers(), errors_json(std::move(errors)));
}

void reply_no_such_path(proxy::Exchange& exchange, std::string_view trace) {
  reply_oci(exchange, {404, "NAME_UNKNOWN", "no such path"}, base_headers(), "", trace);
}

}  // namespace breakwater::routes
