// The lists of our own registry, as pages are made of them: tags, repositories and referrers. May block; any
// thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "routes/oci/oci_path.h"
#include "routes/registry/list_page.h"
#include "store/catalog/catalog.h"

namespace breakwater::routes {

// `path` has the name and the query of the request. `catalog` outlives the page.
std::shared_ptr<ListPage> tags_page(const store::Catalog& catalog, const std::string& route,
                                    const OciPath& path);
// Those that `is_listed` is true of, on any thread; all of them if it is empty.
std::shared_ptr<ListPage> repositories_page(const store::Catalog& catalog, const std::string& route,
                                            const OciPath& path,
                                            std::function<bool(const std::string&)> is_listed);
// It may have no referrers, and a link: then those that were looked at for it were of other types. `last` is
// that of the query.
std::shared_ptr<ListPage> referrers_page(const store::Catalog& catalog, const std::string& route,
                                         const OciPath& path, const std::optional<store::Digest>& last);

}  // namespace breakwater::routes
