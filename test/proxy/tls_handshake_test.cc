// How connections of TLS begin, or do not.
#include <openssl/tls1.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "test/proxy/tls_world.h"

namespace breakwater::proxy {
namespace {

TEST_CASE("TLS 1.2 and 1.3 are spoken, and nothing older") {
  TlsWorld tls;
  tls.serve_hello();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto settings = tls.trusting();
    settings.version = version;
    TlsClient by(settings);
    CHECK(ask_once(tls, by) == hello_to("/a"));
    CHECK(by.version() == (version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3"));
  }
  TlsClientSettings old;
  old.version = TLS1_1_VERSION;
  TlsClient by(old);
  auto client = tls.client(by);
  CHECK(client.receive_to_end().empty());
  CHECK(by.error() == "tlsv1 alert protocol version");
  CHECK(tls.world.server->stats().tls_refused_total == 1);
  CHECK(tls.world.log.contains("info tls_refused route= client=127.0.0.1 reason="));
  client.leave();
  tls.world.run_until_idle();
}

TEST_CASE("HTTP/1.1 is what ALPN chooses; who offers nothing is served, who wants only HTTP/2 is refused") {
  TlsWorld tls;
  tls.serve_hello();
  auto settings = tls.trusting();
  const std::vector<std::vector<std::string>> offers = {{"h2", "http/1.1"}, {"http/1.1"}, {}};
  for (const auto& offered : offers) {
    settings.protocols = offered;
    TlsClient by(settings);
    CHECK(ask_once(tls, by) == hello_to("/a"));
    CHECK(by.protocol() == (offered.empty() ? "" : "http/1.1"));
  }
  settings.protocols = {"h2"};
  TlsClient by(settings);
  CHECK(ask_once(tls, by).empty());
  CHECK(by.error() == "tlsv1 alert no application protocol");
}

TEST_CASE("plain HTTP on a port of TLS is answered in plain HTTP, and told of https") {
  TlsWorld tls;
  tls.serve_hello();
  auto client = tls.plain_client();
  client.send(get("/a"));
  const auto answer = client.receive_to_end();
  CHECK(answer.starts_with("HTTP/1.1 400 "));
  CHECK(answer.find("write https:// instead of http://") != std::string::npos);
  CHECK_FALSE(client.was_reset());
  CHECK(tls.world.seen.empty());
  CHECK(tls.world.server->stats().malformed_total == 1);
  client.leave();
  tls.world.run_until_idle();
}

TEST_CASE("what is neither TLS nor HTTP is refused") {
  TlsWorld tls;
  tls.serve_hello();
  auto client = tls.plain_client();
  client.send(std::string("\0\1\2\3", 4) + bytes_of(1000));
  client.end_sending();
  const auto answer = client.receive_to_end();
  CHECK(answer.find("HTTP") == std::string::npos);
  CHECK_FALSE(client.was_reset());
  CHECK(tls.world.server->stats().tls_refused_total == 1);
  client.leave();
  tls.world.run_until_idle();
}

TEST_CASE("a client of TLS on a port of plain HTTP is told of http") {
  World world;
  world.serve(hello_route(world));
  TlsClient by;
  RawClient client(world.loop, world.address, 0, by.speech());
  client.ends();
  CHECK(by.error() == "wrong version number");
  auto raw = world.client();
  raw.send(TlsClient::hello());
  CHECK(raw.receive_to_end().find("write http:// instead of https://") != std::string::npos);
}

TEST_CASE("a handshake that breaks off at any byte leaves nothing behind") {
  TlsWorld tls;
  tls.serve_hello();
  const auto hello = TlsClient::hello();
  for (size_t bytes = 0; bytes <= hello.size(); bytes += 37) {
    for (const bool resets : {false, true}) {
      auto client = tls.plain_client();
      client.send(std::string_view(hello).substr(0, bytes));
      client.deliver();
      if (resets) {
        client.reset();
      } else {
        client.leave();
      }
      tls.world.run_until_idle();
    }
  }
  CHECK(tls.world.seen.empty());
}

TEST_CASE("a handshake may come in pieces of any size") {
  TlsWorld tls;
  tls.serve_hello();
  auto client = tls.plain_client();
  client.send_byte_by_byte(TlsClient::hello());
  CHECK(client.receive(1) == "\x16");
}

TEST_CASE("a handshake has the time of a head, and what is too slow is cut without a word") {
  TlsWorld tls;
  tls.world.settings.header_timeout_ms = 20;
  tls.serve_hello();
  const auto hello = TlsClient::hello();
  for (const size_t bytes : {size_t{0}, size_t{1}, hello.size() - 1}) {
    auto client = tls.plain_client();
    client.send(std::string_view(hello).substr(0, bytes));
    CHECK(client.receive_to_end().empty());
    client.leave();
    tls.world.run_until_idle();
  }
}

TEST_CASE("a handshake that does not come on gives way to a new connection") {
  TlsWorld tls;
  tls.world.settings.connections_max = 1;
  tls.world.settings.head_grace_ms = 0;
  tls.serve_hello();
  auto silent = tls.plain_client();
  tls.world.run_until([&] { return tls.world.server->stats().connections == 1; });
  test::run_some_turns(tls.world.loop);
  TlsClient by(tls.trusting());
  CHECK(ask_once(tls, by) == hello_to("/a"));
  CHECK(silent.ends());
}

TEST_CASE("who is refused because there are too many can read so") {
  TlsWorld tls;
  tls.world.settings.connections_max = 1;
  tls.serve([&tls](Exchange& x) { return echo(tls.world, x); });
  TlsClient by(tls.trusting());
  auto busy = tls.client(by);
  busy.send(post("Content-Length: 10\r\n", "hello"));
  tls.world.run_until([&] { return tls.world.alive == 1; });
  CHECK(ask_once(tls, by).starts_with("HTTP/1.1 503 "));
}

TEST_CASE("a client comes again with its ticket") {
  TlsWorld tls;
  tls.serve_hello();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto settings = tls.trusting();
    settings.version = version;
    TlsClient by(settings);
    by.resume();
    CHECK(ask_once(tls, by) == hello_to("/a"));
    CHECK_FALSE(by.is_resumed());
    CHECK(ask_once(tls, by) == hello_to("/a"));
    CHECK(by.is_resumed());
  }
}

TEST_CASE("a new certificate is for new connections, and those that are there stay") {
  TlsWorld tls;
  tls.serve_hello();
  TlsClient before(tls.trusting());
  auto client = tls.client(before);
  client.send(get("/a"));
  CHECK(client.receive_reply() == hello_to("/a"));
  auto changed = tls.read_if_changed();
  REQUIRE(changed);
  CHECK_FALSE(*changed);

  tls.files.make("server");
  changed = tls.read_if_changed();
  REQUIRE(changed);
  CHECK(*changed);
  TlsClient after(tls.trusting());
  CHECK(ask_once(tls, after) == hello_to("/a"));
  CHECK(ask_once(tls, before).empty());
  CHECK(before.error() == "certificate verify failed");
  client.send(get("/b"));
  CHECK(client.receive_reply() == hello_to("/b"));
  CHECK(tls.world.server->stats().connections_total == 3);
}

TEST_CASE("files that are no good change nothing, and that is said once for each change") {
  TlsWorld tls;
  tls.serve_hello();
  TlsClient by(tls.trusting());
  tls.files.make("other");
  std::filesystem::rename(tls.files.key("other"), tls.files.key("server"));
  auto changed = tls.read_if_changed();
  REQUIRE_FALSE(changed);
  CHECK(changed.error().message.find("is not the key of the certificate") != std::string::npos);
  changed = tls.read_if_changed();
  REQUIRE(changed);
  CHECK_FALSE(*changed);
  CHECK(ask_once(tls, by) == hello_to("/a"));

  std::filesystem::rename(tls.files.certificate("other"), tls.files.certificate("server"));
  changed = tls.read_if_changed();
  REQUIRE(changed);
  CHECK(*changed);
  CHECK(ask_once(tls, by).empty());
}

// --- clients' certificates

struct SubjectWorld : TlsWorld {
  SubjectWorld() {
    files.make("ca");
    files.make("alice", "ca");
    files.make("stranger");
    client_ca = files.certificate("ca");
    serve([this](Exchange& x) { return say_subject(world, x); });
  }
  static Task<> say_subject(World& world, Exchange& x) {
    Alive alive(world);
    x.reply(200, Headers(), x.peer().subject);
    co_return;
  }
  TlsClientSettings of(const std::string& name, int version) const {
    auto client = trusting();
    client.version = version;
    if (!name.empty()) client.certificate = files.certificate(name), client.key = files.key(name);
    return client;
  }
};

TEST_CASE("a request knows whom the certificate of its client names, with a ticket too") {
  SubjectWorld tls;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient by(tls.of("alice", version));
    by.resume();
    CHECK(ask_once(tls, by) == ok("CN=alice"));
    CHECK(ask_once(tls, by) == ok("CN=alice"));
    CHECK(by.is_resumed());
  }
  TlsWorld asks_for_none;
  asks_for_none.serve([&](Exchange& x) { return SubjectWorld::say_subject(asks_for_none.world, x); });
  TlsClient by(asks_for_none.trusting());
  CHECK(ask_once(asks_for_none, by) == ok(""));
}

TEST_CASE("where clients need a certificate, one without it or with another's is refused and can read why") {
  SubjectWorld tls;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const std::string name : {"", "stranger"}) {
      CAPTURE(version, name);
      TlsClient by(tls.of(name, version));
      // More than one record: what it sends must not have the alert overtaken by a reset.
      auto client = tls.client(by);
      client.send(sized(bytes_of(1'000'000)));
      CHECK(client.receive_to_end().empty());
      CHECK(by.error().find("alert") != std::string::npos);
      client.leave();
      tls.world.run_until_idle();
    }
  }
  CHECK(tls.world.server->stats().tls_refused_total == 4);
  CHECK(tls.world.log.contains("peer did not return a certificate"));
  CHECK(tls.world.log.contains("self-signed certificate"));
}

TEST_CASE("a ticket is no good any more when the CAs of clients have changed") {
  SubjectWorld tls;
  TlsClient by(tls.of("alice", TLS1_3_VERSION));
  by.resume();
  CHECK(ask_once(tls, by) == ok("CN=alice"));
  tls.files.make("ca");
  REQUIRE(tls.read_if_changed().value_or(false));
  CHECK(ask_once(tls, by).empty());
  CHECK(by.error().find("alert") != std::string::npos);
}

}  // namespace
}  // namespace breakwater::proxy
