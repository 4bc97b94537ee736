// What stands behind the number in the first line of a reply. Clients that read no body print that line as it
// is and nothing else: containerd and dockerd's containerd store for whatever is refused, dockerd, podman and
// skopeo for a 5xx. And a reply to HEAD has no body.
#pragma once

#include <cstddef>
#include <string_view>

namespace breakwater::proxy {

// Not a header: the value of this field of a reply's Headers stands in the first line, behind the words that
// belong to the status ("403 Forbidden: the address 10.0.0.7 is not in …"), because containerd looks for
// those. Of the value at most kReasonBytesMax bytes are taken; what is not printable ASCII in it becomes "?".
inline constexpr std::string_view kReasonField = ":reason";
inline constexpr size_t kReasonBytesMax = 600;

}  // namespace breakwater::proxy
