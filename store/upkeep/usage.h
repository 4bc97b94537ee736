// What fills the disk: by route and by repository, and all else that takes room, so that the sum is what the
// disk says, to the byte.
//
// A blob is stored once, however many have it, and one route pays for it: BlobRecord::route, whose bound it
// counts against. That is the route that stored it first. A registry that is pushed what a mirror has takes
// it over, because a mirror may give it up; when no registry needs it any more, a mirror that does takes it
// back. So three sums add up to the blobs that are stored:
//
//   by route       what each pays, and what nobody pays (unattributed)
//   by repository  what each has alone, what several have (shared, counted once), and what none has (unheld)
//   by client      what each brought, and what nobody is known to have brought
//
// All bytes are on the disk, in whole blocks. In a store that changes meanwhile the numbers are off by what
// changed.
//
//   UsageWalk walk(parts);
//   while (!walk.ended()) if (auto done = walk.step(); !done) …
//   const Usage usage = walk.take();
//
// A step looks at some hundred blobs; between two of them the caller may do something else, or give up.
// Memory is bounded by kRepositoriesMax and kClientsMax. May block; any thread, one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "store/base/result.h"
#include "store/blobs/parts.h"
#include "store/catalog/rows.h"

namespace breakwater::store {

struct RouteUsage {
  uint64_t blobs = 0;         // that it pays for
  uint64_t unique_bytes = 0;  // of blobs that it has and no other route
  uint64_t shared_bytes = 0;  // of blobs that it and others have, whoever pays
  uint64_t paid_bytes = 0;    // of blobs on its account
  uint64_t pinned_bytes = 0;  // of these what a pin of a mirror keeps
  uint64_t incoming_bytes = 0;
  // What forgetting the route would give back: what it pays and no other route has, and what is incoming.
  uint64_t freed_bytes = 0;
};
struct RepositoryUsage {
  uint64_t unique_bytes = 0;  // no other repository has it, of any route: what deleting it would give back
  uint64_t shared_bytes = 0;  // others have it too
};

struct ClientUsage {
  uint64_t blobs = 0;  // that it brought: pushed, or asked a mirror for before anybody else
  uint64_t bytes = 0;  // of these
  uint64_t incoming_bytes = 0;
  ClientUsage& operator+=(const ClientUsage& other) {
    blobs += other.blobs;
    bytes += other.bytes;
    incoming_bytes += other.incoming_bytes;
    return *this;
  }
};

struct Usage {
  std::map<std::string, RouteUsage> routes;  // "": what recovery found without an owner
  std::map<RepositoryKey, RepositoryUsage> repositories;
  // By the route that pays and the client; "": nobody knows which, or who.
  std::map<std::pair<std::string, std::string>, ClientUsage> clients;
  std::map<std::string, ClientUsage> clients_left_out;  // of a route, those beyond kClientsMax, added up
  // Of repositories beyond kRepositoriesMax: what is theirs alone is in `left_out`, added up.
  bool is_cut = false;
  RepositoryUsage left_out;

  uint64_t blobs = 0;
  uint64_t blobs_bytes = 0;
  uint64_t shared_bytes = 0;  // of blobs that several repositories have, each counted once
  uint64_t unheld_bytes = 0;  // of blobs that no repository has: they go after their lease, or when found
  uint64_t incoming_bytes = 0;
  uint64_t trash_bytes = 0;
  uint64_t catalog_bytes = 0;
  uint64_t other_bytes = 0;  // folders, and small files beside them
  uint64_t total_bytes() const {
    return blobs_bytes + incoming_bytes + trash_bytes + catalog_bytes + other_bytes;
  }
};

class UsageWalk {
 public:
  static constexpr size_t kRepositoriesMax = 50'000;
  static constexpr size_t kClientsMax = 10'000;

  // `parts` outlives the walk.
  explicit UsageWalk(const Parts& parts, size_t repositories_max = kRepositoriesMax)
      : parts_(parts), repositories_max_(repositories_max) {}

  [[nodiscard]] Result<> step();
  bool ended() const { return has_ended_; }
  Usage take() { return std::move(usage_); }

 private:
  class Adding;
  Result<> add_pinned(const std::vector<UsedBlob>& maybe_pinned);
  Result<> add_the_rest();
  Result<> add_incoming();
  Result<> add_trash();
  Result<> add_other();
  Result<UploadRecord> owner_of_partial(const std::string& id) const;

  const Parts& parts_;
  const size_t repositories_max_;
  Usage usage_;
  std::string position_;
  bool has_ended_ = false;
};

}  // namespace breakwater::store
