#include "routes/oci/parsing.h"

#include <memory>
#include <thread>

#include "test/catch.h"
#include "test/fakes/run.h"

namespace breakwater::routes {
namespace {

TEST_CASE("what is long is parsed by a worker, and what is short where it is asked for") {
  proxy::Loop loop;
  proxy::Workers workers(loop, 1);
  const auto thread_for = [&](size_t bytes) {
    // A job may own what it parses.
    auto job = [owned = std::make_unique<int>(1)] { return std::this_thread::get_id(); };
    return test::run(loop, parse(workers, bytes, std::move(job)));
  };
  CHECK(thread_for(kParsedAtOnceBytes) == std::this_thread::get_id());
  CHECK(thread_for(kParsedAtOnceBytes + 1) != std::this_thread::get_id());
}

}  // namespace
}  // namespace breakwater::routes
