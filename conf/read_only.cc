#include "conf/read_only.h"

namespace breakwater::conf {
namespace {

using Kind = Error::Kind;

// What is asked for is so already: a file that is there, or one that is not.
Result<> unless(Kind kind, Result<> result) {
  return !result && result.error().kind == kind ? Result<>() : result;
}

}  // namespace

Result<> ReadOnly::load() {
  const auto found = disk_.stat(file_);
  if (!found && found.error().kind != Kind::not_found) return failure(found.error());
  is_on_ = found.has_value();
  return {};
}

Result<> ReadOnly::set(bool on) {
  Result<> done;
  if (on) {
    const auto made = disk_.create(file_);
    if (!made) done = failure(made.error());
    done = unless(Kind::conflict, done);
  } else {
    done = unless(Kind::not_found, disk_.remove(file_));
  }
  if (done) done = disk_.sync_directory(data_);
  if (done) is_on_ = on;
  return done;
}

}  // namespace breakwater::conf
