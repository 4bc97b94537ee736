// Reads upstream's `Link` to its next page, for our own use, or for a client that must ask us for that page.
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "store/base/result.h"

namespace breakwater::routes {

// The query of upstream's next page, "last=b&n=2"; "" if there is no next page. Host and path are dropped,
// because behind a redirect they may be another registry's. `corrupt` if there is a next page but its link
// has no usable query.
[[nodiscard]] Result<std::string> next_page_query(std::string_view upstream_link);

// The same page as a link of our own: `</v2/library/alpine/tags/list?…>; rel="next"`, with upstream's query
// after our `path`, and `ns` if it is not empty. "" if upstream has no next page, or its link is unusable.
std::string relative_link(std::string_view upstream_link, std::string_view path, std::string_view ns);

}  // namespace breakwater::routes
