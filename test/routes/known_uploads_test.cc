#include "routes/registry/known_uploads.h"

#include "test/catch.h"

namespace breakwater::routes {
namespace {

using std::chrono::seconds;

constexpr proxy::ClientKey kOne = {1};
constexpr proxy::ClientKey kOther = {2};

const UploadName kA("app", "a");
const UploadName kB("app", "b");
const UploadName kC("other", "a");

TEST_CASE("an upload counts for its client while it is in use and for a minute after") {
  KnownUploads uploads;
  const store::Time now(seconds(1000));
  uploads.add(kA, kOne, now);
  uploads.add(kB, kOne, now);
  uploads.use(kB, kOne);
  CHECK(uploads.of(kOne, now + seconds(59)) == 2);
  CHECK(uploads.of(kOther, now) == 0);
  CHECK(uploads.of(kOne, now + seconds(60)) == 1);
  CHECK(uploads.of(kOne, now + seconds(6000)) == 1);
  uploads.rest(kB, now + seconds(6000));
  CHECK(uploads.of(kOne, now + seconds(6059)) == 1);
  CHECK(uploads.of(kOne, now + seconds(6060)) == 0);
  CHECK(uploads.size() == 2);
}

TEST_CASE("an upload counts for the client that uses it now, and for none when it is gone") {
  KnownUploads uploads;
  const store::Time now(seconds(1000));
  uploads.add(kA, kOne, now);
  uploads.use(kA, kOther);
  CHECK(uploads.of(kOne, now) == 0);
  CHECK(uploads.of(kOther, now) == 1);
  uploads.remove(kA);
  CHECK(uploads.of(kOther, now) == 0);
  CHECK(uploads.size() == 0);
  uploads.rest(kA, now);
  CHECK(uploads.size() == 0);
}

TEST_CASE("the longest idle is the one that was not used for longest, and for a minute") {
  KnownUploads uploads;
  const store::Time now(seconds(1000));
  CHECK_FALSE(uploads.longest_idle(now));
  uploads.add(kA, kOne, now);
  uploads.add(kB, kOne, now + seconds(1));
  CHECK_FALSE(uploads.longest_idle(now + seconds(59)));
  CHECK(uploads.longest_idle(now + seconds(60)) == kA);
  uploads.use(kA, kOne);
  CHECK_FALSE(uploads.longest_idle(now + seconds(60)));
  CHECK(uploads.longest_idle(now + seconds(61)) == kB);
  uploads.rest(kA, now + seconds(62));
  CHECK(uploads.longest_idle(now + seconds(200)) == kB);
  uploads.remove(kB);
  CHECK(uploads.longest_idle(now + seconds(200)) == kA);
}

TEST_CASE(
    "what a walk finds is known by its own time, and what it does not find and is idle is not any more") {
  KnownUploads uploads;
  const store::Time now(seconds(1000));
  uploads.add(kA, kOne, now);
  CHECK(uploads.longest_idle(now + seconds(60)) == kA);
  uploads.note(kB, now - seconds(5));
  uploads.note(kA, now - seconds(50));
  CHECK(uploads.longest_idle(now + seconds(60)) == kB);
  uploads.add(kC, kOne, now + seconds(59));
  uploads.keep({kB}, now + seconds(60));
  CHECK(uploads.size() == 2);
  CHECK(uploads.longest_idle(now + seconds(60)) == kB);
  CHECK(uploads.of(kOne, now + seconds(60)) == 1);
}

TEST_CASE("a client is its address, of IPv6 its first half") {
  proxy::Peer peer;
  peer.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 7};
  CHECK(peer.client() == peer.address);
  peer.address = {0xfd, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  CHECK(peer.client() == proxy::ClientKey{0xfd, 0, 0, 0, 0, 0, 0, 1});
}

}  // namespace
}  // namespace breakwater::routes
