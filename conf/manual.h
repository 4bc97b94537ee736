// The manual page and the shells' completions, made from the table of verbs that the command line itself is
// parsed by. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/base/result.h"

namespace breakwater::conf {

struct OptionHelp {
  std::string name;   // "--dry-run", or of one that stands by its place, what it is called: "image"
  std::string shape;  // of its value: "IMAGE"; "" if it takes none
  std::string help;
  bool is_place = false;
};
struct VerbHelp {
  std::string verb;
  std::string summary;
  std::vector<OptionHelp> options;
};

// In the language of man(7): the page breakwater(1).
std::string manual_page(const std::vector<VerbHelp>& verbs, std::string_view version);
// `invalid` if there is no completion for that shell.
[[nodiscard]] Result<std::string> completion(const std::vector<VerbHelp>& verbs, std::string_view shell);

}  // namespace breakwater::conf
