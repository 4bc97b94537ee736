#include "routes/oci/oci_error.h"

#include <set>
#include <string>
#include <string_view>

#include "proxy/http/status_line.h"
#include "test/catch.h"
#include "test/fakes/recorded_exchange.h"

namespace breakwater::routes {
namespace {

using test::RecordedExchange;
using Kind = Error::Kind;

TEST_CASE("each error has its status and its OCI code") {
  struct Row {
    Kind kind;
    OciSubject subject;
    int status;
    std::string_view code;
  };
  const auto row = GENERATE(values<Row>({
      {Kind::not_found, OciSubject::name, 404, "NAME_UNKNOWN"},
      {Kind::not_found, OciSubject::manifest, 404, "MANIFEST_UNKNOWN"},
      {Kind::not_found, OciSubject::blob, 404, "BLOB_UNKNOWN"},
      {Kind::not_found, OciSubject::upload, 404, "BLOB_UPLOAD_UNKNOWN"},
      {Kind::denied, OciSubject::manifest, 404, "NAME_UNKNOWN"},
      {Kind::throttled, OciSubject::blob, 429, "TOOMANYREQUESTS"},
      {Kind::unavailable, OciSubject::blob, 503, "UNAVAILABLE"},
      {Kind::storage, OciSubject::manifest, 503, "UNAVAILABLE"},
      {Kind::corrupt, OciSubject::manifest, 502, "UPSTREAM_INVALID"},
      {Kind::full, OciSubject::upload, 403, "DENIED"},
      {Kind::invalid, OciSubject::manifest, 400, "MANIFEST_INVALID"},
      {Kind::invalid, OciSubject::blob, 400, "DIGEST_INVALID"},
      {Kind::invalid, OciSubject::name, 400, "NAME_INVALID"},
      {Kind::invalid, OciSubject::upload, 400, "BLOB_UPLOAD_INVALID"},
      {Kind::too_slow, OciSubject::upload, 408, "BLOB_UPLOAD_INVALID"},
      {Kind::too_slow, OciSubject::manifest, 408, "MANIFEST_INVALID"},
      {Kind::conflict, OciSubject::manifest, 405, "UNSUPPORTED"},
      {Kind::conflict, OciSubject::upload, 416, "BLOB_UPLOAD_INVALID"},
      {Kind::internal, OciSubject::blob, 500, "UNKNOWN"},
      {Kind::would_block, OciSubject::blob, 500, "UNKNOWN"},
  }));
  CAPTURE(static_cast<int>(row.kind), static_cast<int>(row.subject));
  const auto status = oci_status_of(Error{row.kind, "", 0}, row.subject);
  CHECK(status.status == row.status);
  CHECK(status.code == row.code);
}

TEST_CASE("a store that has room in a moment is 503 with Retry-After, because clients try again then") {
  RecordedExchange exchange("PUT", "/");
  RequestContext context;
  reply_error(exchange, Error{Error::Kind::full, "a lease ends", 2, "raise bytes_max"}, OciSubject::upload,
              context);
  CHECK(exchange.status() == 503);
  CHECK(context.error == "no room in the store for now: a lease ends; try again in 2 s");
  CHECK(exchange.reply_headers().get("Retry-After") == "2");
}

TEST_CASE("a store that is full for longer is 403, which clients print and do not try again") {
  struct Row {
    Error error;
    std::string said;
  };
  const auto row = GENERATE(values<Row>({
      {Error(Kind::full, "route private is full: 20 MiB of 20 MiB", 0, "raise bytes_max or delete tags"),
       "route private is full: 20 MiB of 20 MiB; raise bytes_max or delete tags"},
      {Error(Kind::full, "a lease ends", 3600, "raise bytes_max"), "a lease ends; raise bytes_max"},
      {Error(Kind::full, "write /var/lib/breakwater/blobs/x: No space left on device", 0),
       "the disk of the store is full: write …: No space left on device; make room on the disk or delete "
       "tags"},
  }));
  RecordedExchange exchange("PATCH", "/");
  RequestContext context;
  context.trace = "4f";
  reply_error(exchange, row.error, OciSubject::upload, context);
  CHECK(exchange.status() == 403);
  CHECK_FALSE(exchange.reply_headers().find("Retry-After"));
  CHECK(exchange.body() == R"({"errors":[{"code":"DENIED","message":")" + row.said +
                               R"x( (trace 4f)","detail":{"trace":"4f"}}]})x");
}

TEST_CASE("every refusal notes its reason for the access line, and has something to do in it") {
  for (int kind = 0; kind <= static_cast<int>(Kind::internal); ++kind) {
    for (const auto subject :
         {OciSubject::name, OciSubject::manifest, OciSubject::blob, OciSubject::upload}) {
      RecordedExchange exchange("GET", "/");
      RequestContext context;
      context.trace = "4f";
      reply_error(exchange, Error{static_cast<Kind>(kind), "why", 0}, subject, context);
      CAPTURE(context.error);
      CHECK(context.error.find("why; ") != std::string::npos);
      CHECK(exchange.body().find(context.error + " (trace 4f)\"") != std::string::npos);
      CHECK(exchange.reply_headers().get(proxy::kReasonField) == context.error + " (trace 4f)");
    }
  }
  for (int kind = 0; kind <= static_cast<int>(OciPathError::Kind::target_invalid); ++kind) {
    RecordedExchange exchange("PUT", "/");
    RequestContext context;
    reply_path_error(exchange, OciPathError(static_cast<OciPathError::Kind>(kind), "why"), context);
    CHECK(context.error.find("why; ") != std::string::npos);
  }
}

TEST_CASE("each digest that a manifest lacks has an error of its own, and the reason counts them") {
  const auto digest = [](std::string_view of) { return store::digest_of(store::Algorithm::sha256, of); };
  RecordedExchange exchange("PUT", "/");
  RequestContext context;
  reply_missing_children(exchange, {digest("a"), digest("b"), digest("c")}, context);
  for (const char* of : {"a", "b", "c"}) {
    CHECK(exchange.body().find("unknown to registry: " + digest(of).text() + "; push it first") !=
          std::string::npos);
    CHECK(exchange.body().find(R"("digest":")" + digest(of).text()) != std::string::npos);
  }
  CHECK(context.error.find(digest("a").text() + " and 2 more; ") != std::string::npos);
}

TEST_CASE("a bad name or digest is the client's mistake, and a bad tag names nothing") {
  using Bad = OciPathError::Kind;
  CHECK(oci_status_of(Bad::name_invalid, "GET").code == "NAME_INVALID");
  CHECK(oci_status_of(Bad::digest_invalid, "GET").code == "DIGEST_INVALID");
  CHECK(oci_status_of(Bad::digest_invalid, "GET").status == 400);
  CHECK(oci_status_of(Bad::tag_invalid, "GET").status == 404);
  CHECK(oci_status_of(Bad::tag_invalid, "PUT").status == 400);
  CHECK(oci_status_of(Bad::page_invalid, "GET").status == 400);
  CHECK(oci_status_of(Bad::target_invalid, "GET").status == 400);
}

TEST_CASE("the code of every 4xx is one that the distribution specification lists") {
  const std::set<std::string_view> listed = {
      "BLOB_UNKNOWN",          "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID",
      "MANIFEST_BLOB_UNKNOWN", "MANIFEST_INVALID",    "MANIFEST_UNKNOWN",    "NAME_INVALID",
      "NAME_UNKNOWN",          "SIZE_INVALID",        "UNAUTHORIZED",        "DENIED",
      "UNSUPPORTED",           "TOOMANYREQUESTS"};
  const auto check = [&](const OciStatus& status) {
    CAPTURE(status.status, status.code);
    CHECK((status.status >= 500 || listed.contains(status.code)));
  };
  for (int kind = 0; kind <= static_cast<int>(Kind::internal); ++kind) {
    for (const auto subject : {OciSubject::name, OciSubject::manifest, OciSubject::blob, OciSubject::upload})
      check(oci_status_of(Error{static_cast<Kind>(kind), "", 0}, subject));
  }
  for (int kind = 0; kind <= static_cast<int>(OciPathError::Kind::target_invalid); ++kind) {
    for (const char* method : {"GET", "PUT"})
      check(oci_status_of(static_cast<OciPathError::Kind>(kind), method));
  }
  RecordedExchange range("GET", "/"), missing("PUT", "/");
  RequestContext context;
  reply_unsatisfiable(range, 10, context);
  CHECK(range.body().find(R"("code":"SIZE_INVALID")") != std::string::npos);
  reply_missing_children(missing, {store::digest_of(store::Algorithm::sha256, std::string_view("x"))},
                         context);
  CHECK(missing.status() == 400);
  CHECK(missing.body().find(R"("code":"MANIFEST_BLOB_UNKNOWN")") != std::string::npos);
}

TEST_CASE("an error's reply is OCI JSON whose message says what, why, what to do, and the trace") {
  RecordedExchange exchange("GET", "/v2/a/manifests/x");
  RequestContext context;
  context.trace = "4f00";
  reply_error(exchange, Error{Kind::throttled, "docker.io said 429", 17}, OciSubject::manifest, context);
  CHECK(context.error == "too many requests: docker.io said 429; try again in 17 s");
  CHECK(exchange.status() == 429);
  CHECK(exchange.body() ==
        "{\"errors\":[{\"code\":\"TOOMANYREQUESTS\",\"message\":\"too many requests: docker.io said 429; try "
        "again "
        "in 17 s (trace 4f00)\",\"detail\":{\"trace\":\"4f00\"}}]}");
  CHECK(exchange.reply_headers().get("Retry-After") == "17");
  CHECK(exchange.reply_headers().get("Content-Type") == "application/json");
  CHECK(exchange.reply_headers().get("X-Content-Type-Options") == "nosniff");
}

TEST_CASE("Retry-After is sent only when it is known") {
  RecordedExchange exchange("GET", "/");
  RequestContext context;
  reply_error(exchange, Error{Kind::unavailable, "", 0}, OciSubject::blob, context);
  CHECK(exchange.status() == 503);
  CHECK_FALSE(exchange.reply_headers().find("Retry-After"));
}

TEST_CASE("a reason that is no UTF-8 does no harm") {
  CHECK(oci_error_body({400, "X", "x", ""}, "\xff\"", "t") ==
        "{\"errors\":[{\"code\":\"X\",\"message\":\"x: \xef\xbf\xbd\\\" (trace t)\",\"detail\":{\"trace\":"
        "\"t\"}}]}");
}

TEST_CASE("an error after the reply has begun cuts the connection") {
  RecordedExchange exchange("GET", "/");
  exchange.start(200, {}, 100);
  RequestContext context;
  reply_error(exchange, Error{Kind::corrupt, "", 0}, OciSubject::blob, context);
  CHECK(exchange.aborted());
  CHECK(exchange.status() == 200);
}

TEST_CASE("refusals say what would have been right") {
  RecordedExchange put("PUT", "/v2/a/manifests/x"), stranger("GET", "/v2/"), range("GET", "/"),
      nowhere("GET", "/nowhere");
  RequestContext context;
  reply_not_allowed(put, "GET, HEAD", "read-only", context);
  CHECK(put.status() == 405);
  CHECK(put.reply_headers().get("Allow") == "GET, HEAD");
  CHECK(put.body().find("UNSUPPORTED") != std::string::npos);
  reply_denied(stranger, "not from there", context);
  CHECK(stranger.status() == 403);
  CHECK(stranger.body().find("\"DENIED\"") != std::string::npos);
  reply_unsatisfiable(range, 10, context);
  CHECK(range.status() == 416);
  CHECK(range.reply_headers().get("Content-Range") == "bytes */10");
  reply_no_such_path(nowhere, context);
  CHECK(nowhere.status() == 404);
}

}  // namespace
}  // namespace breakwater::routes
