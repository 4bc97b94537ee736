#include "proxy/http/hops.h"

#include "test/catch.h"

namespace breakwater::proxy {
namespace {

const std::string kA = "breakwater-aaaaaaaaaaaaaaaa";
const std::string kB = "breakwater-bbbbbbbbbbbbbbbb";

TEST_CASE("hops are read from Via, over all its fields, and without what other proxies add") {
  const Headers headers = {{"Via", "1.1 proxy.example:3128 (squid/5.7), HTTP/1.1\t" + kA + " (cache)"},
                           {"via", "1.0 fred,1.1 " + kB}};
  const auto hops = Hops::of(headers);
  CHECK(hops.has(kA));
  CHECK(hops.has(kB));
  CHECK_FALSE(hops.has("proxy.example:3128"));
  CHECK(hops.last() == kB);
  CHECK_FALSE(hops.are_too_many());
  CHECK(Hops::of({{"Via", hops.via("breakwater-0123456789abcdef")}}).has(kA));
  CHECK(hops.via("breakwater-0123456789abcdef") ==
        "1.1 " + kA + ", 1.1 " + kB + ", 1.1 breakwater-0123456789abcdef");
}

TEST_CASE("what is no name of an appliance is no hop") {
  for (const char* value : {"", ",", " , ,", "1.1", "1.1 ", "breakwater-aaaaaaaaaaaaaaaa", "1.1 breakwater-",
                            "1.1 breakwater-aaaa", "1.1 breakwater-AAAAAAAAAAAAAAAA",
                            "1.1 breakwater-aaaaaaaaaaaaaaaaa", "1.1 x breakwater-aaaaaaaaaaaaaaaa"})
    CHECK(Hops::of({{"Via", value}}).empty());
  CHECK(Hops::of({}).empty());
  CHECK(Hops().last().empty());
  CHECK(Hops().via(kA) == "1.1 " + kA);
}

TEST_CASE("of too many hops the rest is not read") {
  Hops hops;
  std::string value = hops.via(kA);
  for (size_t i = 1; i < Hops::kMax; ++i) value += ", 1.1 " + kA;
  CHECK_FALSE(Hops::of({{"Via", value}}).are_too_many());
  value += ", 1.1 " + kA;
  CHECK(Hops::of({{"Via", value}}).are_too_many());
  value += ", 1.1 " + kB;
  CHECK_FALSE(Hops::of({{"Via", value}}).has(kB));
}

TEST_CASE("a hop's name is another each time, and is read back") {
  const auto one = new_hop_name(), other = new_hop_name();
  CHECK(one != other);
  CHECK(Hops::of({{"Via", "1.1 " + one}}).last() == one);
}

}  // namespace
}  // namespace breakwater::proxy
