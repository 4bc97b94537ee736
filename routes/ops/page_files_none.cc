#include "routes/ops/page_files.h"

namespace breakwater::routes {

std::span<const PageFile> page_files() { return {}; }

}  // namespace breakwater::routes
