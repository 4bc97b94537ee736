#include "proxy/server/reply_head.h"

#include <string>

#include "proxy/http/status_line.h"
#include "test/catch.h"

namespace breakwater::proxy {
namespace {

std::string head_of(int status, const Headers& headers, const char* method = "GET") {
  std::string text;
  Request request;
  request.method = method;
  const ReplyHead reply{status, 0, false, "<date>", "<id>"};
  compose_head(text, request, reply, headers);
  return text;
}

std::string first_line(const std::string& head) { return head.substr(0, head.find("\r\n")); }

std::string line_of(int status, std::string reason) {
  Headers headers;
  headers.add(std::string(kReasonField), std::move(reason));
  return first_line(head_of(status, headers));
}

TEST_CASE(
    "the reason of a refusal stands in the first line, behind the status's own words, and is no header") {
  Headers headers;
  headers.add("Content-Type", "application/json");
  headers.add(std::string(kReasonField), "the address 10.0.0.7 is not in allow of route ghcr (trace 4f)");
  for (const char* method : {"GET", "HEAD"})
    CHECK(
        head_of(403, headers, method) ==
        "HTTP/1.1 403 Forbidden: the address 10.0.0.7 is not in allow of route ghcr (trace 4f)\r\n"
        "Content-Type: application/json\r\nX-Request-Id: <id>\r\nDate: <date>\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("what a reason quotes of others cannot end the first line, nor make it long") {
  CHECK(line_of(400, "a\r\nSet-Cookie: b") == "HTTP/1.1 400 Bad Request: a?Set-Cookie: b");
  CHECK(line_of(404, "no \u00fcber/app\x7f") == "HTTP/1.1 404 Not Found: no ?ber/app?");
  CHECK(line_of(503, std::string(100'000, 'x')) ==
        "HTTP/1.1 503 Service Unavailable: " + std::string(kReasonBytesMax, 'x'));
  CHECK(line_of(403, "") == "HTTP/1.1 403 Forbidden");
}

TEST_CASE("what is no refusal has the status's own words only") {
  CHECK(line_of(200, "why") == "HTTP/1.1 200 OK");
  CHECK(first_line(head_of(404, {})) == "HTTP/1.1 404 Not Found");
}

}  // namespace
}  // namespace breakwater::proxy
