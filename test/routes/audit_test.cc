// Who did what, as the audit log has it: pushes, deletions, and what was refused or has failed.
#include "routes/ops/audit.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "routes/ops/audited_acts.h"
#include "routes/ops/noted_changes.h"
#include "routes/ops/operations.h"
#include "test/catch.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_log.h"
#include "test/fakes/registry_world.h"

namespace breakwater::routes {
namespace {

using nlohmann::json;

// A file of lines in a folder of its own.
struct AuditFile {
  AuditFile() {
    std::string name = (std::filesystem::temp_directory_path() / "breakwater-audit-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    audit = std::make_unique<Audit>(clock, log, *store::LineFile::open(path(), std::nullopt));
  }
  ~AuditFile() {
    audit.reset();
    std::filesystem::remove_all(folder);
  }
  std::filesystem::path path() const { return folder / "audit.log"; }
  // All that was noted; nothing more can be.
  std::vector<json> lines() {
    audit.reset();
    std::vector<json> all;
    std::ifstream file(path());
    for (std::string line; std::getline(file, line);) all.push_back(json::parse(line));
    return all;
  }
  test::FakeClock clock;
  test::FakeLog log;
  std::filesystem::path folder;
  std::unique_ptr<Audit> audit;
};

// Begins with the first change, when the world has a store.
struct AuditedWorld : AuditFile, test::RegistryWorld, RegistryChanges {
  AuditedWorld() {
    changes = this;
    test::RegistryWorld::audit = AuditFile::audit.get();
  }
  ~AuditedWorld() override { stop(); }
  Result<> note(const ChangingRequest& request, const std::vector<RegistryChange>& all) override {
    if (!noted) {
      events = std::make_unique<store::EventQueue>(store().parts().catalog,
                                                   std::map<std::string, store::EventQueue::Kinds>());
      noted = std::make_unique<NotedChanges>(*AuditFile::audit, *events, AuditFile::clock);
    }
    return noted->note(request, all);
  }
  std::vector<json> all() {
    stop();
    return AuditFile::lines();
  }
  std::unique_ptr<store::EventQueue> events;
  std::unique_ptr<NotedChanges> noted;
};

}  // namespace

TEST_CASE("a push is one line with who, from where, what, and what the tag named before and after") {
  AuditedWorld world;
  const auto first = world.push_image("team/app", "1", 1).digest;
  const auto second = world.push_image("team/app", "1", 2).digest;
  const auto lines = world.all();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["at"] == "2023-11-14T22:13:20Z");
  CHECK(lines[0]["who"] == "127.0.0.1");
  CHECK(lines[0]["from"] == "127.0.0.1");
  CHECK(lines[0]["what"] == "push");
  CHECK(lines[0]["route"] == "private");
  CHECK(lines[0]["repository"] == "team/app");
  CHECK(lines[0]["reference"] == "1");
  CHECK_FALSE(lines[0].contains("digest_before"));
  CHECK(lines[0]["digest_after"] == first.text());
  CHECK(lines[0]["result"] == "done");
  CHECK(lines[0].contains("trace"));
  CHECK(lines[1]["digest_before"] == first.text());
  CHECK(lines[1]["digest_after"] == second.text());
}

TEST_CASE("deleting a tag, a manifest or a blob is a line, with what it was") {
  AuditedWorld world;
  const auto image = world.push_image("team/app", "1", 1).digest;
  const auto blob = world.push_blob("team/app", "alone").digest;
  CHECK(world.remove(test::manifest_path("team/app", "1")).status == 202);
  CHECK(world.remove(test::manifest_path("team/app", image.text())).status == 202);
  CHECK(world.remove(test::blob_path("team/app", blob)).status == 202);
  const auto lines = world.all();
  REQUIRE(lines.size() == 4);
  for (size_t i = 1; i < 4; ++i) {
    CHECK(lines[i]["what"] == "delete");
    CHECK(lines[i]["result"] == "done");
    CHECK_FALSE(lines[i].contains("digest_after"));
  }
  CHECK(lines[1]["reference"] == "1");
  CHECK(lines[1]["digest_before"] == image.text());
  CHECK(lines[2]["reference"] == image.text());
  CHECK(lines[3]["digest_before"] == blob.text());
}

TEST_CASE("a push or deletion that is refused is a line with the reason, a pull and an upload are none") {
  AuditedWorld world;
  world.access.allow_change.networks = *Networks::parse({"10.0.0.0/8"});
  CHECK(world.put_manifest("team/app", "1", "{}").status == 403);
  CHECK(world.post(test::uploads_path("team/app")).status == 403);
  CHECK(world.remove(test::manifest_path("team/app", "gone")).status == 403);
  CHECK(world.get(test::manifest_path("team/app", "1")).status == 404);
  const auto lines = world.all();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["what"] == "push");
  CHECK(lines[0]["repository"] == "team/app");
  CHECK(lines[0]["reference"] == "1");
  CHECK(lines[0]["result"] == "refused");
  CHECK(lines[0]["reason"].get<std::string>().find("allow_push") != std::string::npos);
  CHECK(lines[1]["what"] == "delete");
  CHECK(lines[1]["reference"] == "gone");
}

TEST_CASE("a push under several tags is a line for each") {
  AuditedWorld world;
  const auto text = world.made_image("team/app", 1).text();
  const auto digest = store::digest_of(store::Algorithm::sha256, text);
  CHECK(world.put_manifest("team/app", digest.text() + "?tag=a&tag=b", text).status == 201);
  const auto lines = world.all();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["reference"] == "a");
  CHECK(lines[1]["reference"] == "b");
}

TEST_CASE("an act's line names what it is about, and of one tag what it named") {
  RouteDirectory directory;
  directory.routes.push_back({"private", RouteDirectory::Kind::registry, "", {5050}});
  Arguments arguments;
  arguments.add("what", "team/app:1");
  auto entry = audit_entry(*operation_of("rm"), arguments, directory);
  entry.uid = 0;
  entry.from = "control socket";
  set_outcome(entry,
              Json{{"tags", Json::array({{{"image", "private/team/app:1"}, {"digest", "sha256:ab"}}})}});
  auto line = json::parse(audit_line(entry));
  CHECK(line["who"] == "root (uid 0)");
  CHECK(line["what"] == "rm");
  CHECK(line["arguments"] == "what=team/app:1");
  CHECK(line["route"] == "private");
  CHECK(line["repository"] == "team/app");
  CHECK(line["reference"] == "1");
  CHECK(line["digest_before"] == "sha256:ab");
  CHECK(line["result"] == "done");
  set_outcome(entry, failure(Error::Kind::not_found, "there is none"));
  CHECK(json::parse(audit_line(entry))["result"] == "refused");
  set_outcome(entry, failure(Error::Kind::storage, "the disk is broken"));
  line = json::parse(audit_line(entry));
  CHECK(line["result"] == "failed");
  CHECK(line["reason"] == "the disk is broken");
}

TEST_CASE("a peer of the control socket is told as its user, any other as its address") {
  AuditEntry entry;
  proxy::Peer peer;
  peer.text = "uid 0";
  set_peer(entry, peer);
  CHECK(entry.uid == 0);
  CHECK(entry.from == "control socket");
  peer.text = "10.0.0.7";
  AuditEntry other;
  set_peer(other, peer);
  CHECK(other.who == "10.0.0.7");
  CHECK(other.from == "10.0.0.7");
  CHECK_FALSE(other.uid);
}

TEST_CASE("without a file the audit log is events of the log, one line whatever it holds") {
  test::FakeClock clock;
  test::FakeLog log;
  {
    Audit audit(clock, log, nullptr);
    AuditEntry entry;
    entry.what = "push";
    entry.reference = "a\nb";
    audit.note(std::move(entry));
  }
  REQUIRE(log.lines().size() == 1);
  CHECK(log.lines()[0] == "info audit at=2023-11-14T22:13:20Z what=push reference=a\\x0ab result=done");
}

}  // namespace breakwater::routes
