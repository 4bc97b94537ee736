#include "proxy/http/proxy_header.h"

#include <string>

#include "test/catch.h"
#include "test/fakes/proxy_headers.h"

namespace breakwater::proxy {
namespace {

using Progress = ProxyHeader::Progress;
using test::binary_header;
using test::kTcp4;
using test::kTcp6;

// Whom a header tells: an address, "own" for the connection's, "more", or why it is none. What follows it is
// left.
std::string told(const std::string& header) {
  const auto parsed = parse_proxy_header(header + "rest");
  if (parsed.progress == Progress::failed) return parsed.why;
  if (parsed.progress == Progress::more) return "more";
  CHECK(parsed.length == header.size());
  return parsed.client ? parsed.client->text() : "own";
}

const std::string kNone = "it does not begin with a PROXY header";
const std::string kMalformed = "the addresses in its PROXY header are malformed";

TEST_CASE("a line of text tells who has connected") {
  CHECK(told("PROXY TCP4 10.0.0.7 10.0.0.1 56324 443\r\n") == "10.0.0.7");
  CHECK(told("PROXY TCP6 2001:db8::7 2001:db8::1 0 65535\r\n") == "2001:db8::7");
  CHECK(told("PROXY TCP6 ::ffff:10.0.0.7 ::1 1 2\r\n") == "10.0.0.7");
  CHECK(told("PROXY UNKNOWN\r\n") == "own");
  CHECK(told("PROXY UNKNOWN ffff::1 whatever 1 2\r\n") == "own");
}

TEST_CASE("a binary header tells who has connected, and what else it has is skipped") {
  const std::string four("\x0a\x00\x00\x07\x0a\x00\x00\x01\x12\x34\x01\xbb", 12);
  std::string six = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x07";
  six += std::string(16, '\1') + "port";
  CHECK(told(binary_header(0x21, kTcp4, four)) == "10.0.0.7");
  CHECK(told(binary_header(0x21, kTcp4, four + "\x04" + std::string("\0\x01", 2) + "x")) == "10.0.0.7");
  CHECK(told(binary_header(0x21, kTcp6, six)) == "2001:db8::7");
  CHECK(told(binary_header(0x21, 0x00, "")) == "own");
  CHECK(told(binary_header(0x20, 0x00, "")) == "own");
  CHECK(told(binary_header(0x20, kTcp4, four)) == "own");
  CHECK(told(binary_header(0x21, kTcp4, four + std::string(4096 - 28, 'x'))) == "10.0.0.7");
}

TEST_CASE("a header that comes in pieces is whole with its last byte, and not before") {
  for (const std::string& header :
       {std::string("PROXY TCP4 10.0.0.7 10.0.0.1 56324 443\r\n"), std::string("PROXY UNKNOWN\r\n"),
        binary_header(0x21, kTcp4, std::string(12, '\1') + "tlv"), binary_header(0x20, 0, "")}) {
    for (size_t i = 0; i < header.size(); ++i)
      CHECK(parse_proxy_header(header.substr(0, i)).progress == Progress::more);
    CHECK(parse_proxy_header(header).progress == Progress::done);
  }
}

TEST_CASE("whatever is no header fails as soon as that can be seen") {
  for (const char* text :
       {"G", "GET / HTTP/1.1\r\n", "proxy TCP4 ", "PROXX", "\x16\x03\x01", "\r\r", "\r\n\r\nX"})
    CHECK(told(text) == kNone);
  CHECK(told(std::string(1, '\0')) == kNone);
  for (const char* line :
       {"PROXY TCP4 10.0.0.7 10.0.0.1 1\r\n", "PROXY TCP4 10.0.0.7 10.0.0.1 1 2 3\r\n",
        "PROXY TCP4  10.0.0.7 10.0.0.1 1 2\r\n", "PROXY TCP4 10.0.0.7 10.0.0.1 1 65536\r\n",
        "PROXY TCP4 10.0.0.7 10.0.0.1 01 2\r\n", "PROXY TCP4 10.0.0.7 10.0.0.1 -1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 10.0.0.7 10.0.0.1 1 2\r\n", "PROXY TCP4 10.0.0.7 x 1 2\r\n",
        "PROXY TCP4 10.0.0.7 10.0.0.1 1 2 \r\n", "PROXY TCP4 10.0.0.7\t10.0.0.1 1 2\r\n", "PROXY TCP4\r\n",
        "PROXY TCP4 10.0.0.7 10.0.0.1 1 2\r\r\n"})
    CHECK(told(line) == kMalformed);
  CHECK(told("PROXY UDP4 10.0.0.7 10.0.0.1 1 2\r\n") == "its PROXY header names an unknown protocol");
  CHECK(told("PROXY TCP4 10.0.0.7 10.0.0.1 1 2\n") == "its PROXY header is malformed");
  CHECK(told("PROXY \n") == "its PROXY header is malformed");
  CHECK(told("PROXY UNKNOWN " + std::string(93, 'x')) == "its PROXY header is too long");
  CHECK(told(binary_header(0x21, kTcp4, std::string(11, '\1'))) == kMalformed);
  CHECK(told(binary_header(0x21, kTcp6, std::string(35, '\1'))) == kMalformed);
  CHECK(told(binary_header(0x11, kTcp4, std::string(12, '\1'))) ==
        "its PROXY header has an unknown version or command");
  CHECK(told(binary_header(0x22, kTcp4, std::string(12, '\1'))) ==
        "its PROXY header has an unknown version or command");
  CHECK(told(binary_header(0x21, 0x12, std::string(12, '\1'))) ==
        "its PROXY header names an unknown protocol");
  CHECK(told(binary_header(0x21, kTcp4, std::string(4096 - 15, '\1'))) == "its PROXY header is too long");
}

}  // namespace
}  // namespace breakwater::proxy
