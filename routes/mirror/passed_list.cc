#include "routes/mirror/passed_list.h"

#include <memory>
#include <utility>

#include "proxy/fill/streamed_download.h"
#include "routes/mirror/page_origin.h"
#include "routes/oci/json_bounds.h"
#include "routes/oci/link_header.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Task;

namespace {

constexpr uint64_t kQueueBytesMax = 512 << 10;

}  // namespace

Task<Result<>> pass_list(Exchange& exchange, MirrorParts parts, int64_t first_byte_wait_ms,
                         proxy::AskedUpstream upstream, proxy::RegistryClientRequest request, PassedList list,
                         RequestContext& context) {
  context.cache = CacheResult::pass;
  exchange.at("passing a list from upstream");
  auto answered = std::make_shared<proxy::Head>();
  auto check = [answered](const proxy::Head& head) -> Result<proxy::Resumption> {
    if (head.status != 200)
      return failure(Error::Kind::corrupt,
                     "upstream answered " + std::to_string(head.status) + " where a list was due");
    // Without a next page this would look like the last one.
    if (auto next = next_page_query(head.headers.all("Link")); !next) return failure(next.error());
    *answered = head;
    proxy::Resumption whole;
    whole.size = head.length;
    return whole;
  };
  request.headers.set("Accept", list.media_type);
  proxy::StreamedDownload download(parts.loop, parts.buffers, kQueueBytesMax, 0,
                                   proxy::StreamedDownload::Wanted::all, check);
  download.expect_first_byte_by(parts.loop.now() + proxy::Millis(first_byte_wait_ms));
  download.begin(upstream.client(), std::move(request));
  for (;;) {
    auto piece = co_await download.next();
    if (piece.empty()) break;
    if (!exchange.started()) {
      if (!begins_json_object(piece))
        co_return failure(Error::Kind::corrupt, "upstream's list is no JSON object");
      auto headers = base_headers(context);
      headers.add("Content-Type", list.media_type);
      const auto link = marked(relative_link(answered->headers.all("Link"), list.path, list.ns), list.mark);
      if (!link.empty()) headers.add("Link", link);
      exchange.start(200, std::move(headers), download.size());
    }
    co_await exchange.write(std::move(piece));
  }
  const auto ended = download.ended();
  if (!exchange.started())
    co_return ended ? failure(Error::Kind::corrupt, "upstream's list is empty") : failure(ended.error());
  if (ended) {
    exchange.finish();
  } else {
    exchange.abort();
  }
  co_return Result<>();
}

}  // namespace breakwater::routes
