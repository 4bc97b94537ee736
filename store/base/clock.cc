#include "store/base/clock.h"

#include <ctime>
#include <fstream>

namespace breakwater::store {

Time SystemClock::now() const {
  timespec passed{};
  ::clock_gettime(CLOCK_BOOTTIME, &passed);
  return Time(std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::seconds(passed.tv_sec) + std::chrono::nanoseconds(passed.tv_nsec)));
}

// Empty where the kernel does not tell: then no two processes are of the same boot.
std::string SystemClock::boot() const {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace breakwater::store
