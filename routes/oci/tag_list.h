// The tag list of a repository, `{"name":"library/alpine","tags":["3.19","3.20"]}`: reads upstream's, makes
// ours, and splits it into pages. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/base/result.h"

namespace breakwater::routes {

// The tags in upstream's list, whatever their names; `null` counts as no tags. `corrupt` if the text is not a
// tag list, `too_large` if it has too many values to be parsed.
[[nodiscard]] Result<std::vector<std::string>> parse_tag_list(std::string_view json);

std::string json_text_of(std::string_view name);  // "\"3.20\""
std::string tag_list_json(std::string_view name, const std::vector<std::string>& tags);
// The list of repositories: `{"repositories":[…]}`.
std::string repository_list_json(const std::vector<std::string>& names);

struct Page {
  std::vector<std::string> items;
  bool more = false;  // whether items follow after this page
};
// The items after `last`, in byte order, at most `n`: what `?n=&last=` selects. With n = 0 there are no items
// and no next page.
Page page_of(std::vector<std::string> items, std::string_view last, std::optional<uint64_t> n);

// The value of `Link` to the page after `last`: `</v2/library/alpine/tags/list?n=100&last=3.20>; rel="next"`.
// Relative, so that it is right under every name by which a client reaches us. `path` is the request's; `ns`
// is kept if it is not empty.
std::string next_page_link(std::string_view path, uint64_t n, std::string_view last, std::string_view ns);

}  // namespace breakwater::routes
