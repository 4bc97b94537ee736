#include "proxy/upstream/upstream_latency.h"

#include "test/catch.h"

namespace breakwater::proxy {

TEST_CASE("the latency of an upstream is the median and the worst of its last hundred answers") {
  UpstreamLatency latency;
  CHECK_FALSE(latency.summary());
  latency.add(0.5);
  CHECK(latency.summary()->median_s == 0.5);
  CHECK(latency.summary()->worst_s == 0.5);
  latency.add(8);
  for (int i = 0; i < 4; ++i) latency.add(0.25);
  CHECK(latency.summary()->median_s == 0.25);
  CHECK(latency.summary()->worst_s == 8);
  for (size_t i = 0; i < UpstreamLatency::kAnswersMax; ++i) latency.add(1);
  CHECK(latency.size() == UpstreamLatency::kAnswersMax);
  CHECK(latency.summary()->worst_s == 1);
}

TEST_CASE("the latency of several upstreams is that of all their answers") {
  UpstreamLatency one, other;
  one.add(1);
  for (int i = 0; i < 3; ++i) other.add(3);
  one += other;
  CHECK(one.size() == 4);
  CHECK(one.summary()->median_s == 3);
}

}  // namespace breakwater::proxy
