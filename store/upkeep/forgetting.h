// Forgets a route that is not configured any more. Nothing is done about such a route by itself, because its
// configuration may come back: what a mirror has left goes when room is needed, and what a registry has left
// stays and counts, until somebody asks for this.
//
//   left_routes()      which they are, and what each takes
//   what_is_left_of()  what forget_route() would take, and changes nothing
//   forget_route()     deletes pins, uploads, manifests, tags and links; then each blob on the account of
//                      the route goes on that of another one that needs it, or into the trash, and gives
//                      its bytes back
//
// forget_route() works in small steps beside everything else. Each is complete by itself, so that one that
// was stopped, by its caller or with the process, is gone on with by the next call. Memory is bounded, but
// for the ids of all uploads. May block, for minutes; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <stop_token>
#include <string>

#include "store/base/result.h"
#include "store/blobs/parts.h"

namespace breakwater::store {

class Blobs;
class IdlePartials;
class Trash;

// By route name: the bytes on its account, which may be none if it only shares blobs with others.
[[nodiscard]] Result<std::map<std::string, uint64_t>> left_routes(const Parts& parts);

struct Forgotten {
  uint64_t uploads = 0, manifests = 0, tags = 0, links = 0;
  uint64_t bytes = 0;         // on the disk: given back
  uint64_t bytes_handed = 0;  // on the account of others from now on
  uint64_t bytes_left = 0;    // still on the route's account: those who need them have no room for them
  bool is_cut = false;        // it was stopped before its end
};
struct Forgetting {
  const Parts& parts;
  Blobs& blobs;
  IdlePartials& partials;
  Trash& trash;
};
// Both: `conflict` if the route is configured, `not_found` if nothing is left of it.
[[nodiscard]] Result<Forgotten> what_is_left_of(const Forgetting& forgetting, const std::string& route);
[[nodiscard]] Result<Forgotten> forget_route(const Forgetting& forgetting, const std::string& route,
                                             const std::stop_token& stop);

}  // namespace breakwater::store
