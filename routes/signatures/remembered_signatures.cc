#include "routes/signatures/remembered_signatures.h"

#include <utility>

namespace breakwater::routes {
namespace {

std::string name_of(const std::string& repository, const store::Digest& digest) {
  return repository + "@" + digest.text();
}

}  // namespace

bool RememberedSignatures::is_good(const std::string& repository, const store::Digest& digest) {
  const auto found = good_.find(name_of(repository, digest));
  if (found == good_.end()) return false;
  uses_.splice(uses_.begin(), uses_, found->second);
  return true;
}

void RememberedSignatures::add_good(const std::string& repository, const store::Digest& digest) {
  if (is_good(repository, digest)) return;
  uses_.push_front(name_of(repository, digest));
  good_.emplace(uses_.front(), uses_.begin());
  refusals_.erase(uses_.front());
  if (uses_.size() <= most_) return;
  good_.erase(uses_.back());
  uses_.pop_back();
}

// What was refused in the future was so before the clock was set back.
std::optional<std::string> RememberedSignatures::refusal(const std::string& repository,
                                                         const store::Digest& digest, store::Time now) const {
  const auto found = refusals_.find(name_of(repository, digest));
  if (found == refusals_.end() || now < found->second.from || now >= found->second.until) return std::nullopt;
  return found->second.why;
}

void RememberedSignatures::refuse(const std::string& repository, const store::Digest& digest, std::string why,
                                  store::Time now) {
  if (refusals_.size() >= most_) refusals_.clear();  // they are for a moment
  refusals_[name_of(repository, digest)] = {std::move(why), now, now + kRefusedFor};
}

void RememberedSignatures::forget_refusals(const std::string& repository) {
  const std::string begin = repository + "@";
  auto refusal = refusals_.lower_bound(begin);
  while (refusal != refusals_.end() && refusal->first.starts_with(begin)) refusal = refusals_.erase(refusal);
}

}  // namespace breakwater::routes
