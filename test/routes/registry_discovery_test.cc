// Lists: of tags, of repositories, of what refers to a manifest.
#include "routes/registry/list_page.h"
#include "store/blobs/parts.h"
#include "store/catalog/catalog.h"
#include "test/catch.h"
#include "test/fakes/registry_world.h"

namespace breakwater::test {
namespace {

using store::Algorithm;

constexpr const char* kRepository = "team/app";
constexpr const char* kSbom = "application/vnd.example.sbom.v1";
constexpr const char* kSignature = "application/vnd.example.signature.v1";

std::string tags_path(std::string_view repository) { return "/v2/" + std::string(repository) + "/tags/list"; }
std::string referrers_path(const store::Digest& subject) {
  return "/v2/team/app/referrers/" + subject.text();
}

void tag_as(RegistryWorld& world, const std::vector<std::string>& tags) {
  const auto text = world.made_image(kRepository, 1).text();
  for (const auto& tag : tags) CHECK(world.put_manifest(kRepository, tag, text).status == 201);
}

// The target of `Link: <target>; rel="next"`, "" if there is none.
std::string next_of(const Reply& page) {
  const auto link = page["Link"];
  if (link.empty()) return {};
  CHECK(link.starts_with("</v2/"));
  CHECK(link.ends_with(">; rel=\"next\""));
  return std::string(link.substr(1, link.find('>') - 1));
}

// An artifact of `type` that refers to `subject`; its own digest is of the subject's algorithm.
Descriptor attach(RegistryWorld& world, const Descriptor& subject, const std::string& type,
                  const std::string& note) {
  MadeManifest artifact;
  artifact.artifact_type = type;
  artifact.config = world.push_blob(kRepository, "{}", kEmptyType);
  artifact.subject = subject;
  artifact.note = note;
  const auto text = artifact.text();
  const auto digest = store::digest_of(subject.digest.algorithm(), text);
  const auto pushed = world.put_manifest(kRepository, digest.text(), text);
  CHECK(pushed.status == 201);
  CHECK(pushed["OCI-Subject"] == subject.digest.text());
  return Descriptor(artifact.media_type, digest, text.size());
}

std::string listed(const Descriptor& artifact, const std::string& type, const std::string& note) {
  return R"({"mediaType":")" + artifact.media_type + R"(","digest":")" + artifact.digest.text() +
         R"(","size":)" + std::to_string(artifact.size) +
         (type.empty() ? "" : R"(,"artifactType":")" + type + '"') +
         (note.empty() ? "" : R"(,"annotations":{"made.for":")" + note + "\"}") + "}";
}

void check_index(const Reply& reply) {
  CHECK(reply.status == 200);
  CHECK(reply["Content-Type"] == routes::kOciIndex);
  CHECK(reply.body.find(R"("schemaVersion":2)") != std::string::npos);
  CHECK(reply.body.find(R"("mediaType":"application/vnd.oci.image.index.v1+json")") != std::string::npos);
}

bool lists(const Reply& reply, const std::string& text) { return reply.body.find(text) != std::string::npos; }

}  // namespace

TEST_CASE("an empty registry answers all that can be asked of it") {
  RegistryWorld world;
  const auto base = world.get("/v2/");
  CHECK(base.status == 200);
  CHECK(base.body == "{}");
  CHECK(world.get("/v2").body == "{}");
  const auto catalog = world.get("/v2/_catalog");
  CHECK(catalog.status == 200);
  CHECK(catalog.body == R"({"repositories":[]})");
  CHECK(world.get(tags_path(kRepository)).says("NAME_UNKNOWN"));
  CHECK(world.get(tags_path(kRepository)).status == 404);
  const auto referrers = world.get(referrers_path(digest_of("x")));
  check_index(referrers);
  CHECK(lists(referrers, R"("manifests":[])"));
}

TEST_CASE("tags are listed in the order of their bytes") {
  RegistryWorld world;
  tag_as(world, {"latest", "1.10", "1.9", "Zeta", "_x", "alpha"});
  const auto list = world.get(tags_path(kRepository));
  CHECK(list.status == 200);
  CHECK(list["Content-Type"] == routes::kJson);
  CHECK(list.body == R"({"name":"team/app","tags":["1.10","1.9","Zeta","_x","alpha","latest"]})");
  CHECK_FALSE(list.has("Link"));
}

TEST_CASE("tags are listed in pages, each with a link to the next") {
  RegistryWorld world;
  tag_as(world, {"a", "b", "c", "d", "e"});
  const auto first = world.get(tags_path(kRepository) + "?n=2");
  CHECK(first.body == R"({"name":"team/app","tags":["a","b"]})");
  const auto second = world.get(next_of(first));
  CHECK(second.body == R"({"name":"team/app","tags":["c","d"]})");
  const auto third = world.get(next_of(second));
  CHECK(third.body == R"({"name":"team/app","tags":["e"]})");
  CHECK_FALSE(third.has("Link"));
  CHECK_FALSE(world.get(tags_path(kRepository) + "?n=5").has("Link"));
  CHECK_FALSE(world.get(tags_path(kRepository) + "?n=100").has("Link"));
}

TEST_CASE("a list begins behind last, with and without n, whether or not there is such a tag") {
  RegistryWorld world;
  tag_as(world, {"a", "b", "d", "e"});
  CHECK(world.get(tags_path(kRepository) + "?n=1&last=a").body == R"({"name":"team/app","tags":["b"]})");
  CHECK(world.get(tags_path(kRepository) + "?last=b").body == R"({"name":"team/app","tags":["d","e"]})");
  CHECK(world.get(tags_path(kRepository) + "?last=c").body == R"({"name":"team/app","tags":["d","e"]})");
  CHECK(world.get(tags_path(kRepository) + "?last=e").body == R"({"name":"team/app","tags":[]})");
}

TEST_CASE("with n=0 the list is empty and has no link") {
  RegistryWorld world;
  tag_as(world, {"a", "b"});
  const auto list = world.get(tags_path(kRepository) + "?n=0");
  CHECK(list.status == 200);
  CHECK(list.body == R"({"name":"team/app","tags":[]})");
  CHECK_FALSE(list.has("Link"));
}

TEST_CASE("an n that is no number is 400, one that is too large is all there is") {
  RegistryWorld world;
  tag_as(world, {"a"});
  CHECK(world.get(tags_path(kRepository) + "?n=x").status == 400);
  CHECK(world.get(tags_path(kRepository) + "?n=-1").status == 400);
  CHECK(world.get(tags_path(kRepository) + "?n=99999999999999999999999").body ==
        R"({"name":"team/app","tags":["a"]})");
}

TEST_CASE("a repository whose manifests have no tag has an empty list") {
  RegistryWorld world;
  const auto text = world.made_image(kRepository, 1).text();
  CHECK(world.put_manifest(kRepository, digest_of(text).text(), text).status == 201);
  CHECK(world.get(tags_path(kRepository)).body == R"({"name":"team/app","tags":[]})");
}

TEST_CASE("tags of one repository are not those of another whose name begins alike") {
  RegistryWorld world;
  world.push_image("team", "one", 1);
  world.push_image("team/app", "two", 2);
  world.push_image("team/app2", "three", 3);
  CHECK(world.get(tags_path("team")).body == R"({"name":"team","tags":["one"]})");
  CHECK(world.get(tags_path("team/app")).body == R"({"name":"team/app","tags":["two"]})");
}

TEST_CASE("repositories are listed, in pages") {
  RegistryWorld world;
  for (const auto* name : {"b/x", "a", "c", "b"}) world.push_image(name, "latest", 1);
  CHECK(world.get("/v2/_catalog").body == R"({"repositories":["a","b","b/x","c"]})");
  const auto first = world.get("/v2/_catalog?n=3");
  CHECK(first.body == R"({"repositories":["a","b","b/x"]})");
  CHECK(world.get(next_of(first)).body == R"({"repositories":["c"]})");
  CHECK(world.get("/v2/_catalog?n=0").body == R"({"repositories":[]})");
}

TEST_CASE("who refers to a manifest is listed with type, size, artifact type and annotations") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  const bool subject_first = GENERATE(true, false);
  RegistryWorld world;
  const auto image = world.made_image(kRepository, 2);
  const Descriptor subject(image.media_type, store::digest_of(algorithm, image.text()), image.text().size());
  const auto push_subject = [&] {
    CHECK(world.put_manifest(kRepository, subject.digest.text() + "?tag=latest", image.text()).status == 201);
  };
  if (subject_first) push_subject();
  const auto sbom = attach(world, subject, kSbom, "one");
  const auto signature = attach(world, subject, kSignature, "");
  if (!subject_first) push_subject();
  const auto all = world.get(referrers_path(subject.digest));
  check_index(all);
  CHECK_FALSE(all.has("OCI-Filters-Applied"));
  CHECK(lists(all, listed(sbom, kSbom, "one")));
  CHECK(lists(all, listed(signature, kSignature, "")));
  CHECK(world.head(referrers_path(subject.digest))["Content-Length"] == std::to_string(all.body.size()));
}

TEST_CASE("without an artifact type an image is listed with its config's, an index with none") {
  RegistryWorld world;
  const auto subject = world.push_image(kRepository, "latest", 3);
  auto image = world.made_image(kRepository, 4);
  image.subject = subject;
  MadeManifest index;
  index.media_type = routes::kOciIndex;
  index.subject = subject;
  auto typed_index = index;
  typed_index.artifact_type = kSbom;
  const auto pushed = world.push_manifest(kRepository, "image", image);
  const auto pushed_index = world.push_manifest(kRepository, "index", index);
  const auto pushed_typed = world.push_manifest(kRepository, "typed", typed_index);
  const auto list = world.get(referrers_path(subject.digest));
  CHECK(lists(list, listed(pushed, std::string(kConfigType), "")));
  CHECK(lists(list, listed(pushed_index, "", "")));
  CHECK(lists(list, listed(pushed_typed, kSbom, "")));
}

TEST_CASE("referrers are filtered by artifact type, and the answer says so") {
  RegistryWorld world;
  const auto subject = world.push_image(kRepository, "latest", 5);
  const auto sbom = attach(world, subject, kSbom, "");
  const auto signature = attach(world, subject, kSignature, "");
  const auto filtered =
      world.get(referrers_path(subject.digest) + "?artifactType=" + proxy::percent_encode(kSbom));
  check_index(filtered);
  CHECK(filtered["OCI-Filters-Applied"] == "artifactType");
  CHECK(lists(filtered, listed(sbom, kSbom, "")));
  CHECK_FALSE(lists(filtered, signature.digest.text()));
  const auto none = world.get(referrers_path(subject.digest) + "?artifactType=a/b");
  CHECK(none["OCI-Filters-Applied"] == "artifactType");
  CHECK(lists(none, R"("manifests":[])"));
}

TEST_CASE("more referrers than fit into one manifest come in pages, filtered alike") {
  const bool filtered = GENERATE(false, true);
  RegistryWorld world;
  const auto subject = world.push_image(kRepository, "latest", 6);
  std::vector<Descriptor> sboms;
  for (int i = 0; i < 9; ++i)
    sboms.push_back(attach(world, subject, kSbom, std::to_string(i) + std::string(800'000, 'x')));
  const auto signature = attach(world, subject, kSignature, "");
  std::string target =
      referrers_path(subject.digest) + (filtered ? "?artifactType=" + proxy::percent_encode(kSbom) : "");
  std::vector<Reply> pages;
  for (; !target.empty(); target = next_of(pages.back())) {
    pages.push_back(world.get(target));
    check_index(pages.back());
    CHECK(pages.back().body.size() <= 4 << 20);
    CHECK(pages.back().has("OCI-Filters-Applied") == filtered);
  }
  CHECK(pages.size() > 1);
  const auto times_listed = [&pages](const Descriptor& artifact) {
    return std::count_if(pages.begin(), pages.end(),
                         [&](const Reply& page) { return lists(page, artifact.digest.text()); });
  };
  for (const auto& sbom : sboms) CHECK(times_listed(sbom) == 1);
  CHECK(times_listed(signature) == (filtered ? 0 : 1));
}

TEST_CASE("a type that no referrer has is looked for in one page, and nothing that is long is read for it") {
  RegistryWorld world;
  const auto subject = world.push_image(kRepository, "latest", 6);
  constexpr uint64_t kReferrers = 9;
  for (uint64_t i = 0; i < kReferrers; ++i)
    attach(world, subject, kSbom, std::to_string(i) + std::string(800'000, 'x'));
  const auto signature = attach(world, subject, kSignature, "");
  world.stop();  // so that the records are on the disk, and not in memory
  world.start();
  world.get("/v2/");
  const auto reads = [&] { return world.files.disk.count(FaultyDisk::Operation::read); };
  const auto before = reads();
  const auto page = world.get(referrers_path(subject.digest) + "?artifactType=a/b");
  CHECK(reads() - before < kReferrers);
  check_index(page);
  CHECK(lists(page, R"("manifests":[])"));
  CHECK_FALSE(page.has("Link"));
  const auto found =
      world.get(referrers_path(subject.digest) + "?artifactType=" + proxy::percent_encode(kSignature));
  CHECK(lists(found, listed(signature, kSignature, "")));
  CHECK(reads() - before < kReferrers);
}

TEST_CASE("where a version before has written long records, a page reads few, and has a link to the next") {
  RegistryWorld world;
  const auto subject = world.push_image(kRepository, "latest", 6);
  const auto signature = attach(world, subject, kSignature, "");
  store::Batch batch;
  for (int i = 0; i < 9; ++i) {
    const store::ReferrerRecord record{R"({"annotations":{"a":")" + std::string(800'000, 'x') + "\"}}",
                                       kSbom};
    batch.put_referrer({world.settings.route, kRepository}, subject.digest, digest_of(std::to_string(i)),
                       record);
  }
  REQUIRE(world.store().parts().catalog.write(std::move(batch), store::Durability::buffered));
  std::vector<Reply> pages;
  for (auto target = referrers_path(subject.digest) + "?artifactType=" + proxy::percent_encode(kSignature);
       !target.empty(); target = next_of(pages.back())) {
    pages.push_back(world.get(target));
    check_index(pages.back());
  }
  CHECK(pages.size() > 1);
  CHECK(next_of(pages.front()).find("artifactType") != std::string::npos);
  CHECK(std::count_if(pages.begin(), pages.end(),
                      [&](const Reply& page) { return lists(page, signature.digest.text()); }) == 1);
}

TEST_CASE(
    "referrers of nothing, of a repository that is not there or of another's manifest are none, never 404") {
  RegistryWorld world;
  const auto subject = world.push_image(kRepository, "latest", 7);
  attach(world, subject, kSbom, "");
  for (const auto& target : {referrers_path(digest_of("x")), "/v2/none/referrers/" + subject.digest.text(),
                             "/v2/team/app/referrers/sha256:" + std::string(64, '0')}) {
    const auto list = world.get(target);
    check_index(list);
    CHECK(lists(list, R"("manifests":[])"));
  }
}

TEST_CASE("referrers of what is no digest are 400") {
  RegistryWorld world;
  CHECK(world.get("/v2/team/app/referrers/latest").status == 400);
  CHECK(world.get("/v2/team/app/referrers/sha256:short").says("DIGEST_INVALID"));
}

TEST_CASE("a referrer that is removed is listed no more, one that is pushed again is listed once") {
  RegistryWorld world;
  const auto subject = world.push_image(kRepository, "latest", 8);
  const auto sbom = attach(world, subject, kSbom, "");
  attach(world, subject, kSbom, "");
  const auto list = world.get(referrers_path(subject.digest)).body;
  CHECK(list.find(sbom.digest.text()) == list.rfind(sbom.digest.text()));
  CHECK(world.remove(manifest_path(kRepository, sbom.digest.text())).status == 202);
  CHECK(lists(world.get(referrers_path(subject.digest)), R"("manifests":[])"));
}

TEST_CASE("a long list comes in pieces, whole, and with a link to the next page") {
  RegistryWorld world;
  const auto image = world.push_image(kRepository, "0", 9);
  store::Batch batch;
  std::string names = "\"0\"";
  for (int i = 0; i < 10'000; ++i) {
    const std::string tag = "tag-" + std::to_string(100'000 + i);
    batch.put_tag({world.settings.route, kRepository}, tag, {image.digest, image.media_type}, std::nullopt);
    if (i < 9'999) names += ",\"" + tag + '"';
  }
  REQUIRE(world.store().parts().catalog.write(std::move(batch), store::Durability::buffered));
  const auto page = world.get(tags_path(kRepository));
  CHECK(page.status == 200);
  CHECK(page["Transfer-Encoding"] == "chunked");
  CHECK(page.body == R"({"name":"team/app","tags":[)" + names + "]}");
  CHECK(world.get(next_of(page)).body == R"({"name":"team/app","tags":["tag-109999"]})");
  const auto head = world.head(tags_path(kRepository));
  CHECK(head.status == 200);
  CHECK(head["Link"] == page["Link"]);
  CHECK_FALSE(head.has("Content-Length"));
}

TEST_CASE("clients who do not read a long list hold a piece of it each") {
  constexpr size_t kClients = 6, kReferrers = 100;
  RegistryWorld world;
  const auto subject = world.push_image(kRepository, "latest", 6);
  store::Batch batch;
  for (size_t i = 0; i < kReferrers; ++i) {
    const store::ReferrerRecord record{R"({"annotations":{"a":")" + std::string(30'000, 'x') + "\"}}", kSbom};
    batch.put_referrer({world.settings.route, kRepository}, subject.digest, digest_of(std::to_string(i)),
                       record);
  }
  REQUIRE(world.store().parts().catalog.write(std::move(batch), store::Durability::buffered));
  std::vector<std::unique_ptr<RawClient>> clients;
  for (size_t i = 0; i < kClients; ++i) {
    clients.push_back(world.connect(4096));
    clients.back()->send(request_text("GET", referrers_path(subject.digest)));
  }
  run_until(world.loop, [&] { return world.buffered_bytes() > 0; });
  for (auto& client : clients) client->receive_head();
  run_some_turns(world.loop);
  CHECK(world.buffered_bytes() <= kClients * 2 * routes::ListPage::kPieceBytes);
  clients.clear();
  const auto whole = world.get(referrers_path(subject.digest));
  check_index(whole);
  CHECK_FALSE(whole.has("Link"));
  size_t listed = 0;
  for (size_t at = 0; (at = whole.body.find("annotations", at)) != std::string::npos; ++at) ++listed;
  CHECK(listed == kReferrers);
}

}  // namespace breakwater::test
