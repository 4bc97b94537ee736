#include "proxy/upstream/head_reader.h"

#include "test/catch.h"

namespace breakwater::proxy {
namespace {

using Taken = HeadReader::Taken;

Taken take_all(HeadReader& reader, std::initializer_list<const char*> lines) {
  Taken taken = Taken::more;
  for (const char* line : lines) taken = reader.take(line);
  return taken;
}

TEST_CASE("a head ends at the empty line and tells status, fields and length") {
  HeadReader reader(1000);
  CHECK(take_all(reader, {"HTTP/1.1 206 Partial Content\r\n", "Content-Length: 12\r\n", "X-Empty:\r\n"}) ==
        Taken::more);
  CHECK(reader.take("\r\n") == Taken::complete);
  CHECK(reader.head().status == 206);
  CHECK(reader.head().length == 12);
  REQUIRE(reader.head().headers.find("x-empty") != nullptr);
  CHECK(reader.take("X-Trailer: late\r\n") == Taken::more);
  CHECK(reader.head().headers.find("X-Trailer") == nullptr);
}

TEST_CASE("what a 1xx says is not the answer") {
  HeadReader reader(1000);
  CHECK(take_all(reader, {"HTTP/1.1 103 Early Hints\r\n", "Link: </x>\r\n", "\r\n"}) == Taken::more);
  CHECK(take_all(reader, {"HTTP/1.1 404 Not Found\r\n", "\r\n"}) == Taken::complete);
  CHECK(reader.head().status == 404);
  CHECK(reader.head().headers.size() == 0);
}

TEST_CASE("no head follows the 101 that switches protocols") {
  HeadReader reader(1000);
  CHECK(take_all(reader, {"HTTP/1.1 101 Switching Protocols\r\n", "Upgrade: x\r\n"}) == Taken::more);
  CHECK(reader.take("\r\n") == Taken::switching);
  CHECK_FALSE(reader.complete());
}

TEST_CASE("a length that is none, or that chunks overrule, is not known") {
  HeadReader nonsense(1000);
  take_all(nonsense, {"HTTP/1.1 200\r\n", "Content-Length: 12x\r\n", "\r\n"});
  CHECK_FALSE(nonsense.head().length);
  HeadReader chunked(1000);
  take_all(chunked, {"HTTP/2 200 \r\n", "Content-Length: 12\r\n", "Transfer-Encoding: chunked\r\n", "\r\n"});
  CHECK_FALSE(chunked.head().length);
  CHECK(chunked.head().status == 200);
}

TEST_CASE("a head that is too long is refused, with its trailers counted") {
  HeadReader reader(40);
  CHECK(take_all(reader, {"HTTP/1.1 200 OK\r\n", "\r\n"}) == Taken::complete);
  CHECK(reader.take("X-Trailer: aaaaaaaaaaaaaaaaaaaaaaaaa\r\n") == Taken::too_long);
}

}  // namespace
}  // namespace breakwater::proxy
