#include "proxy/fill/fill_slots.h"

#include <algorithm>
#include <map>
#include <utility>

namespace breakwater::proxy {
namespace {

using Claims = std::span<const FillClaim* const>;
using Running = std::map<const RegistryClient*, uint32_t>;

bool is_waiting(const FillClaim& claim) { return !claim.is_running && claim.has_readers; }

// How many fills run for each upstream, and will go on.
Running running_of(Claims claims) {
  Running running;
  for (const auto* claim : claims) {
    if (claim->is_running && !claim->gives_way) ++running[claim->upstreams.front()];
  }
  return running;
}

uint32_t count_of(const Running& running, const RegistryClient* upstream) {
  const auto found = running.find(upstream);
  return found == running.end() ? 0 : found->second;
}

// The next to run: for the upstream that runs the fewest, the first that came.
SlotDecision first_in_line(Claims claims, const Running& running) {
  SlotDecision next;
  uint32_t fewest = UINT32_MAX;
  for (size_t i = 0; i < claims.size(); ++i) {
    if (!is_waiting(*claims[i])) continue;
    for (const auto* upstream : claims[i]->upstreams) {
      const auto count = count_of(running, upstream);
      if (count >= fewest) continue;
      fewest = count;
      next.kind = SlotDecision::Kind::run;
      next.claim = i;
      next.upstream = upstream;
    }
  }
  return next;
}

// Who gives way: of the upstream that runs the most, the first that came and has no readers.
SlotDecision first_to_leave(Claims claims, const Running& running) {
  SlotDecision leaves;
  uint32_t most = 0;
  for (size_t i = 0; i < claims.size(); ++i) {
    const auto& claim = *claims[i];
    if (!claim.is_running || claim.has_readers || claim.gives_way) continue;
    const auto count = count_of(running, claim.upstreams.front());
    if (count <= most) continue;
    most = count;
    leaves.kind = SlotDecision::Kind::give_way;
    leaves.claim = i;
  }
  return leaves;
}

}  // namespace

SlotDecision next_slot(Claims claims, uint32_t fills_max) {
  const auto running = running_of(claims);
  const auto next = first_in_line(claims, running);
  if (next.kind == SlotDecision::Kind::nothing) return next;
  const auto count = [claims](auto is_counted) {
    return std::count_if(claims.begin(), claims.end(), is_counted);
  };
  const auto taken = count([](const FillClaim* claim) { return claim->is_running; });
  if (taken < fills_max || count_of(running, next.upstream) < std::max<uint32_t>(fills_max / 8, 1))
    return next;
  // Those that give way already leave their slots to as many of those that wait.
  const auto leaving = count([](const FillClaim* claim) { return claim->is_running && claim->gives_way; });
  const auto waiting = count([](const FillClaim* claim) { return is_waiting(*claim); });
  return leaving < waiting ? first_to_leave(claims, running) : SlotDecision();
}

FillSlots::Claim::Claim(FillSlots& slots, Signal& changed, std::vector<const RegistryClient*> upstreams)
    : slots_(slots), changed_(changed) {
  facts_.upstreams = std::move(upstreams);
  slots_.claims_.push_back(this);
  slots_.share_out();
}

FillSlots::Claim::~Claim() {
  std::erase(slots_.claims_, this);
  slots_.share_out();
}

// One that has readers again need not give way.
void FillSlots::Claim::set_readers(bool has_readers) {
  facts_.has_readers = has_readers;
  if (has_readers) facts_.gives_way = false;
  changed_.ring();
  slots_.share_out();
}

void FillSlots::Claim::add_upstream(const RegistryClient& upstream) {
  if (facts_.is_running) return;
  facts_.upstreams.push_back(&upstream);
  slots_.share_out();
}

void FillSlots::Claim::move_to(const RegistryClient& upstream) {
  if (facts_.upstreams.front() == &upstream) return;
  facts_.upstreams.assign(1, &upstream);
  slots_.share_out();
}

void FillSlots::Claim::queue_again(std::vector<const RegistryClient*> upstreams) {
  facts_.upstreams = std::move(upstreams);
  facts_.is_running = false;
  facts_.gives_way = false;
  std::erase(slots_.claims_, this);
  slots_.claims_.push_back(this);
  slots_.share_out();
}

bool FillSlots::is_too_many(const Claim& claim) const {
  if (claim.runs()) return false;
  const auto* upstream = claim.facts_.upstreams.front();
  size_t queued = 0, of_upstream = 0;
  for (const auto* other : claims_) {
    if (other->facts_.is_running) continue;
    ++queued;
    if (other->facts_.upstreams.front() == upstream) ++of_upstream;
  }
  return queued > settings_.queued_max || of_upstream > settings_.queued_per_upstream_max;
}

bool FillSlots::are_wanted() const {
  return std::any_of(claims_.begin(), claims_.end(),
                     [](const Claim* claim) { return is_waiting(claim->facts_); });
}

size_t FillSlots::running() const {
  return static_cast<size_t>(
      std::count_if(claims_.begin(), claims_.end(), [](const Claim* claim) { return claim->runs(); }));
}

void FillSlots::share_out() {
  std::vector<const FillClaim*> facts;
  facts.reserve(claims_.size());
  for (const auto* claim : claims_) facts.push_back(&claim->facts_);
  for (;;) {
    const auto decision = next_slot(facts, settings_.fills_max);
    if (decision.kind == SlotDecision::Kind::nothing) return;
    auto& claim = *claims_[decision.claim];
    if (decision.kind == SlotDecision::Kind::give_way) {
      claim.facts_.gives_way = true;
    } else {
      claim.facts_.is_running = true;
      claim.facts_.upstreams.assign(1, decision.upstream);
    }
    claim.changed_.ring();
  }
}

}  // namespace breakwater::proxy
