// Who may download now: fills_max at once, shared out among the upstreams. Several upstreams of one mirror
// count as the first of them, so that they are asked in their order, however many fills there are.
//
//   queued --runs()--> running --(asked to give way)--> ends, and its slot goes to another
//
// A slot that is free goes to the upstream that runs the fewest fills, and there to whoever came first. When
// none is free, an upstream that runs fewer than fills_max / 8 may begin one all the same, so that one that
// hangs cannot starve the others; and a fill without readers gives way to one that has some. A fill without
// readers never leaves the queue for a slot. Belongs to the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "proxy/loop/loop.h"
#include "proxy/upstream/registry_client.h"

namespace breakwater::proxy {

// What is known of one fill, in the queue or running.
struct FillClaim {
  std::vector<const RegistryClient*> upstreams;  // that it could begin with; of a running one, that it uses
  bool has_readers = true;
  bool is_running = false;
  bool gives_way = false;
};

// What is to be done about the slots.
struct SlotDecision {
  enum class Kind { nothing, run, give_way };
  Kind kind = Kind::nothing;
  size_t claim = 0;                          // who runs, or gives way
  const RegistryClient* upstream = nullptr;  // for which it runs
};

// `claims` are in the order in which they came. A pure function.
SlotDecision next_slot(std::span<const FillClaim* const> claims, uint32_t fills_max);

struct FillSlotsSettings {
  uint32_t fills_max = 64;
  // How many fills may wait, in all and for one upstream. Beyond that they are refused.
  uint32_t queued_max = 2048;
  uint32_t queued_per_upstream_max = 512;
};

class FillSlots {
 public:
  // The claim of one fill. `changed` rings whenever runs() or gives_way() may have another result.
  class Claim {
   public:
    Claim(FillSlots& slots, Signal& changed, std::vector<const RegistryClient*> upstreams);
    ~Claim();
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

    bool runs() const { return facts_.is_running; }
    // The upstream that it got its slot for, once it runs.
    const RegistryClient& upstream() const { return *facts_.upstreams.front(); }
    bool gives_way() const { return facts_.gives_way; }

    void set_readers(bool has_readers);
    void add_upstream(const RegistryClient& upstream);  // has no effect once it runs
    void move_to(const RegistryClient& upstream);       // it goes on with another
    // Gives the slot back, and is the last in the queue.
    void queue_again(std::vector<const RegistryClient*> upstreams);

   private:
    friend class FillSlots;
    FillSlots& slots_;
    Signal& changed_;
    FillClaim facts_;
  };

  explicit FillSlots(const FillSlotsSettings& settings) : settings_(settings) {}
  FillSlots(const FillSlots&) = delete;
  FillSlots& operator=(const FillSlots&) = delete;

  // Whether the claim, which has just been made, is one too many.
  bool is_too_many(const Claim& claim) const;
  // Whether one with readers waits for a slot.
  bool are_wanted() const;
  size_t running() const;

 private:
  void share_out();

  FillSlotsSettings settings_;
  std::vector<Claim*> claims_;  // in the order in which they came
};

}  // namespace breakwater::proxy
