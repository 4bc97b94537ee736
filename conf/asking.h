// Gets the answer of an operation: of the process that serves the data folder, or, if nobody does and the
// operation is about the store alone, by this process on the folder itself. One thread.
#pragma once

#include <functional>
#include <string>

#include "conf/config.h"
#include "conf/progress_line.h"
#include "routes/ops/operation.h"

namespace breakwater::conf {

struct Asked {
  const Config& config;  // its `data` is absolute
  const routes::Operation& operation;
  bool init = false;  // the data folder is made if there is none
  // Whether what is found on the way is printed as it is found; the answer has it all the same.
  bool tells = false;
};

// What takes long shows how far it is, and ends where nothing is left half done on Ctrl-C. What reads or
// writes files of whoever asks does so by the rights of this process, whoever serves.
[[nodiscard]] Result<routes::Json> answer_of(const Asked& asked, const routes::Arguments& arguments);

// Null if the operation has none of that name: `dry_run`.
const routes::Parameter* parameter_of(const routes::Operation& operation, std::string_view name);

}  // namespace breakwater::conf
