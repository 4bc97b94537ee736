#include "proxy/server/body_rate.h"

#include "test/catch.h"

namespace breakwater::proxy {
namespace {

using std::chrono::seconds;

TEST_CASE("a body is too slow if it came with fewer bytes a second over the whole of a time") {
  BodyRate rate(1024, seconds(30));
  CHECK(rate.left() == seconds(30));
  rate.waited(seconds(20));
  rate.came(30 * 1024 - 1);
  CHECK(rate.left() == seconds(10));
  rate.waited(seconds(11));
  CHECK(rate.left() == seconds(0));
  CHECK(rate.is_too_slow());
}

TEST_CASE("each time is judged by itself: what came before buys nobody a pause") {
  BodyRate rate(1024, seconds(30));
  rate.came(1 << 30);
  rate.waited(seconds(30));
  CHECK_FALSE(rate.is_too_slow());
  CHECK(rate.left() == seconds(30));
  rate.came(30 * 1024);
  rate.waited(seconds(30));
  CHECK_FALSE(rate.is_too_slow());
  rate.waited(seconds(30));
  CHECK(rate.is_too_slow());
}

TEST_CASE("another body has all of its time") {
  BodyRate rate(1024, seconds(30));
  rate.waited(seconds(29));
  rate.begin();
  CHECK(rate.left() == seconds(30));
}

TEST_CASE("where no rate is asked for, none is judged") {
  BodyRate rate(0, seconds(30));
  rate.waited(std::chrono::hours(1));
  CHECK(rate.left() == Moment::duration::max());
}

}  // namespace
}  // namespace breakwater::proxy
