#include "proxy/http/ip_address.h"

#include <string>

#include "test/catch.h"

namespace breakwater::proxy {
namespace {

AddressKind kind(const std::string& text) {
  const auto address = IpAddress::parse(text);
  REQUIRE(address);
  return kind_of(*address);
}

TEST_CASE("an address has one form, and other spellings than four decimal numbers are none") {
  CHECK(IpAddress::parse("::ffff:10.0.0.7") == IpAddress::parse("10.0.0.7"));
  CHECK(IpAddress::parse("::ffff:10.0.0.7")->text() == "10.0.0.7");
  CHECK(IpAddress::parse("FD00:0::1")->text() == "fd00::1");
  for (const std::string text : {"", "10.0.0", "010.0.0.7", "0x7f.1", "2130706433", "[::1]", "::1%lo",
                                 "fe80::1%eth0", "10.0.0.7 ", "localhost", "1.2.3.4:5", "::1::"}) {
    INFO(text);
    CHECK_FALSE(IpAddress::parse(text));
  }
  CHECK_FALSE(IpAddress::parse(std::string("10.0.0.7\0", 9)));
}

TEST_CASE("an address leads to a host of the internet, to one of a private network, or to neither") {
  for (const char* text :
       {"8.8.8.8", "1.1.1.1", "100.128.0.1", "172.32.0.1", "192.169.0.1", "198.20.0.1", "2606:4700::1111",
        "2a00:1450::1", "::8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808", "64:ff9b:1::808:808",
        "2002:808:808::1", "2001:0:808:808::f7f7:f7f7"}) {
    INFO(text);
    CHECK(kind(text) == AddressKind::global);
  }
  for (const char* text : {"10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
                           "100.127.255.254", "198.18.0.1", "198.19.255.254", "fc12::", "fd00::1", "fec0::1",
                           "::10.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::a00:1",
                           "64:ff9b:1:fffe::808:808", "2002:a00:1::1", "2001:0:808:808::f5ff:fffe"}) {
    INFO(text);
    CHECK(kind(text) == AddressKind::private_network);
  }
  for (const char* text : {"127.0.0.1",
                           "127.9.9.9",
                           "::1",
                           "::127.0.0.1",
                           "::ffff:127.0.0.1",
                           "64:ff9b::7f00:1",
                           "64:ff9b:1::7f00:1",
                           "2002:7f00:1::",
                           "2001:0:808:808::80ff:fffe",
                           "0.0.0.0",
                           "0.1.2.3",
                           "::",
                           "::2",
                           "169.254.0.1",
                           "169.254.169.254",
                           "64:ff9b::a9fe:a9fe",
                           "fe80::1",
                           "febf::1",
                           "100.100.100.200",
                           "168.63.129.16",
                           "fd00:ec2::254",
                           "fd00:ec2::23",
                           "fd20:ce::254",
                           "fd00:42::42",
                           "192.0.0.1",
                           "192.0.2.1",
                           "192.88.99.1",
                           "198.51.100.1",
                           "203.0.113.1",
                           "224.0.0.1",
                           "240.0.0.1",
                           "255.255.255.255",
                           "ff02::1",
                           "2001:db8::1",
                           "2001:2::1",
                           "3fff::1",
                           "100::1",
                           "5f00::1",
                           "4000::1"}) {
    INFO(text);
    CHECK(kind(text) == AddressKind::special);
  }
}

TEST_CASE("around an address there is a /24 of IPv4 or a /64 of IPv6") {
  const auto is_near = [](const char* a, const char* b) {
    return IpNetwork::around(*IpAddress::parse(a)).contains(*IpAddress::parse(b));
  };
  CHECK(is_near("10.1.2.3", "10.1.2.255"));
  CHECK_FALSE(is_near("10.1.2.3", "10.1.3.3"));
  CHECK(is_near("fd00:1::1", "fd00:1::ffff"));
  CHECK_FALSE(is_near("fd00:1::1", "fd00:1:0:1::1"));
}

}  // namespace
}  // namespace breakwater::proxy
