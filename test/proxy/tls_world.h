// A server that speaks TLS, whose route is the test's choice, and clients of it by OpenSSL.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "proxy/stream/tls_context.h"
#include "test/fakes/certificate_files.h"
#include "test/fakes/run.h"
#include "test/fakes/tls_client.h"
#include "test/proxy/http_server_world.h"

namespace breakwater::proxy {

using test::TlsClient;
using test::TlsClientSettings;

struct TlsWorld {
  TlsWorld() { files.make("server"); }

  TlsSettings settings() const { return {files.certificate("server"), files.key("server"), client_ca}; }
  void serve(Route route) {
    auto read = TlsContext::read(settings());
    REQUIRE(read);
    tls = *std::move(read);
    world.serve(std::move(route));
    world.server->speak_tls(*tls);
  }
  void serve_hello() { serve(hello_route(world)); }
  // Trusts the server that there is now.
  TlsClientSettings trusting() const {
    TlsClientSettings client;
    client.ca_file = files.certificate("server");
    return client;
  }
  RawClient client(TlsClient& by, size_t receive_window = 0) {
    return RawClient(world.loop, world.address, receive_window, by.speech());
  }
  RawClient plain_client() { return world.client(); }
  Result<bool> read_if_changed() { return test::run(world.loop, tls->read_if_changed(world.workers)); }

  test::CertificateFiles files;
  std::string client_ca;
  std::unique_ptr<TlsContext> tls;  // outlives the server
  World world;
};

// Asks for something by a connection that is gone afterwards. Returns the reply; "" if there is none.
inline std::string ask_once(TlsWorld& tls, TlsClient& by, const std::string& target = "/a") {
  auto client = tls.client(by);
  client.send(get(target));
  auto reply = client.receive_reply();
  client.end_sending();  // or the client's OpenSSL would use no ticket of this connection
  return reply;
}

}  // namespace breakwater::proxy
