// What a caller of the page and of its API is shown: the repositories that he may pull from, and no others.
// authorize() decides, by what the routes themselves say of him.
//
//   const Sight sight(peer, identity, accesses);
//   if (sight.is_of_all()) …                      // nothing is left out for him
//   if (!sight.sees("private", "team/app")) …     // as if it were not there
//
// Where no route has rules, whoever may look sees everything, as an operator's page always did; but who
// identifies himself by a token, or as a job, sees what that is for. What a route has left that is not
// configured any more is seen by those alone who see everything.
//
// A value, cheap to copy: it is of the moment at which it was made. Any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/http/peer.h"
#include "routes/access/authorize.h"

namespace breakwater::routes {

class Sight {
 public:
  Sight() = default;  // of everything
  // `identity`: null if he has not said who he is. `routes`: all that there are.
  Sight(const proxy::Peer& peer, const Identity* identity,
        const std::vector<std::shared_ptr<const RouteAccess>>& routes);

  bool is_of_all() const { return of_ == nullptr; }
  // A repository as the store calls it; of an `any` route "<registry>/<name>".
  bool sees(const std::string& route, const std::string& repository) const;
  // Whether he may pull from some repository of the route.
  bool sees_any(const std::string& route) const;

 private:
  struct Of;
  bool may_pull(const std::string& route, const std::string& repository) const;

  std::shared_ptr<const Of> of_;  // null: everything
};

}  // namespace breakwater::routes
