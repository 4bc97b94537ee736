#include "routes/access/access.h"

#include <arpa/inet.h>

#include <string>

#include "test/catch.h"

namespace breakwater::routes {
namespace {

proxy::Peer peer_of(const std::string& text) {
  proxy::Peer peer;
  peer.text = text;
  if (inet_pton(AF_INET, text.c_str(), peer.address.data() + 12) == 1) {
    peer.address[10] = peer.address[11] = 0xff;
  } else {
    REQUIRE(inet_pton(AF_INET6, text.c_str(), peer.address.data()) == 1);
  }
  return peer;
}

TEST_CASE("a network allows the addresses that share its prefix") {
  struct Row {
    std::string network, address;
    bool allowed;
  };
  const auto row = GENERATE(values<Row>({
      {"10.0.20.0/24", "10.0.20.7", true},
      {"10.0.20.0/24", "10.0.21.7", false},
      {"10.0.20.0/23", "10.0.21.7", true},
      {"10.0.20.128/25", "10.0.20.127", false},
      {"192.168.1.7", "192.168.1.7", true},
      {"192.168.1.7", "192.168.1.8", false},
      {"0.0.0.0/0", "8.8.8.8", true},
      {"0.0.0.0/0", "2001:db8::1", false},
      {"::/0", "2001:db8::1", true},
      {"::/0", "8.8.8.8", false},
      {"::/0", "::ffff:8.8.8.8", false},
      {"::/1", "10.0.0.7", false},
      {"::/80", "10.0.0.7", false},
      {"::/64", "::1", true},
      {"::ffff:0:0/96", "8.8.8.8", true},
      {"::ffff:0:0/96", "2001:db8::1", false},
      {"0.0.0.0/0", "::ffff:8.8.8.8", true},
      {"0.0.0.0/0", "::8.8.8.8", false},
      {"fd00::/8", "fdab::1", true},
      {"fd00::/8", "fe80::1", false},
      {"2001:db8::1", "2001:db8::1", true},
      {"2001:db8::1", "2001:db8::2", false},
      {"::ffff:10.0.0.0/104", "10.1.2.3", true},
  }));
  CAPTURE(row.network, row.address);
  const auto networks = Networks::parse({row.network});
  REQUIRE(networks);
  CHECK(networks->allows(peer_of(row.address)) == row.allowed);
}

TEST_CASE("what is no network is refused and quoted") {
  for (const std::string entry :
       {"", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.256", "10.0.20.7/24",
        "::1/129", "fd00::1/8", "localhost", "10.0.0.0 /8"}) {
    CAPTURE(entry);
    const auto networks = Networks::parse({"127.0.0.1", entry});
    REQUIRE_FALSE(networks);
    CHECK(networks.error().kind == Error::Kind::invalid);
    CHECK(networks.error().message.find("'" + entry + "'") == 0);
  }
}

TEST_CASE("by default loopback and private networks are allowed and nobody else") {
  const auto internal = Networks::internal();
  for (const auto* address :
       {"127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "::1", "fd12::1"})
    CHECK(internal.allows(peer_of(address)));
  for (const auto* address : {"8.8.8.8", "172.32.0.1", "192.169.0.1", "2001:db8::1", "fe80::1", "::2"})
    CHECK_FALSE(internal.allows(peer_of(address)));
}

TEST_CASE("an empty list allows nobody") { CHECK_FALSE(Networks::parse({})->allows(peer_of("127.0.0.1"))); }

}  // namespace
}  // namespace breakwater::routes
