// The answer of the referrers API: an image index of descriptors, optionally of one artifact type, and its
// pages. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/base/result.h"
#include "store/catalog/catalog.h"

namespace breakwater::routes {

// The image index that lists `referrers`. An empty index is the right answer if there are none.
std::string referrers_index(const std::vector<store::NamedReferrer>& referrers);

// The value of `Link` to the page after `last`, relative:
// `</v2/library/alpine/referrers/sha256:…?last=sha256%3A…>; rel="next"`.
std::string next_referrers_link(std::string_view path, const store::Digest& last,
                                std::string_view artifact_type);

// The descriptors of `artifact_type`, or all if that is empty, from upstream's index (its referrers API, or
// the fallback tag sha256-<hex>). `corrupt` if `index` is not an image index.
[[nodiscard]] Result<std::string> filter_referrers(std::string_view index, std::string_view artifact_type);

// One index with the descriptors of all pages of upstream's list. `corrupt` if a page is not an image index.
[[nodiscard]] Result<std::string> join_referrers(const std::vector<std::string>& pages);

}  // namespace breakwater::routes
