#include "routes/ops/page_files.h"

// Made of the bundle by page/embed.cmake: page_files_list.h has PAGE_FILE(number, "name") for each file, and
// page_files.S its bytes.
#define PAGE_FILE(number, name)                                                               \
  extern const char breakwater_page_##number[], breakwater_page_##number##_end[];             \
  extern const char breakwater_page_##number##_gzip[], breakwater_page_##number##_gzip_end[]; \
  extern const char breakwater_page_##number##_zstd[], breakwater_page_##number##_zstd_end[];
extern "C" {
#include <page_files_list.h>
}
#undef PAGE_FILE

namespace breakwater::routes {
namespace {

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

}  // namespace

std::span<const PageFile> page_files() {
#define PAGE_FILE(number, name)                                                           \
  PageFile{name, between(breakwater_page_##number, breakwater_page_##number##_end),       \
           between(breakwater_page_##number##_gzip, breakwater_page_##number##_gzip_end), \
           between(breakwater_page_##number##_zstd, breakwater_page_##number##_zstd_end)},
  static const PageFile files[] = {
#include <page_files_list.h>
  };
#undef PAGE_FILE
  return files;
}

}  // namespace breakwater::routes
