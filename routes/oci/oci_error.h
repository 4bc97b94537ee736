// The only table from Error to an HTTP status and an OCI error code, and the replies made from it:
//
//   {"errors":[{"code":"MANIFEST_UNKNOWN",
//               "message":"manifest unknown: HEAD https://…/manifests/3.2: 404 Not Found; check the name and
//                          the tag (trace 4f…)",
//               "detail":{"trace":"4f…"}}]}
//
// The message is one sentence for a person, because clients print it and nothing else: what happened, why,
// what to do about it, and the trace by which the log has more. The access line of the request has the same
// sentence as its reason (RequestContext::error), there with the paths of this machine, which clients are not
// told (client_text.h). It stands in the first line of the reply as well, for clients that read no body, and
// for HEAD (proxy/http/status_line.h). No Error's message holds a secret.
//
// The code of every 4xx is one of the distribution specification's list, as it demands; clients know no
// others. It says nothing of 5xx, whose bodies most clients do not read: dockerd, containerd and BuildKit
// look at the first line alone, and try again.
//
// Belongs to the loop's thread. Each reply_…() sends the whole reply and notes its reason in the context. If
// a reply has begun already, it cuts the connection instead, because nothing else would tell the client that
// the body is incomplete.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/exchange.h"
#include "routes/oci/oci_path.h"
#include "routes/oci/request_context.h"
#include "store/base/digest.h"
#include "store/base/result.h"

namespace breakwater::routes {

// What the request was about, which decides between the ..._UNKNOWN codes.
enum class OciSubject { name, manifest, blob, upload };
OciSubject subject_of(OciPath::Kind kind);

struct OciStatus {
  int status;
  std::string_view code;     // as OCI registers it: "BLOB_UNKNOWN"
  std::string_view message;  // what happened, in the few words that go with the code; "" if `why` says it
  std::string_view remedy;   // what to do about it, if nobody knows better
};
// For what was pushed and is not the digest that the client named.
inline constexpr OciStatus kWrongDigest = {400, "DIGEST_INVALID",
                                           "provided digest did not match uploaded content", "push it again"};

OciStatus oci_status_of(const Error& error, OciSubject subject);
// A malformed tag is a 404 in a read, because no such manifest can exist, and a 400 in a write.
OciStatus oci_status_of(OciPathError::Kind kind, std::string_view method);

// "<what happened>: <why>; <what to do>", without what is empty.
std::string oci_sentence(const OciStatus& status, std::string_view why);
std::string oci_error_body(const OciStatus& status, std::string_view why, std::string_view trace);

// The reply has `headers` and nothing beside them but Content-Type, and the message in its first line.
void reply_oci(proxy::Exchange& exchange, const OciStatus& status, proxy::Headers headers,
               std::string_view why, RequestContext& context);
void reply_error(proxy::Exchange& exchange, const Error& error, OciSubject subject, RequestContext& context);
void reply_path_error(proxy::Exchange& exchange, const OciPathError& error, RequestContext& context);
// 405 UNSUPPORTED with `Allow: <allow>`. `why` says what to do as well.
void reply_not_allowed(proxy::Exchange& exchange, std::string_view allow, std::string_view why,
                       RequestContext& context);
// 403 DENIED by ourselves: for the client's address, or by a rule of the route. (Error::Kind::denied is about
// upstream refusing us.) `why` is the whole message: it names the rule and where that stands.
void reply_denied(proxy::Exchange& exchange, std::string_view why, RequestContext& context);
// 401 UNAUTHORIZED with `WWW-Authenticate: <challenge>`. `why` is the whole message.
void reply_unauthorized(proxy::Exchange& exchange, std::string challenge, std::string_view why,
                        RequestContext& context);
// 416 with `Content-Range: bytes */<size>`.
void reply_unsatisfiable(proxy::Exchange& exchange, uint64_t size, RequestContext& context);
// 400 MANIFEST_BLOB_UNKNOWN, with one error for each digest that a pushed manifest names and its repository
// lacks; at most a hundred. 400 as other registries answer: containerd looks for that status before it tells
// its user which blobs are missing (core/remotes/handlers.go).
void reply_missing_children(proxy::Exchange& exchange, const std::vector<store::Digest>& missing,
                            RequestContext& context);
// 404 for a path that is not part of the API.
void reply_no_such_path(proxy::Exchange& exchange, RequestContext& context);

}  // namespace breakwater::routes
