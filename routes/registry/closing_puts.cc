#include "routes/registry/closing_puts.h"

#include <algorithm>

namespace breakwater::routes {
namespace {

constexpr size_t kPutsMax = 1'000;

}  // namespace

ClosingPuts::Put& ClosingPuts::of(const std::string& repository, const std::string& id,
                                  const store::Digest& digest) {
  const auto found = std::find_if(puts_.begin(), puts_.end(),
                                  [&](const Named& named) { return named.is(repository, id, digest); });
  if (found != puts_.end()) return found->put;
  puts_.push_back(Named{repository, id, digest, Put()});
  if (puts_.size() > kPutsMax) puts_.pop_front();
  return puts_.back().put;
}

bool ClosingPuts::was_committed(const std::string& repository, const std::string& id,
                                const store::Digest& digest) const {
  return std::any_of(puts_.begin(), puts_.end(),
                     [&](const Named& named) { return *named.put.done && named.is(repository, id, digest); });
}

}  // namespace breakwater::routes
