// Which lines of a file of users are taken, which hashes, and what an operator reads of the others.
#include "routes/access/htpasswd.h"

#include <set>

#include "routes/access/password_hash.h"
#include "test/catch.h"
#include "test/fakes/made_passwords.h"

namespace breakwater::routes {
namespace {

using test::hash_of;
using test::htpasswd_line;

const std::string kHash = "$2y$05$" + std::string(53, 'a');

std::string wrong(const std::string& text) {
  const auto parsed = Htpasswd::parse(text, "users");
  return parsed ? "" : parsed.error().message;
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("each kind of hash that is taken knows its password, and no other") {
  struct Kind {
    const char* prefix;
    unsigned long cost;
  };
  for (const Kind& kind : {Kind{"$2a$", 4}, Kind{"$2b$", 4}, Kind{"$2y$", 4}, Kind{"$y$", 0}, Kind{"$y$", 1},
                           Kind{"$6$", 0}, Kind{"$6$", 1000}, Kind{"$5$", 0}, Kind{"$5$", 1000}}) {
    CAPTURE(kind.prefix, kind.cost);
    const std::string hash = hash_of("correct horse", kind.prefix, kind.cost);
    CHECK(check_hash(hash));
    CHECK(has_hash(store::Secret("correct horse"), hash));
    CHECK_FALSE(has_hash(store::Secret("correct horsf"), hash));
    CHECK_FALSE(has_hash(store::Secret("correct"), hash));
    CHECK_FALSE(has_hash(store::Secret(""), hash));
    CHECK_FALSE(has_hash(store::Secret(std::string("correct horse\0more", 18)), hash));
    CHECK_FALSE(has_hash(store::Secret(std::string(512, 'x')), hash));
    // Cut off or longer, it is none.
    CHECK_FALSE(check_hash(hash.substr(0, hash.size() - 1)));
    CHECK_FALSE(check_hash(hash + "a"));
    CHECK_FALSE(check_hash(hash.substr(0, hash.size() - 1) + "!"));
  }
}

TEST_CASE(
    "a hash that is cheap to guess, or that a login would take too long for, is refused with what to do") {
  const auto says = [](const std::string& hash, const std::string& part) {
    CAPTURE(hash);
    const auto checked = check_hash(hash);
    REQUIRE_FALSE(checked);
    CHECK(has(checked.error().message, part));
    CHECK(has(checked.error().message, "make it again with "));
    if (hash.size() > 12) CHECK_FALSE(has(checked.error().message, hash.substr(12)));
  };
  says("", "no password");
  says("secret", "a plain password");
  says("rqXexS6ZhobKA", "a plain password or a DES hash");
  says("$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00", "an apr1 (MD5) hash");
  says("$1$abcdefgh$irWbblnpmw.5z7wgBnprh0", "an MD5 hash");
  says("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "a SHA-1 hash");
  says("{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "a SHA-1 hash");
  says("$7$CU..../....QUXDgNLc8vz6rcNPSAdzZ/$x", "a hash of another kind");
  says("$2x$05$" + std::string(53, 'a'), "a hash of another kind");
  says("!", "a locked password");
  says("*", "a locked password");
  says("$2y$05$short", "bcrypt hash that is not whole");
  says("$2y$03$" + std::string(53, 'a'), "bcrypt hash that is not whole");
  says("$2y$15$" + std::string(53, 'a'), "cost 15");
  says("$2y$31$" + std::string(53, 'a'), "cost 31");
  says("$2y$5$" + std::string(54, 'a'), "bcrypt hash that is not whole");
  says("$6$rounds=1000001$salt$" + std::string(86, 'a'), "1000001 rounds");
  says("$6$rounds=999999999999$salt$" + std::string(86, 'a'), "not whole");
  says("$6$rounds=10$salt$" + std::string(86, 'a'), "not whole");
  says("$6$rounds=$salt$" + std::string(86, 'a'), "not whole");
  says("$5$" + std::string(17, 's') + "$" + std::string(43, 'a'), "not whole");
  says("$y$jFT$salt$" + std::string(43, 'a'), "64 MiB");
  says("$y$jzz$salt$" + std::string(43, 'a'), "64 MiB");
  says("$y$k9T$salt$" + std::string(43, 'a'), "not whole");
  says("$y$j9T$salt", "not whole");
  CHECK(check_hash("$2y$14$" + std::string(53, 'a')));
  CHECK(check_hash("$y$jBT$salt$" + std::string(43, 'a')));
  CHECK(check_hash("$6$rounds=1000000$salt$" + std::string(86, 'a')));
}

TEST_CASE("comments, blank lines, blanks around a line and CRLF are no users") {
  const auto users = Htpasswd::parse("# who may log in\r\n\r\n \t\r\nalice:" + kHash + "\r\n  bob:" + kHash +
                                         "\t\n#carol:" + kHash + "\n:not\n",
                                     "users");
  CHECK_FALSE(users);  // but the last is
  const auto right = Htpasswd::parse(
      "# who\r\n\r\n \t\r\nalice:" + kHash + "\r\n  bob:" + kHash + "\t\n#carol:" + kHash, "users");
  REQUIRE(right);
  CHECK(right->size() == 2);
  REQUIRE(right->hash_of("alice"));
  CHECK(*right->hash_of("alice") == kHash);
  CHECK(right->hash_of("bob"));
  CHECK_FALSE(right->hash_of("carol"));
  CHECK_FALSE(right->hash_of(""));
  CHECK(Htpasswd::parse("", "users")->size() == 0);
}

TEST_CASE("a wrong line is named with its file, its number and what to do, and not quoted") {
  CHECK(wrong("alice:" + kHash + "\nsecret\n") == "users line 2 has no colon: write it with htpasswd -B");
  CHECK(wrong(":" + kHash) == "users line 1 has no user before the colon");
  CHECK(
      wrong("#\n\nalice:plain\n") ==
      "users line 3 has a plain password or a DES hash, which is not taken: make it again with htpasswd -B");
  CHECK(
      wrong("a:{SHA}x\nb:$apr1$x\nc:d\n") ==
      "users line 1 has a SHA-1 hash, which is not taken: make it again with htpasswd -B; 2 more are wrong");
  CHECK(has(wrong(std::string("ali\x01") + "ce:" + kHash), "control characters"));
  CHECK(has(wrong(std::string("ali\0ce:", 7) + kHash), "control characters"));
  CHECK(has(wrong(std::string(256, 'a') + ":" + kHash), "more than 255 bytes"));
  CHECK(wrong(std::string(255, 'a') + ":" + kHash).empty());
  CHECK(has(wrong("alice:" + std::string(2000, 'x')), "more than 1024 bytes"));
  CHECK(wrong("#" + std::string(2000, 'x')).empty());
  CHECK(has(wrong(std::string(Htpasswd::kBytesMax + 1, '\n')), "more than 4 MiB"));
}

TEST_CASE("a user who is there twice is refused with both lines") {
  CHECK(wrong("alice:" + kHash + "\nbob:" + kHash + "\n\nalice:" + kHash) ==
        "users line 4 has the user alice again, who is in line 1 already: remove one of the two");
  CHECK(has(wrong("alice:" + kHash + "\nalice:" + kHash + "\nalice:" + kHash + "\n"), "; 1 more are wrong"));
  CHECK(wrong("alice:" + kHash + "\nAlice:" + kHash).empty());
}

TEST_CASE("a name that is not in the file is checked against the same hash each time, and is never known") {
  const auto users = Htpasswd::parse(
      htpasswd_line("alice", "a") + htpasswd_line("bob", "b") + htpasswd_line("carol", "c"), "users");
  REQUIRE(users);
  CHECK(users->to_check("bob", "seed").is_known);
  CHECK(users->to_check("bob", "seed").hash == users->hash_of("bob"));
  std::set<const std::string*> hashes;
  for (int i = 0; i < 100; ++i) {
    const auto name = "nobody-" + std::to_string(i);
    const auto to_check = users->to_check(name, "seed");
    REQUIRE(to_check.hash != nullptr);
    CHECK_FALSE(to_check.is_known);
    CHECK(users->to_check(name, "seed").hash == to_check.hash);
    hashes.insert(to_check.hash);
  }
  CHECK(hashes.size() == 3);
  CHECK(Htpasswd().to_check("alice", "seed").hash == nullptr);
}

}  // namespace breakwater::routes
