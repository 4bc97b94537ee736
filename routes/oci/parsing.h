// Where what others have sent is parsed: JSON of 64 KiB takes a millisecond, and of 4 MiB holds the loop for
// all that time. So what is long is parsed by a worker, and what is short at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"

namespace breakwater::routes {

inline constexpr size_t kParsedAtOnceBytes = size_t{32} << 10;

// Runs `job`, which parses so many bytes. The job must not need the loop's thread. `client` is whom it is
// for, as JobOf has it.
template <class Job>
proxy::Task<std::invoke_result_t<Job>> parse(proxy::Workers& workers, size_t bytes, Job job,
                                             uint64_t client = 0) {
  if (bytes <= kParsedAtOnceBytes) co_return job();
  const proxy::JobOf lengthy(proxy::JobOf::Kind::lengthy, client);
  co_return co_await workers.run(lengthy, std::move(job));
}

}  // namespace breakwater::routes
