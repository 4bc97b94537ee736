#include "proxy/http/http_parser.h"

#include <event2/buffer.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "test/catch.h"

namespace breakwater::proxy {
namespace {

using Progress = RequestParser::Progress;

struct FreeBuffer {
  void operator()(evbuffer* buffer) const { evbuffer_free(buffer); }
};

// Parses what `input` holds of a body as the server does it: in memory of its own. What the parser does not
// take goes back. Appends the body's bytes to `into`.
Progress parse_body(RequestParser& parser, evbuffer* input, std::string& into, size_t bytes_max) {
  std::vector<char> received(evbuffer_get_length(input));
  evbuffer_remove(input, received.data(), received.size());
  auto part = parser.parse_body(received, bytes_max);
  CHECK(part.body <= std::min(part.taken, bytes_max));
  into.append(received.data(), part.body);
  evbuffer_prepend(input, received.data() + part.taken, received.size() - part.taken);
  return part.progress;
}

struct Parsed {
  Progress progress = Progress::more;
  int status = 0;
  std::string target;
  std::string host;
  std::string body;
  std::string rest;
};

// Feeds `text` in pieces that end at each of `cuts`, and reads one request out of it.
Parsed parse(const std::string& text, const std::vector<size_t>& cuts) {
  std::unique_ptr<evbuffer, FreeBuffer> input(evbuffer_new());
  RequestParser parser(RequestParser::Limits{});
  Parsed parsed;
  bool head = false;
  size_t from = 0;
  auto feed = [&](size_t to) {
    // In a chain of its own, as bytes of another packet may be.
    std::unique_ptr<evbuffer, FreeBuffer> packet(evbuffer_new());
    evbuffer_add(packet.get(), text.data() + from, to - from);
    evbuffer_add_buffer(input.get(), packet.get());
    from = to;
    if (parsed.progress == Progress::failed) return;
    if (!head) parsed.progress = parser.parse_head(input.get());
    if (!head && parsed.progress == Progress::done) {
      head = true;
      parsed.target = parser.request().target;
      parsed.host = parser.request().headers.all("Host");
    }
    if (head && !(parsed.progress == Progress::done && parser.body_ended()))
      parsed.progress = parse_body(parser, input.get(), parsed.body, 1 << 20);
  };
  for (size_t cut : cuts) feed(cut);
  feed(text.size());
  if (parsed.progress == Progress::failed) parsed.status = parser.malformed().status;
  parsed.rest.resize(evbuffer_get_length(input.get()));
  evbuffer_remove(input.get(), parsed.rest.data(), parsed.rest.size());
  return parsed;
}

std::vector<size_t> every_byte(const std::string& text) {
  std::vector<size_t> cuts;
  for (size_t i = 1; i < text.size(); ++i) cuts.push_back(i);
  return cuts;
}

struct Row {
  const char* name;
  std::string text;
  int status;  // 0: it is a request
};

std::string get(const std::string& headers) { return "GET /a?b HTTP/1.1\r\n" + headers + "\r\n"; }
std::string post(const std::string& headers, const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n" + body;
}

TEST_CASE("a head is a request or is refused with the status that says why, however its bytes arrive") {
  auto row = GENERATE(
      Row{"plain", get("Host: x\r\n"), 0}, Row{"a port", get("Host: x:5000\r\n"), 0},
      Row{"IPv6", get("Host: [::1]:5000\r\n"), 0}, Row{"an empty Host", get("Host:\r\n"), 0},
      Row{"empty lines first", "\r\n\r\n" + get("Host: x\r\n"), 0},
      Row{"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", 0},
      Row{"the absolute form", "GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n", 0},
      Row{"obs-text in a value", get("Host: x\r\nX: \xc3\xa9\r\n"), 0},
      Row{"a tab in a value", get("Host: x\r\nX: a\tb\r\n"), 0},
      Row{"the same Content-Length twice", post("Content-Length: 0\r\nContent-Length: 0\r\n", ""), 0},
      Row{"no Host", get(""), 400}, Row{"two Hosts", get("Host: x\r\nHost: x\r\n"), 400},
      Row{"a Host with a path", get("Host: x/y\r\n"), 400},
      Row{"a Host with a space", get("Host: x y\r\n"), 400},
      Row{"lengths that differ", post("Content-Length: 1\r\nContent-Length: 2\r\n", "ab"), 400},
      Row{"a list of lengths that differ", post("Content-Length: 1, 2\r\n", "ab"), 400},
      Row{"a signed length", post("Content-Length: +1\r\n", "a"), 400},
      Row{"a negative length", post("Content-Length: -1\r\n", ""), 400},
      Row{"a length in hex", post("Content-Length: 0x1\r\n", "a"), 400},
      Row{"an empty length", post("Content-Length:\r\n", ""), 400},
      Row{"a length past 64 bits", post("Content-Length: 18446744073709551616\r\n", ""), 400},
      Row{"length, then coding", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
          400},
      Row{"coding, then length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
          400},
      Row{"chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
          400},
      Row{"an unknown coding", post("Transfer-Encoding: gzip\r\n", ""), 501},
      Row{"a coding before chunked", post("Transfer-Encoding: gzip, chunked\r\n", ""), 501},
      Row{"a coding that is not quite chunked", post("Transfer-Encoding: chunkedx\r\n", ""), 501},
      Row{"a coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      Row{"an unknown expectation", get("Host: x\r\nExpect: cake\r\n"), 417},
      Row{"HTTP/2", "PRI * HTTP/2.0\r\n\r\n", 505}, Row{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505},
      Row{"no version", "GET /\r\n\r\n", 400}, Row{"another protocol", "GET / FTP/1.0\r\n\r\n", 400},
      Row{"a folded header", get("Host: x\r\nX: a\r\n b\r\n"), 400},
      Row{"a space before the first header", get(" Host: x\r\n"), 400},
      Row{"a space before the colon", get("Host : x\r\n"), 400},
      Row{"a header without colon", get("Host: x\r\nX\r\n"), 400},
      Row{"a header without name", get("Host: x\r\n: y\r\n"), 400},
      Row{"NUL in a value", get(std::string("Host: x\r\nX: a\0b\r\n", 17)), 400},
      Row{"a control character in a value", get("Host: x\r\nX: a\x01\r\n"), 400},
      Row{"DEL in a value", get("Host: x\r\nX: a\x7f\r\n"), 400},
      Row{"CR alone in a value", get("Host: x\r\nX: a\rb\r\n"), 400},
      Row{"LF alone", "GET / HTTP/1.1\nHost: x\n\n", 400},
      Row{"LF alone at the end of a header", "GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", 400},
      Row{"a space in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      Row{"a fragment", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      Row{"a byte over 127 in the target", "GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      Row{"the absolute form without a host", "GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      Row{"the absolute form with a user's name", "GET http://u@x/a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      Row{"a target that is none", "GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      Row{"no method", " / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      Row{"a method that is no token", "G(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      Row{"TLS", "\x16\x03\x01\x02", 400},
      Row{"a target over 8 KiB", "GET /" + std::string(8 * 1024, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
      Row{"a request line without end", "GET /" + std::string(17 * 1024, 'a'), 414},
      Row{"a head over 16 KiB", get("Host: x\r\nX: " + std::string(17 * 1024, 'a') + "\r\n"), 431},
      Row{"ranges over 16 KiB", get("Host: x\r\nrange: bytes=0-1" + std::string(17 * 1024, ',') + "\r\n"),
          400});
  INFO(row.name);
  for (const auto& cuts : {std::vector<size_t>(),
                           row.text.size() > 2000 ? std::vector<size_t>(1, 1500) : every_byte(row.text)}) {
    auto parsed = parse(row.text, cuts);
    CHECK(parsed.progress == (row.status == 0 ? Progress::done : Progress::failed));
    CHECK(parsed.status == row.status);
  }
}

TEST_CASE("the absolute form of a target is read as the path") {
  CHECK(parse("GET http://x:1/a?b HTTP/1.1\r\nHost: x\r\n\r\n", {}).target == "/a?b");
  CHECK(parse("GET HTTPS://x HTTP/1.1\r\nHost: x\r\n\r\n", {}).target == "/");
  CHECK(parse("GET http://x?a=/v2/ HTTP/1.1\r\nHost: x\r\n\r\n", {}).target == "/?a=/v2/");
}

TEST_CASE("the host of a target in absolute form counts, whatever the Host says") {
  CHECK(parse("GET http://x:1/a HTTP/1.1\r\nHost: localhost\r\n\r\n", {}).host == "x:1");
  CHECK(parse("GET http://x?a HTTP/1.0\r\n\r\n", {}).host == "x");
  CHECK(parse("GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n", {}).host == "localhost");
  CHECK(parse("GET http://x/a HTTP/1.1\r\n\r\n", {}).status == 400);
}

TEST_CASE("a body ends where its framing says, and what follows is left alone") {
  struct Body {
    std::string text;
    std::string body;
  };
  auto row =
      GENERATE(Body{post("Content-Length: 5\r\n", "hello"), "hello"},
               Body{post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), ""},
               Body{post("Transfer-Encoding: Chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), "hello"},
               Body{post("Transfer-Encoding: chunked\r\n", "2;a=b;c=\"d\"\r\nhe\r\n003\r\nllo\r\n00\r\n\r\n"),
                    "hello"},
               Body{post("Transfer-Encoding: chunked\r\n",
                         "A\r\n0123456789\r\n0;x\r\nTrailer: one\r\nAnother: two\r\n\r\n"),
                    "0123456789"});
  auto text = row.text + "GET /next";
  for (size_t cut = 1; cut < text.size(); ++cut) {
    auto parsed = parse(text, std::vector<size_t>(1, cut));
    INFO("cut at " << cut);
    CHECK(parsed.progress == Progress::done);
    CHECK(parsed.body == row.body);
    CHECK(parsed.rest == "GET /next");
  }
  CHECK(parse(text, every_byte(text)).body == row.body);
}

TEST_CASE("a chunked body that is malformed is refused") {
  auto body =
      GENERATE(as<std::string>(), "g\r\nhello\r\n", "-1\r\nhello\r\n", "5 \r\nhello\r\n0\r\n\r\n",
               "5\nhello\r\n0\r\n\r\n", "5\r\nhelloX0\r\n\r\n", "5\r\nhello0\r\n\r\n\r\n",
               "10000000000000000\r\nhello", "0x5\r\n\r\n", ";a\r\nhello", "5;=\r\nhello\r\n0\r\n\r\n",
               "0\r\nContent-Length: 5\r\n\r\n", "0\r\nbad trailer\r\n\r\n", "\r\n0\r\n\r\n00");
  auto text = post("Transfer-Encoding: chunked\r\n", body + "          ");
  INFO(body);
  CHECK(parse(text, {}).status == 400);
  CHECK(parse(text, every_byte(text)).status == 400);
}

TEST_CASE("the head of a chunk has a limit") {
  CHECK(parse(post("Transfer-Encoding: chunked\r\n", "5;a=" + std::string(9000, 'b')), {}).status == 400);
  CHECK(parse(post("Transfer-Encoding: chunked\r\n", "0\r\nX: " + std::string(9000, 'b')), {}).status == 400);
}

TEST_CASE("a body is handed out in pieces of the size that is asked for") {
  auto text = GENERATE(as<std::string>(), post("Content-Length: 10\r\n", "0123456789"),
                       post("Transfer-Encoding: chunked\r\n", "7\r\n0123456\r\n3\r\n789\r\n0\r\n\r\n"));
  std::unique_ptr<evbuffer, FreeBuffer> input(evbuffer_new());
  evbuffer_add(input.get(), text.data(), text.size());
  RequestParser parser(RequestParser::Limits{});
  REQUIRE(parser.parse_head(input.get()) == Progress::done);
  std::string whole;
  while (!parser.body_ended()) {
    std::string piece;
    REQUIRE(parse_body(parser, input.get(), piece, 4) != Progress::failed);
    CHECK(piece.size() <= 4);
    whole += piece;
  }
  CHECK(whole == "0123456789");
}

TEST_CASE("a chunked body is put together where it was received, and what is behind it is unchanged") {
  std::string head = post("Transfer-Encoding: chunked\r\n", "");
  std::unique_ptr<evbuffer, FreeBuffer> input(evbuffer_new());
  evbuffer_add(input.get(), head.data(), head.size());
  RequestParser parser(RequestParser::Limits{});
  REQUIRE(parser.parse_head(input.get()) == Progress::done);
  std::string received = "5\r\nhello\r\n6\r\n world\r\n0";
  auto part = parser.parse_body(received, 100);
  CHECK(part.progress == Progress::more);
  CHECK(received.substr(0, part.body) == "hello world");
  CHECK(received.substr(part.taken) == "\r\n0");
  received = received.substr(part.taken) + "\r\n\r\nGET /next";
  part = parser.parse_body(received, 100);
  CHECK(part.progress == Progress::done);
  CHECK(part.body == 0);
  CHECK(received.substr(part.taken) == "GET /next");
}

TEST_CASE("how much is left of a body is known if it has a length") {
  std::string text = post("Content-Length: 10\r\n", "");
  std::unique_ptr<evbuffer, FreeBuffer> input(evbuffer_new());
  evbuffer_add(input.get(), text.data(), text.size());
  RequestParser parser(RequestParser::Limits{});
  REQUIRE(parser.parse_head(input.get()) == Progress::done);
  CHECK(parser.body_left() == 10);
  std::string received = "0123456";
  CHECK(parser.parse_body(received, 100).progress == Progress::more);
  CHECK(parser.body_left() == 3);
  received = "789GET /next";
  auto part = parser.parse_body(received, 100);
  CHECK(part.progress == Progress::done);
  CHECK(part.taken == 3);
  CHECK(parser.body_left() == 0);
}

TEST_CASE("requests are read one after the other") {
  std::string text = get("Host: x\r\n") + post("Content-Length: 2\r\n", "ab") +
                     "GET /c HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  std::unique_ptr<evbuffer, FreeBuffer> input(evbuffer_new());
  evbuffer_add(input.get(), text.data(), text.size());
  RequestParser parser(RequestParser::Limits{});
  REQUIRE(parser.parse_head(input.get()) == Progress::done);
  CHECK(parser.request().target == "/a?b");
  CHECK(parser.body_length() == 0);
  CHECK(parser.body_ended());
  CHECK(parser.keep_alive());
  parser.next();
  REQUIRE(parser.parse_head(input.get()) == Progress::done);
  CHECK(parser.request().method == "POST");
  CHECK(parser.request().headers.size() == 2);
  std::string body;
  CHECK(parse_body(parser, input.get(), body, 100) == Progress::done);
  CHECK(body == "ab");
  parser.next();
  REQUIRE(parser.parse_head(input.get()) == Progress::done);
  CHECK(parser.request().minor_version == 0);
  CHECK(parser.keep_alive());
}

TEST_CASE("a connection is kept as the version and the Connection header say") {
  auto keep = [](const std::string& text) {
    std::unique_ptr<evbuffer, FreeBuffer> input(evbuffer_new());
    evbuffer_add(input.get(), text.data(), text.size());
    RequestParser parser(RequestParser::Limits{});
    REQUIRE(parser.parse_head(input.get()) == Progress::done);
    return parser.keep_alive();
  };
  CHECK(keep(get("Host: x\r\n")));
  CHECK_FALSE(keep(get("Host: x\r\nConnection: close\r\n")));
  CHECK_FALSE(keep(get("Host: x\r\nConnection: X, Close\r\n")));
  CHECK_FALSE(keep("GET / HTTP/1.0\r\n\r\n"));
  CHECK(keep("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
}

}  // namespace
}  // namespace breakwater::proxy
