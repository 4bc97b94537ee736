#include "routes/mirror/kept_lists.h"

#include <utility>

#include "routes/mirror/asking.h"

namespace breakwater::routes {

using proxy::Millis;
using proxy::Task;

namespace {

// The key, the body and an estimate of the container's overhead.
uint64_t cost_of(const std::string& key, const KeptList& list) {
  return key.size() + (list.body ? list.body->size() : 0) + 256;
}

// Whether upstream has said that it has no such list, or none for us. A list that broke off may be whole the
// next time.
bool is_refusal(const Error& error) {
  return error.kind == Error::Kind::not_found || error.kind == Error::Kind::invalid ||
         error.kind == Error::Kind::denied;
}

}  // namespace

Body shared_body(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

bool is_unwell(const Error& error) {
  return error.kind == Error::Kind::unavailable || error.kind == Error::Kind::throttled;
}

Task<KeptLists::Got> KeptLists::get(std::string key, proxy::Asker asker, Fetch fetch) {
  const auto kept = kept_.find(key);
  const bool have = kept != kept_.end();
  KeptList old = have ? kept->second : KeptList();
  const auto now = parts_.clock.now();
  const bool is_to_come = old.at > now;  // the clock was put back
  if (have && !is_to_come && now - old.at < Millis(settings_.list_fresh_ms)) {
    old.cache = CacheResult::hit;
    co_return Got(old);
  }
  const bool may_be_old = have && !old.is_too_long && now - old.at <= Millis(settings_.freshness.stale_ms);
  const auto patience = Millis(may_be_old ? settings_.revalidate_wait_ms : settings_.first_byte_wait_ms);
  auto refusal = refusals_.find(key, now);
  const bool is_known = refusal.has_value();
  if (!is_known) refusal = co_await refusal_to_ask(parts_, settings_, asker, flights_.has(key));
  const bool is_refused_here = refusal && !is_known;
  std::optional<Answer> answer;
  if (refusal) {
    answer = failure(*std::move(refusal));
  } else {
    auto begin = [this, key, fetch] { return renew(key, fetch); };
    answer = co_await flights_.join_until(key, begin, parts_.loop.now() + patience);
  }
  if (answer && *answer) co_return Got(*answer);
  auto reason = answer ? answer->error() : Error(Error::Kind::unavailable, "upstream is slow to answer", 1);
  const bool is_gone = is_refusal(reason) && reason.kind != Error::Kind::denied;
  if (!may_be_old || is_gone) co_return Got(failure(reason), is_refused_here);
  old.cache = CacheResult::stale;
  old.stale_reason = reason.message;
  co_return Got(old);
}

// Runs in a flight: a slow answer is kept even if no client waits for it any more.
Task<KeptLists::Answer> KeptLists::renew(std::string key, Fetch fetch) {
  auto answer = co_await fetch();
  if (answer) {
    keep(key, *answer);
  } else if (is_refusal(answer.error())) {
    refusals_.put(key, answer.error(), parts_.clock.now(), Millis(settings_.list_fresh_ms));
  }
  co_return answer;
}

void KeptLists::keep(const std::string& key, const KeptList& list) {
  if (auto old = kept_.find(key); old != kept_.end()) {
    kept_bytes_ -= cost_of(key, old->second);
    kept_.erase(old);
  }
  const auto cost = cost_of(key, list);
  if (cost > settings_.kept_list_bytes_max) return;
  if (kept_bytes_ + cost > settings_.kept_list_bytes_max) {
    kept_.clear();
    kept_bytes_ = 0;
  }
  kept_bytes_ += cost;
  auto& kept = kept_[key] = list;
  kept.place = nullptr;  // what is kept has a bound of its own
}

}  // namespace breakwater::routes
