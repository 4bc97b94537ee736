// What the log still holds when the process ends by an assertion, an exception that nobody catches, or a
// fault reaches stderr all the same: abort() and the other fatal signals write it before they end the
// process.
//
// stderr itself is kept from blocking: an assertion prints its sentence there before it aborts, and would
// wait for ever for a reader that is gone.
#pragma once

#include "store/base/log.h"

namespace breakwater::conf {

// While it lives. One at a time, because signals belong to the process.
class LastWords {
 public:
  explicit LastWords(store::Log& log);
  ~LastWords();
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;
};

// Gives this process a stderr of its own that takes what it can at once and drops the rest, if stderr is a
// pipe, a socket or a terminal. Others who write to the same place keep theirs, but for a socket.
void keep_stderr_from_blocking();

}  // namespace breakwater::conf
