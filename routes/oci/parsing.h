// Where what others have sent is parsed: JSON of 64 KiB takes a millisecond, and of 4 MiB holds the loop for
// all that time. So what is long is parsed by a worker, and what is short at once.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"

namespace breakwater::routes {

inline constexpr size_t kParsedAtOnceBytes = size_t{32} << 10;

// Runs `job`, which parses so many bytes. The job must not need the loop's thread.
template <class Job>
proxy::Task<std::invoke_result_t<Job>> parse(proxy::Workers& workers, size_t bytes, Job job) {
  if (bytes <= kParsedAtOnceBytes) co_return job();
  co_return co_await workers.run(std::move(job));
}

}  // namespace breakwater::routes
