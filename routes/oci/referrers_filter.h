// The answer of the referrers API: an image index of descriptors, maybe of one artifact type only, and its
// pages. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/base/result.h"
#include "store/catalog/catalog.h"

namespace breakwater::routes {

// The index of these. An empty one is the right answer for none.
std::string referrers_index(const std::vector<store::NamedReferrer>& referrers);

// The value of `Link` to the page behind `last`, relative:
// `</v2/library/alpine/referrers/sha256:…?last=sha256%3A…>; rel="next"`.
std::string next_referrers_link(std::string_view path, const store::Digest& last,
                                std::string_view artifact_type);

// Of upstream's index (its referrers API, or the fallback tag sha256-<hex>) the descriptors of
// `artifact_type`; all if it is empty. `corrupt` if `index` is no image index.
[[nodiscard]] Result<std::string> filter_referrers(std::string_view index, std::string_view artifact_type);

// One index of all that the pages of upstream's list name. `corrupt` if one of them is no image index.
[[nodiscard]] Result<std::string> join_referrers(const std::vector<std::string>& pages);

}  // namespace breakwater::routes
