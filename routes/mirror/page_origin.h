// Which of a mirror's upstreams a page of a list is asked of. The first page comes from whichever has the
// list; the further ones come from the same upstream, because the parameters that name a page are its own,
// and pages of two lists are no list. If there are several upstreams, our links to further pages say which
// one it is, at their end: `&of=1`, counted from 0 in the order of the configuration.
#pragma once

#include <string>

#include "proxy/upstream/upstreams.h"

namespace breakwater::routes {

struct PageOrigin {
  std::string query;                          // the client's, without what we have added
  proxy::RegistryClient* upstream = nullptr;  // null: whichever has the list
};

// Of the query of a client's request, without `ns`. `invalid` if it names an upstream that there is not.
[[nodiscard]] Result<PageOrigin> page_origin(const proxy::Upstreams& upstreams, std::string query);

// What ends the links to the pages that follow one of that upstream; "" if there is only one upstream, or
// `upstream` is null because the list is not as an upstream gave it.
std::string origin_mark(const proxy::Upstreams& upstreams, const proxy::RegistryClient* upstream);

// `link` as relative_link() makes it, with the mark.
std::string marked(std::string link, const std::string& mark);

}  // namespace breakwater::routes
