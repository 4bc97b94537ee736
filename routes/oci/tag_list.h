// The tag list of a repository, `{"name":"library/alpine","tags":["3.19","3.20"]}`: reading upstream's,
// making ours, and its pages. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/base/result.h"

namespace breakwater::routes {

// Upstream's list. `null` for no tags is understood; what is no tag list is `corrupt`, and so is a list with
// a tag that is none.
[[nodiscard]] Result<std::vector<std::string>> parse_tag_list(std::string_view json);

std::string tag_list_json(std::string_view name, const std::vector<std::string>& tags);
// The list of repositories: `{"repositories":[…]}`.
std::string repository_list_json(const std::vector<std::string>& names);

struct Page {
  std::vector<std::string> items;
  bool more = false;  // there are items behind the last of these
};
// What `?n=&last=` selects: the items behind `last`, in byte order, at most `n`. None for n = 0, and then
// there is no next page.
Page page_of(std::vector<std::string> items, std::string_view last, std::optional<uint64_t> n);

// The value of `Link` to the page behind `last`: `</v2/library/alpine/tags/list?n=100&last=3.20>;
// rel="next"`. Relative, so that it is right under whatever name the client knows us by. `path` is as in the
// request; `ns` is kept if it is not empty.
std::string next_page_link(std::string_view path, uint64_t n, std::string_view last, std::string_view ns);

}  // namespace breakwater::routes
