#include "proxy/upstream/content_decoder.h"

#include <algorithm>
#include <string>

#include "proxy/upstream/memory_sink.h"
#include "test/catch.h"
#include "test/fakes/gzipped.h"
#include "test/fakes/upstream_world.h"

namespace breakwater::proxy {
namespace {

using Coding = ContentDecoder::Coding;
using test::encoded;
using test::FakeRegistry;
using test::Fault;
using test::kAlpine;
using test::kGzip;
using test::kImageType;
using test::kRaw;
using test::kZlib;
using test::run;
using Kind = Error::Kind;
using World = test::UpstreamWorld;

// Bytes that do not compress well and are not all alike.
std::string sample(size_t size) {
  std::string text;
  for (uint32_t x = 1; text.size() < size; x = x * 1664525 + 1013904223)
    text.push_back(static_cast<char>(x >> 24));
  return text;
}

// The body in pieces of that size; nothing if it is damaged or does not end.
std::optional<std::string> decoded(const std::string& body, Coding coding, size_t piece = 7) {
  MemorySink sink(1 << 20);
  ContentDecoder decoder(coding, sink);
  for (size_t at = 0; at < body.size(); at += piece) {
    auto taken = decoder.body(std::span(body).subspan(at, std::min(piece, body.size() - at)));
    if (!taken) return std::nullopt;
  }
  return decoder.is_complete() ? std::optional(sink.take()) : std::nullopt;
}

TEST_CASE("gzip and deflate are undone, in pieces of any size, with or without zlib's header",
          "[one-thread]") {
  const std::string text = sample(200'000) + std::string(100'000, 'a');
  for (size_t piece : {size_t{1}, size_t{2}, size_t{1000}, size_t{1 << 20}}) {
    INFO(piece);
    CHECK(decoded(encoded(text), Coding::gzip, piece) == text);
    CHECK(decoded(encoded(text), Coding::deflate, piece) == text);  // a wrong label
    CHECK(decoded(encoded(text, kZlib), Coding::deflate, piece) == text);
    CHECK(decoded(encoded(text, kRaw), Coding::deflate, piece) == text);
    CHECK(decoded(text, Coding::gzip, piece) == text);  // labelled, and not encoded
    CHECK(decoded(encoded("one ") + encoded("two"), Coding::gzip, piece) == "one two");
    CHECK(decoded(encoded("one") + std::string(512, '\0'), Coding::gzip, piece) == "one");
    CHECK(decoded("", Coding::gzip, piece) == "");
    CHECK(decoded(encoded(""), Coding::gzip, piece) == "");
  }
}

TEST_CASE("an encoded body that is damaged is an error, and one that is cut off is not complete") {
  const std::string whole = encoded(sample(1000));
  for (size_t size = 1; size < whole.size(); size += 13)
    CHECK_FALSE(decoded(whole.substr(0, size), Coding::gzip));
  auto damaged = whole;
  damaged[whole.size() / 2] = static_cast<char>(damaged[whole.size() / 2] ^ 0x55);
  CHECK_FALSE(decoded(damaged, Coding::gzip));
}

TEST_CASE("a body that decodes to more than the sink takes ends with the sink's error") {
  const std::string bomb = encoded(std::string(32 << 20, '\0'));
  MemorySink sink(1 << 20);
  ContentDecoder decoder(Coding::gzip, sink);
  auto taken = decoder.body(bomb);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().kind == Kind::corrupt);
  CHECK(sink.take().size() <= 1 << 20);
}

// Takes every other piece that it is offered.
class ReluctantSink final : public Sink {
 public:
  Result<> head(const Head&) override { return {}; }
  Result<bool> body(std::span<const char> data) override {
    willing_ = !willing_;
    if (willing_) bytes.append(data.data(), data.size());
    return willing_;
  }
  std::string bytes;

 private:
  bool willing_ = true;
};

TEST_CASE("a sink that is full gets each byte once, however the bytes come again") {
  const std::string text = sample(100'000) + std::string(300'000, 'b');
  const std::string body = encoded(text);
  for (size_t again : {size_t{1}, size_t{100}, size_t{5000}, size_t{1 << 20}}) {
    INFO(again);
    ReluctantSink sink;
    ContentDecoder decoder(Coding::gzip, sink);
    // As libcurl does: what was not taken comes again, in pieces of another size.
    size_t piece = 9999;
    for (size_t at = 0; at < body.size();) {
      const size_t size = std::min(piece, body.size() - at);
      auto taken = decoder.body(std::span(body).subspan(at, size));
      REQUIRE(taken);
      if (*taken) at += size;
      piece = *taken ? 9999 : again;
    }
    CHECK(decoder.is_complete());
    CHECK(sink.bytes == text);
  }
}

TEST_CASE("only codings that can be undone are, and none of what is the thing itself") {
  CHECK(coding_of("gzip") == Coding::gzip);
  CHECK(coding_of(" X-GZIP ") == Coding::gzip);
  CHECK(coding_of("identity, deflate") == Coding::deflate);
  CHECK(coding_of("gzip,aws-chunked") == Coding::gzip);
  for (const char* raw : {"", "identity", "aws-chunked", "br", "zstd", "gzip, gzip", "gzip, br", "nonsense"})
    CHECK_FALSE(coding_of(raw));

  Head head;
  head.status = 200;
  head.headers.add("Content-Encoding", "gzip");
  head.length = 10;
  CHECK(coding_to_undo(head, Decoding::as_labelled, std::nullopt));
  CHECK(coding_to_undo(head, Decoding::as_labelled, 11));
  CHECK_FALSE(coding_to_undo(head, Decoding::as_labelled, 10));
  CHECK_FALSE(coding_to_undo(head, Decoding::never, std::nullopt));
  head.status = 206;
  head.length = 3;
  CHECK(coding_to_undo(head, Decoding::as_labelled, 10));
  head.headers.add("Content-Range", "bytes 2-4/10");
  CHECK(coding_to_undo(head, Decoding::as_labelled, 3));
  CHECK_FALSE(coding_to_undo(head, Decoding::as_labelled, 10));
  head.headers.set("Content-Range", "bytes 2-4/*");
  CHECK(coding_to_undo(head, Decoding::as_labelled, 10));
}

// ---- with a registry

const std::string kPath = FakeRegistry::manifest_path(kAlpine, "1");

Fault labelled(const std::string& coding, std::string body, Headers headers = {}) {
  headers.add("Content-Encoding", coding);
  return Fault::reply(200, std::move(headers), std::move(body));
}

TEST_CASE("what comes encoded although identity was asked for is decoded, up to the caller's limit") {
  World world;
  world.registry.next(kPath, labelled("gzip", encoded("{\"a\":1}")));
  auto reply = world.get(kPath);
  REQUIRE(reply);
  CHECK(reply->body == "{\"a\":1}");
  CHECK(reply->head.decoded);
  CHECK_FALSE(reply->head.length);
  CHECK(reply->head.headers.find("Content-Encoding") == nullptr);
  world.registry.next(kPath, labelled("deflate", encoded("{}", kZlib)));
  CHECK(world.get(kPath)->body == "{}");

  world.registry.next(kPath, labelled("gzip", encoded(std::string(64 << 20, 'x'))));
  CHECK(world.get(kPath).error().kind == Kind::corrupt);
  const auto whole = encoded(sample(1000));
  world.registry.next(kPath, labelled("gzip", whole.substr(0, whole.size() - 9)));
  CHECK(world.get(kPath).error().kind == Kind::unavailable);
}

TEST_CASE("a body of the length that is due, or that must not be decoded, passes as it is") {
  World world;
  const auto layer = encoded("layer");
  auto asked = world.request("GET", kPath);
  asked.size = layer.size();
  world.registry.next(kPath, labelled("gzip", layer));
  CHECK(world.fetch(asked)->body == layer);
  asked.size.reset();
  asked.decoding = Decoding::never;
  world.registry.next(kPath, labelled("gzip", layer));
  auto raw = world.fetch(asked);
  CHECK(raw->body == layer);
  CHECK_FALSE(raw->head.decoded);
}

TEST_CASE("a HEAD does not tell the length of what is encoded") {
  World world;
  world.registry.always(kPath, labelled("gzip", "0123456789"));
  auto asked = world.request("HEAD", kPath);
  CHECK_FALSE(world.fetch(asked)->head.length);
  asked.size = 10;
  CHECK(world.fetch(asked)->head.length == 10);
}

TEST_CASE(
    "a range of what is encoded is asked for again as the whole, and one of the thing itself is taken") {
  World world;
  const auto layer = encoded("layer");
  const std::string range = "bytes 5-9/" + std::to_string(layer.size());
  const auto part = Fault::reply(206, {{"Content-Encoding", "gzip"}, {"Content-Range", range}}, "12345");
  auto asked = world.request("GET", kPath);
  asked.headers.add("Range", "bytes=5-9");
  world.registry.next(kPath, part);
  world.registry.next(kPath, labelled("gzip", layer));
  auto whole = world.fetch(asked);
  CHECK(whole->head.status == 200);
  CHECK(whole->body == "layer");
  CHECK(world.registry.seen()[1].headers.find("Range") == nullptr);

  asked.size = layer.size();
  world.registry.next(kPath, part);
  CHECK(world.fetch(asked)->body == "12345");
  world.registry.next(kPath, part);
  CHECK_FALSE(world.get(kPath));  // no range was asked for
}

TEST_CASE("a token counts if it is labelled as a web page, or encoded") {
  World world;
  world.registry.ask_for_token(world.auth, "x");
  world.registry.manifest(kAlpine, "1", kImageType, "{}");
  const Headers page = {{"Content-Type", "text/html; charset=utf-8"}};
  world.auth.next("/token", Fault::reply(200, page, R"({"token":"t1"})"));
  world.auth.next("/token", labelled("gzip", encoded(R"({"token":"t2"})"), page));
  CHECK_FALSE(world.get(kPath));
  CHECK_FALSE(world.get(kPath));
  CHECK(test::authorizations(world.registry) ==
        std::vector<std::string>{"", "Bearer t1", "Bearer t1", "Bearer t2"});
}

TEST_CASE("a web page is refused where nothing vouches for the body, and for a HEAD") {
  World world;
  const Headers page = {{"Content-Type", "text/html"}};
  world.registry.always(kPath, Fault::reply(200, page, "layer"));
  auto asked = world.request("GET", kPath);
  CHECK(world.fetch(asked).error().kind == Kind::corrupt);
  asked.vouched = Vouched::by_digest;
  CHECK(world.fetch(asked)->body == "layer");
  asked.method = "HEAD";
  CHECK(world.fetch(asked).error().kind == Kind::corrupt);
  // A part was made for this request.
  world.registry.always(kPath, Fault::reply(206, {{"Content-Type", "text/html"}}, "la"));
  CHECK(world.get(kPath)->body == "la");
}

}  // namespace
}  // namespace breakwater::proxy
