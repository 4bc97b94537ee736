#include "proxy/upstream/retry.h"

#include "test/catch.h"

namespace breakwater::proxy {
namespace {

constexpr int64_t kNow = 1'700'000'000;

Error error_of(Error::Kind kind, int64_t wait_s = 0) { return Error{kind, "", wait_s}; }

TEST_CASE("delays double up to their limit and are spread over their upper half") {
  RetrySettings settings;
  settings.attempts_max = 20;
  auto unavailable = error_of(Error::Kind::unavailable);
  CHECK(retry_delay_ms(settings, unavailable, 1, 0.0) == 100);
  CHECK(retry_delay_ms(settings, unavailable, 1, 0.999) == 199);
  CHECK(retry_delay_ms(settings, unavailable, 2, 0.0) == 200);
  CHECK(retry_delay_ms(settings, unavailable, 3, 0.5) == 600);
  CHECK(retry_delay_ms(settings, unavailable, 15, 0.0) == 5000);
}

TEST_CASE("an attempt is worth another only if time may cure it") {
  RetrySettings settings;
  for (auto kind : {Error::Kind::not_found, Error::Kind::denied, Error::Kind::corrupt, Error::Kind::full,
                    Error::Kind::invalid, Error::Kind::internal})
    CHECK_FALSE(retry_delay_ms(settings, error_of(kind), 1, 0));
  CHECK(retry_delay_ms(settings, error_of(Error::Kind::unavailable), 4, 0));
  CHECK_FALSE(retry_delay_ms(settings, error_of(Error::Kind::unavailable), 5, 0));
}

TEST_CASE("a transfer that has begun is given up when both its attempts and its time are over") {
  RetrySettings settings;
  CHECK(retry_delay_ms(settings, error_of(Error::Kind::unavailable), 5, 0, 44'999));
  CHECK(retry_delay_ms(settings, error_of(Error::Kind::unavailable), 4, 0, 45'000));
  CHECK_FALSE(retry_delay_ms(settings, error_of(Error::Kind::unavailable), 5, 0, 45'000));
  CHECK_FALSE(retry_delay_ms(settings, error_of(Error::Kind::corrupt), 1, 0, 0));
}

TEST_CASE("a wait that upstream asks for is kept if it is short, and given up on if it is long") {
  RetrySettings settings;
  CHECK(retry_delay_ms(settings, error_of(Error::Kind::throttled, 3), 1, 0) == 3000);
  CHECK(retry_delay_ms(settings, error_of(Error::Kind::unavailable, 1), 1, 0) == 1000);
  CHECK(retry_delay_ms(settings, error_of(Error::Kind::throttled, 10), 1, 0) == 10'000);
  CHECK_FALSE(retry_delay_ms(settings, error_of(Error::Kind::throttled, 11), 1, 0));
}

TEST_CASE("Retry-After is read as seconds, as a date, as an epoch, or from the body") {
  struct Case {
    const char* value;
    const char* body;
    std::optional<int64_t> seconds;
  };
  const Case cases[] = {
      {"120", "", 120},
      {" 7 ", "", 7},
      {"0", "", 1},
      {"-5", "", 1},
      {"86400", "", 900},
      {"Tue, 14 Nov 2023 22:14:20 GMT", "", 60},
      {"Tue, 14 Nov 2023 22:00:00 GMT", "", 1},
      {"1700000030", "", 30},
      {"1600000000", "", 1},
      {"1.16676ms", "", 1},
      {"1m30s", "", 90},
      {"", "toomanyrequests: retry-after: 1.16676ms, allowed: 44000/minute", 1},
      {"", R"({"errors":[{"code":"TOOMANYREQUESTS","message":"Retry-After: 2.5s"}]})", 3},
      {"", "retry-after: 1700000045", 45},
      {"", "retry-after: \"12\"", 12},
      {"", "retry-after: soon", std::nullopt},
      {"soon", "retry-after: 4s", 4},
      {"", "<html>Too Many Requests (HAP429)</html>", std::nullopt},
      {"", "", std::nullopt},
      {"99999999999999999999999999", "", 900},
  };
  for (const Case& c : cases) {
    INFO(c.value << " | " << c.body);
    CHECK(retry_after_s(c.value, c.body, kNow) == c.seconds);
  }
}

}  // namespace
}  // namespace breakwater::proxy
