// Where tokens come from: our own (own_tokens.h), or the jobs of a CI system, whose issuer has signed them.
// The Authenticator asks the first source that recognises what a client shows as its password or Bearer
// token. Belongs to the loop's thread.
#pragma once

#include "proxy/http/peer.h"
#include "proxy/loop/task.h"
#include "routes/access/authorize.h"
#include "store/base/result.h"
#include "store/base/secret.h"

namespace breakwater::routes {

class TokenSource {
 public:
  // Whether anybody could have a token of it; if not, whatever a client shows is none.
  virtual bool has_any() const = 0;
  // Whether the text has the shape of its tokens. Then it is a token, whatever else it could be, and no other
  // source is asked.
  virtual bool recognises(std::string_view text) const = 0;
  // Whose token it is. `denied` says why it is refused and quotes nothing of it; `storage` and `unavailable`
  // say that nobody can tell just now. An identity without a name is nobody's: who bears the token is as
  // anonymous as without it. The caller keeps both until the Task has ended.
  virtual proxy::Task<Result<Identity>> identify(const store::Secret& secret, const proxy::Peer& peer) = 0;

 protected:
  ~TokenSource() = default;
};

}  // namespace breakwater::routes
