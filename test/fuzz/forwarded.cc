// Whatever a client writes, it changes nothing of what its proxy says: what stands left of an address that a
// trusted proxy has added is not looked at. The input is what the client has sent, as both headers.
#include "proxy/http/forwarded.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace breakwater::proxy;
  static const auto trusted = *TrustedProxies::parse({"127.0.0.0/8"});
  static const auto proxy = *IpAddress::parse("127.0.0.1");
  static const auto client = *IpAddress::parse("2001:db8::7");
  const std::string sent(reinterpret_cast<const char*>(data), size);
  for (const char* end : {"", ", 127.0.0.2"}) {
    const auto found = forwarded_for({{"X-Forwarded-For", sent + ", 2001:db8::7" + end}}, proxy, trusted);
    require(found.is_told && found.client == client);
  }
  for (const char* end : {";proto=https", ";proto=https;host=\"a\\\",b\"", ";proto=https, for=127.0.0.2"}) {
    const Headers headers = {{"Forwarded", sent + ", for=\"[2001:db8::7]:1\"" + end}};
    const auto found = forwarded_for(headers, proxy, trusted);
    require(found.is_told && found.is_secure && found.client == client);
  }
  // By itself it is what a proxy that adds nothing passes on.
  const Headers alone = {{"X-Forwarded-For", sent}, {"Forwarded", sent}, {"X-Forwarded-Proto", sent}};
  const auto found = forwarded_for(alone, proxy, trusted);
  require(found.is_sent_on && (found.is_told || trusted.contains(found.client)));
  return 0;
}
