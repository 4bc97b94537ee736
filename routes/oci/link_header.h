// Upstream's `Link` to its next page, for us or for a client that must come to us for it. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "store/base/result.h"

namespace breakwater::routes {

// The query of upstream's next page, "last=b&n=2"; "" if it names none. Its host and path are dropped: they
// may be another registry's, behind a redirect. `corrupt` if there is a next page that no query leads to.
[[nodiscard]] Result<std::string> next_page_query(std::string_view upstream_link);

// `</v2/library/alpine/tags/list?…>; rel="next"` with upstream's query behind `path`, our own; "" if upstream
// names no next page, or none that can be asked for. `ns` is kept if it is not empty.
std::string relative_link(std::string_view upstream_link, std::string_view path, std::string_view ns);

}  // namespace breakwater::routes
