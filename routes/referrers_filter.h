// The answer of the referrers API: an image index of descriptors, maybe of one artifact type only. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/records.h"
#include "store/result.h"

namespace breakwater::routes {

// The index with all `referrers`, or only those of `artifact_type` if it is not empty. An empty index is the right answer for none.
std::string referrers_index(const std::vector<store::ReferrerRecord>& referrers, std::string_view artifact_type);

// Of upstream's index (its referrers API, or the fallback tag sha256-<hex>) the descriptors of `artifact_type`; all if it is empty.
// `corrupt` if `index` is no image index.
[[nodiscard]] Result<std::string> filter_referrers(std::string_view index, std::string_view artifact_type);

}  // namespace breakwater::routes
