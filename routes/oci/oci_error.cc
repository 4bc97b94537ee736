#include "routes/oci/oci_error.h"

#include <initializer_list>
#include <utility>

#include <nlohmann/json.hpp>

#include "proxy/http/status_line.h"
#include "routes/oci/client_text.h"
#include "routes/oci/media_type.h"
#include "routes/oci/range.h"

namespace breakwater::routes {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMissingMax = 100;  // digests named in one reply

constexpr std::string_view kAskOperator = "ask whoever runs Breakwater to look up the trace in its log";
// Room that comes by itself within this time is worth another try.
constexpr int64_t kRoomSoonS = 60;

OciStatus unknown(OciSubject subject) {
  switch (subject) {
    case OciSubject::name: break;
    case OciSubject::manifest:
      return {404, "MANIFEST_UNKNOWN", "manifest unknown", "check the name and the tag"};
    case OciSubject::blob:
      return {404, "BLOB_UNKNOWN", "blob unknown to registry", "check the name and the digest"};
    case OciSubject::upload:
      return {404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", "begin the upload anew"};
  }
  return {404, "NAME_UNKNOWN", "repository name not known to registry", "check the name"};
}

OciStatus invalid(OciSubject subject) {
  switch (subject) {
    case OciSubject::name: break;
    case OciSubject::manifest:
      return {400, "MANIFEST_INVALID", "manifest invalid", "correct it and push it again"};
    case OciSubject::blob: return kWrongDigest;
    case OciSubject::upload:
      return {400, "BLOB_UPLOAD_INVALID", "blob upload invalid", "push the layer again"};
  }
  return {400, "NAME_INVALID", "invalid repository name", "correct the name"};
}

// 416 tells an upload out of order where to continue; 405 refuses to delete what is in use (distribution
// specification).
OciStatus conflict(OciSubject subject) {
  if (subject == OciSubject::upload)
    return {416, "BLOB_UPLOAD_INVALID", "blob upload invalid", "go on where the header Range says"};
  return {405, "UNSUPPORTED", "the operation is unsupported", "delete first what needs it"};
}

// Clients print the message of a 403 and do not try again; of a 507 they print the number, after several
// uploads. 503 is for room that will be there in a moment.
OciStatus full(const Error& error) {
  if (error.retry_after_s > 0 && error.retry_after_s <= kRoomSoonS)
    return {503, "UNAVAILABLE", "no room in the store for now", "try again"};
  // The bounds of the configuration have a remedy of their own.
  if (!error.remedy.empty()) return {403, "DENIED", "", ""};
  return {403, "DENIED", "the disk of the store is full", "make room on the disk or delete tags"};
}

OciStatus too_slow(OciSubject subject) {
  return {408, invalid(subject).code, "too slow", "send it again when the network is faster"};
}

OciStatus too_large(OciSubject subject) {
  return {413, subject == OciSubject::manifest ? "MANIFEST_INVALID" : "SIZE_INVALID", "more than is accepted",
          "make it smaller"};
}

// The whole sentence, as a client may read it.
std::string message_of(const OciStatus& status, std::string_view why, std::string_view trace) {
  auto message = oci_sentence(status, client_text(why));
  if (!trace.empty()) message.append(" (trace ").append(trace).append(")");
  return message;
}

ordered_json error_json(const OciStatus& status, std::string_view why, std::string_view trace) {
  ordered_json error;
  error["code"] = status.code;
  error["message"] = message_of(status, why, trace);
  error["detail"]["trace"] = trace;
  return error;
}

std::string errors_json(ordered_json errors) {
  ordered_json body;
  body["errors"] = std::move(errors);
  // A message may quote bytes of a client or an upstream: bytes that are not UTF-8 are replaced, which else
  // would throw.
  return body.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

void reply_json(proxy::Exchange& exchange, int status, proxy::Headers headers, std::string message,
                const std::string& body) {
  if (exchange.started()) return exchange.abort();
  headers.add("Content-Type", std::string(kJson));
  headers.add(std::string(proxy::kReasonField), std::move(message));
  exchange.reply(status, std::move(headers), std::string_view(body));
}

bool may_tell_when(Error::Kind kind) {
  return kind == Error::Kind::throttled || kind == Error::Kind::unavailable || kind == Error::Kind::storage ||
         kind == Error::Kind::full;
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
    case Error::Kind::denied:
      return {404, "NAME_UNKNOWN", "upstream refuses this repository to Breakwater",
              "check the name, and whether the route has credentials that may read it"};
    case Error::Kind::throttled: return {429, "TOOMANYREQUESTS", "too many requests", "try again later"};
    case Error::Kind::storage:
    case Error::Kind::unavailable: return {503, "UNAVAILABLE", "unavailable for now", "try again"};
    case Error::Kind::corrupt:
      return {502, "UPSTREAM_INVALID", "upstream's answer is not what was asked for", kAskOperator};
    case Error::Kind::full: return full(error);
    case Error::Kind::invalid: return invalid(subject);
    case Error::Kind::too_large: return too_large(subject);
    case Error::Kind::too_slow: return too_slow(subject);
    case Error::Kind::conflict: return conflict(subject);
    case Error::Kind::would_block:
    case Error::Kind::internal: break;
  }
  return {500, "UNKNOWN", "internal error", kAskOperator};
}

OciStatus oci_status_of(OciPathError::Kind kind, std::string_view method) {
  switch (kind) {
    case OciPathError::Kind::name_invalid: break;
    case OciPathError::Kind::digest_invalid:
      return {400, "DIGEST_INVALID", "invalid digest", "a digest is sha256: and 64 hexadecimal digits"};
    // The distribution specification's conformance suite reads the tag `.INVALID_MANIFEST_NAME` and expects
    // 404.
    case OciPathError::Kind::tag_invalid:
      if (method == "PUT")
        return {400, "MANIFEST_INVALID", "invalid tag",
                "a tag is at most 128 letters, digits, dots, underscores and hyphens"};
      return unknown(OciSubject::manifest);
    case OciPathError::Kind::page_invalid:
      return {400, "UNSUPPORTED", "invalid number of results requested", "n is a whole number"};
    case OciPathError::Kind::target_invalid: return {400, "NAME_INVALID", "invalid path", "correct the name"};
  }
  return {400, "NAME_INVALID", "invalid repository name",
          "a name is lower-case letters and digits, with . _ - between them, in parts divided by slashes"};
}

std::string oci_sentence(const OciStatus& status, std::string_view why) {
  std::string sentence(status.message);
  for (const auto& [divider, part] : {std::pair(": ", why), std::pair("; ", status.remedy)}) {
    if (part.empty()) continue;
    if (!sentence.empty()) sentence += divider;
    sentence += part;
  }
  return sentence;
}

std::string oci_error_body(const OciStatus& status, std::string_view why, std::string_view trace) {
  return errors_json(ordered_json::array({error_json(status, why, trace)}));
}

void reply_oci(proxy::Exchange& exchange, const OciStatus& status, proxy::Headers headers,
               std::string_view why, RequestContext& context) {
  context.error = oci_sentence(status, why);
  reply_json(exchange, status.status, std::move(headers), message_of(status, why, context.trace),
             oci_error_body(status, why, context.trace));
}

void reply_error(proxy::Exchange& exchange, const Error& error, OciSubject subject, RequestContext& context) {
  auto headers = base_headers(context);
  OciStatus status = oci_status_of(error, subject);
  if (status.status == 405) headers.add("Allow", "GET, HEAD");
  std::string when;
  if (error.retry_after_s > 0 && may_tell_when(error.kind) && status.status != 403) {
    const std::string seconds = std::to_string(error.retry_after_s);
    headers.add("Retry-After", seconds);
    when = "try again in " + seconds + " s";
    status.remedy = when;
  }
  if (!error.remedy.empty() && when.empty()) status.remedy = error.remedy;
  reply_oci(exchange, status, std::move(headers), error.message, context);
}

void reply_path_error(proxy::Exchange& exchange, const OciPathError& error, RequestContext& context) {
  reply_oci(exchange, oci_status_of(error.kind, exchange.request().method), base_headers(context),
            error.message, context);
}

void reply_not_allowed(proxy::Exchange& exchange, std::string_view allow, std::string_view why,
                       RequestContext& context) {
  auto headers = base_headers(context);
  headers.add("Allow", std::string(allow));
  reply_oci(exchange, {405, "UNSUPPORTED", "the operation is unsupported", ""}, std::move(headers), why,
            context);
}

void reply_denied(proxy::Exchange& exchange, std::string_view why, RequestContext& context) {
  reply_oci(exchange, {403, "DENIED", why, ""}, base_headers(context), "", context);
}

void reply_unauthorized(proxy::Exchange& exchange, std::string challenge, std::string_view why,
                        RequestContext& context) {
  auto headers = base_headers(context);
  headers.add("WWW-Authenticate", std::move(challenge));
  reply_oci(exchange, {401, "UNAUTHORIZED", why, ""}, std::move(headers), "", context);
}

void reply_unsatisfiable(proxy::Exchange& exchange, uint64_t size, RequestContext& context) {
  auto headers = base_headers(context);
  headers.add("Content-Range", unsatisfied_content_range(size));
  const auto why = "it has " + std::to_string(size) + " bytes";
  reply_oci(exchange, {416, "SIZE_INVALID", "range not satisfiable", "ask for a part of them"},
            std::move(headers), why, context);
}

void reply_missing_children(proxy::Exchange& exchange, const std::vector<store::Digest>& missing,
                            RequestContext& context) {
  constexpr OciStatus kUnknown = {400, "MANIFEST_BLOB_UNKNOWN",
                                  "manifest references a manifest or blob unknown to registry",
                                  "push it first"};
  auto errors = ordered_json::array();
  for (const auto& digest : missing) {
    if (errors.size() == kMissingMax) break;
    auto error = error_json(kUnknown, digest.text(), context.trace);
    error["detail"]["digest"] = digest.text();
    errors.push_back(std::move(error));
  }
  std::string why = missing.empty() ? std::string() : missing.front().text();
  if (missing.size() > 1) why += " and " + std::to_string(missing.size() - 1) + " more";
  context.error = oci_sentence(kUnknown, why);
  reply_json(exchange, kUnknown.status, base_headers(context), message_of(kUnknown, why, context.trace),
             errors_json(std::move(errors)));
}

void reply_no_such_path(proxy::Exchange& exchange, RequestContext& context) {
  reply_oci(exchange, {404, "NAME_UNKNOWN", "no such path", "the API of registries begins at /v2/"},
            base_headers(context), "", context);
}

}  // namespace breakwater::routes
