#include "routes/oci/date_text.h"

#include <chrono>
#include <ctime>

namespace breakwater::routes {

std::string date_text(store::Time time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[sizeof "2026-01-01T00:00:00Z"];
  (void)std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace breakwater::routes
