// The files of the web page, as they were compiled in: routes/ops/page/bundle, each also compressed before.
// There are none in a build without the page (-DBREAKWATER_PAGE=OFF). Constant; any thread.
#pragma once

#include <span>
#include <string_view>

namespace breakwater::routes {

struct PageFile {
  std::string_view name;  // "index.html", or one that has its content's hash: "page-0123456789ab.js"
  std::string_view content;
  std::string_view gzip, zstd;  // the same, compressed
};

std::span<const PageFile> page_files();

}  // namespace breakwater::routes
