// The users of "users": who has proved by a password that he is one of them.
//
// A password that was right is remembered for a minute, and answered from memory. Any other waits in the
// PasswordLine for a hash, also that of a user who does not exist. The file is looked at each second while
// run() runs; what was remembered is forgotten when it has changed. A file that cannot be read, or has a
// wrong line, changes nothing and is told to the log (`users_not_read`).
//
// Belongs to the loop's thread; what it borrows outlives it, and it outlives whoever waits.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "proxy/http/peer.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"
#include "routes/access/authorize.h"
#include "routes/access/htpasswd.h"
#include "routes/access/htpasswd_file.h"
#include "routes/access/password_line.h"
#include "routes/access/remembered_passwords.h"
#include "routes/access/strikes.h"
#include "routes/access/users_settings.h"
#include "store/base/clock.h"
#include "store/base/log.h"
#include "store/base/result.h"
#include "store/base/secret.h"

namespace breakwater::routes {

class Users {
 public:
  // Reads the file, so it may block. `workers` read it later on.
  Users(proxy::Loop& loop, proxy::Workers& workers, PasswordLine& line, const store::Clock& clock,
        store::Log& log, UsersSettings settings);
  Users(const Users&) = delete;
  Users& operator=(const Users&) = delete;

  // `denied`, in the same words for a wrong password and for a user who does not exist; `throttled` as
  // PasswordLine says. The caller keeps `password` and `peer` until the Task has ended.
  proxy::Task<Result<Identity>> identify(std::string user, const store::Secret& password,
                                         const proxy::Peer& peer);

  proxy::Task<> run();   // looks each second; until it is destroyed
  proxy::Task<> look();  // now

  // Null if there is no such user. Valid until the file is read again.
  const std::string* hash_of(const std::string& user) const { return users_->hash_of(user); }
  Identity identity_of(const std::string& user) const;  // of one who is there
  size_t size() const { return users_->size(); }
  uint64_t hashed_total() const { return hashed_total_; }  // passwords that were not in memory
  uint64_t wrong_total() const { return wrong_total_; }

 private:
  using Read = std::optional<Result<Htpasswd>>;
  void take(Read read);
  Error wrong(const proxy::Peer& peer);

  proxy::Loop& loop_;
  proxy::Workers& workers_;
  PasswordLine& line_;
  store::Log& log_;
  const UsersSettings settings_;
  const std::shared_ptr<HtpasswdFile> file_;  // a job may outlive this object
  proxy::Workers::Strand reading_;
  std::shared_ptr<const Htpasswd> users_ = std::make_shared<const Htpasswd>();
  uint64_t versions_ = 0;  // of users_
  RememberedPasswords remembered_;
  Strikes strikes_;
  uint64_t hashed_total_ = 0, wrong_total_ = 0;
};

}  // namespace breakwater::routes
