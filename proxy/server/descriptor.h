// A file descriptor with one owner. A value; any thread.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace breakwater::proxy {

class Descriptor {
 public:
  Descriptor() = default;  // none
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(other.take()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (const int old = std::exchange(fd_, other.take()); old >= 0) close(old);
    return *this;
  }

  int fd() const { return fd_; }  // -1: none
  int take() { return std::exchange(fd_, -1); }
  // Another one for the same; none if the process has no descriptor left.
  Descriptor duplicate() const { return Descriptor(fcntl(fd_, F_DUPFD_CLOEXEC, 0)); }

 private:
  int fd_ = -1;
};

}  // namespace breakwater::proxy
