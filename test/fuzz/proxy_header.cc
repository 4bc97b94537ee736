// Where the network cuts a PROXY header changes nothing: as long as more is to come nothing is decided, and
// what is decided by its first bytes stays so with all that follow. The input is what a connection begins
// with.
#include "proxy/http/proxy_header.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using breakwater::proxy::ProxyHeader;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const auto whole = breakwater::proxy::parse_proxy_header(all);
  require(whole.progress != ProxyHeader::Progress::more || size < breakwater::proxy::kProxyHeaderBytesMax);
  require((whole.progress == ProxyHeader::Progress::failed) == (whole.why[0] != '\0'));
  if (whole.progress == ProxyHeader::Progress::done) require(whole.length > 0 && whole.length <= size);
  for (size_t cut = 0; cut < size; ++cut) {
    const auto begun = breakwater::proxy::parse_proxy_header(all.substr(0, cut));
    if (begun.progress == ProxyHeader::Progress::more) {
      // All of it belongs to the header.
      require(whole.progress != ProxyHeader::Progress::done || whole.length > cut);
      continue;
    }
    require(begun.progress == whole.progress && begun.length == whole.length && begun.client == whole.client);
    break;
  }
  return 0;
}
