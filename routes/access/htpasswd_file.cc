#include "routes/access/htpasswd_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <string_view>
#include <system_error>

#include "store/base/digest.h"

namespace breakwater::routes {
namespace {

// Longer than a tick of a file system's clock.
constexpr int64_t kSettledAfterNs = 1'000'000'000;
constexpr int64_t kSecondNs = 1'000'000'000;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

int64_t ns_of(const timespec& time) { return int64_t{time.tv_sec} * kSecondNs + time.tv_nsec; }

tl::unexpected<Error> unreadable(const std::string& path, std::string_view why) {
  return failure(Error::Kind::invalid, "cannot read the users from " + path + ": " + std::string(why));
}

std::string why() { return std::error_code(errno, std::generic_category()).message(); }

// All of it, or one byte more than is accepted.
Result<std::string> read_all(int fd, const std::string& path) {
  std::string text(Htpasswd::kBytesMax + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(path, why());
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  text.resize(size);
  return text;
}

}  // namespace

std::optional<Result<Htpasswd>> HtpasswdFile::read_if_changed() {
  const auto text = text_if_changed();
  if (!text) {
    stamp_.reset();
    if (!is_new(text.error().message)) return std::nullopt;
    return Result<Htpasswd>(failure(text.error()));
  }
  if (!*text || !is_new(store::digest_of(store::Algorithm::sha256, **text).text())) return std::nullopt;
  return Htpasswd::parse(**text, path_);
}

// Opened before it is looked at, so that the stamp is that of what is read. A FIFO would else keep us
// waiting.
Result<std::optional<std::string>> HtpasswdFile::text_if_changed() {
  const Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return unreadable(path_, why());
  if (!S_ISREG(status.st_mode)) return unreadable(path_, "it is no regular file");
  const Stamp stamp{status.st_dev, status.st_ino, status.st_size, ns_of(status.st_mtim),
                    ns_of(status.st_ctim)};
  if (stamp_ == stamp) return std::nullopt;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const bool is_settled = ns_of(now) - ns_of(status.st_ctim) > kSettledAfterNs;
  auto text = read_all(file.get(), path_);
  if (!text) return failure(std::move(text.error()));
  stamp_ = is_settled ? std::optional(stamp) : std::nullopt;
  return *std::move(text);
}

bool HtpasswdFile::is_new(std::string outcome) {
  if (outcome == outcome_) return false;
  outcome_ = std::move(outcome);
  return true;
}

Result<Htpasswd> read_htpasswd(const std::string& path) {
  auto read = HtpasswdFile(path).read_if_changed();
  return *std::move(read);
}

}  // namespace breakwater::routes
