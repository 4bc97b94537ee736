#include "conf/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <string>

#include "proxy/server/descriptor.h"

namespace breakwater::conf {
namespace {

constexpr size_t kReserve = 56;  // beside the listening sockets
constexpr uint64_t kLimitMin = 128;
constexpr uint64_t kLimitUsed = 1 << 20;  // beyond that nothing is shared out
constexpr size_t kBlobsMax = 256;         // to keep more open gains nothing
constexpr size_t kUploadsMax = 256;
constexpr size_t kAdminMax = 128;
constexpr size_t kCatalogMin = 24;        // RocksDB takes 20 and fewer for 20, and 10 of them for its log
constexpr size_t kCatalogUnbound = 1024;  // from here on all of a catalog's tables stay open

}  // namespace

Result<DescriptorShares> share_descriptors(uint64_t limit, size_t listeners) {
  const uint64_t needed = kLimitMin + listeners;
  if (limit < needed) {
    return failure(Error::Kind::invalid, "this process may open " + std::to_string(limit) +
                                             " files and connections, and needs " + std::to_string(needed) +
                                             " at least: raise its limit (ulimit -n, LimitNOFILE=)");
  }
  const size_t pool = static_cast<size_t>(std::min(limit, kLimitUsed)) - kReserve - listeners;
  // Eighths of the pool: clients take two of each four, with a file for each.
  const size_t eighth = pool / 8;
  DescriptorShares shares;
  const size_t catalog = std::max(eighth, kCatalogMin);
  shares.catalog = catalog < kCatalogUnbound ? static_cast<int>(catalog) : -1;
  shares.blobs = std::min(eighth, kBlobsMax);
  shares.upstream = eighth;
  shares.admin = std::min(std::max<size_t>(eighth / 4, 1), kAdminMax);
  shares.fills = std::max<size_t>(eighth / 2, 1);
  shares.uploads = std::min(std::max<size_t>(eighth / 2, 1), kUploadsMax);
  const size_t others =
      catalog + shares.blobs + shares.upstream + shares.fills + shares.uploads + shares.admin;
  shares.clients = (pool - std::min(pool, others)) / 2;
  return shares;
}

uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
  (void)getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

// Where that fails the table grows by itself.
void reserve_descriptor_table(uint64_t limit) {
  const uint64_t last = std::min(limit, kTableMax) - 1;
  const proxy::Descriptor any(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const proxy::Descriptor highest(::fcntl(any.fd(), F_DUPFD_CLOEXEC, static_cast<int>(last)));
}

}  // namespace breakwater::conf
