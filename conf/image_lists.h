// The images of `fetch` that are read from standard input:
//
//   kubectl get pods -A -o json | breakwater fetch --from-cluster
//   breakwater fetch - < images.txt          one on each line; # begins a comment
#pragma once

#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "routes/ops/operation.h"
#include "store/base/result.h"

namespace breakwater::conf {

// Each once, in the order in which they come. `invalid` if the text is no list of pods.
[[nodiscard]] Result<std::vector<std::string>> images_of_pods(const std::string& json);
std::vector<std::string> images_of_lines(const std::string& text);

// The arguments with what their "-" and `from_cluster` stand for, which the server does not know.
[[nodiscard]] Result<routes::Arguments> with_listed_images(const routes::Operation& operation,
                                                           const routes::Arguments& arguments,
                                                           std::istream& in);

}  // namespace breakwater::conf
